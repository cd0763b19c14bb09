"""Which bound each column has: what is asked for by pattern, and the usual one by name and type for all others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from atlas_keras.codec.columns.layout import Leaf
from atlas_keras.data.naming import infer_column
from atlas_keras.errors import ConfigError
from atlas_keras.patterns import fits, fitting
from atlas_keras.schema import Bound, Column
from atlas_keras.suggestions import suggest

LAST_PART = re.compile(r"[./:_]+")


@dataclass(frozen=True)
class BoundRules:
    """Bounds by pattern; of several that fit a column, the last one holds.

    Args:
        size: of the usual bounds, where another one than 1e-3 is asked for; else None.
        patterns: names with `*` and `?`, and the bound.

    Example:
        >>> rules = BoundRules.parse(["1e-2", "Jet_*pt=rel 1e-3", "HLT_*=exact"])
        >>> rules.patterns["Jet_*pt"]
        Bound(kind='relative', size=0.001)
    """

    size: float | None = None
    patterns: Mapping[str, Bound] | None = None

    @classmethod
    def parse(cls, texts: Sequence[str]) -> BoundRules:
        """Read `1e-3`, `Jet_*pt=rel 1e-3`, `*phi=angle 1e-3`, `HLT_*=exact`, `Tau_*=drop`.

        Raises:
            ConfigError: none of these.
        """
        size, patterns = None, dict[str, Bound]()
        for text in texts:
            pattern, equals, bound = text.rpartition("=")
            if equals:
                patterns.pop(pattern, None)
                patterns[pattern] = Bound.parse(bound)
                continue
            try:
                size = float(text)
            except ValueError:
                raise ConfigError(
                    f"--bound is a number, or PATTERN=BOUND as in '*pt=rel 1e-3'. Received: {text!r}"
                ) from None
            Bound("relative", size)
        return cls(size, patterns)

    def of_tree(self, own: Sequence[str], others: Sequence[str], *, is_book: bool) -> BoundRules:
        """Return the rules for one of several trees.

        Args:
            own: names of its columns.
            others: names of columns of the other trees; a pattern that fits these alone says nothing of this tree.
            is_book: keep bit for bit what no pattern names.
        """
        patterns = {
            pattern: bound
            for pattern, bound in (self.patterns or {}).items()
            if fitting(own, pattern) or not fitting(others, pattern)
        }
        return replace(self, patterns={"*": Bound("exact"), **patterns} if is_book else patterns)

    def resolve(
        self, columns: Sequence[str], leaves: Sequence[Leaf], described: Mapping[str, Column]
    ) -> dict[str, Bound]:
        """Find the bound of every leaf that holds values, by its name.

        Args:
            columns: of a file, also those that are dropped.
            leaves: of the others.
            described: what is known of columns, by name.

        Raises:
            ConfigError: a pattern that fits no column, or asks for a part of a column to be dropped.
        """
        values = [leaf for leaf in leaves if leaf.role == "values"]
        names = dict.fromkeys([*columns, *(leaf.name for leaf in values)])
        for pattern in self.patterns or ():
            if not fitting(names, pattern):
                raise ConfigError(f"--bound: no column is called {pattern!r}; {suggest(pattern.strip('*?'), names)}")
        found = {leaf.name: self._bound(leaf, described) for leaf in values}
        dropped = self.dropped(columns, described)
        if parts := [leaf.name for leaf in values if found[leaf.name].kind == "drop" and leaf.column not in dropped]:
            raise ConfigError(f"--bound: {parts[0]} is a part of a column; drop the column as a whole, or none of it")
        return found

    def dropped(self, columns: Iterable[str], described: Mapping[str, Column]) -> set[str]:
        """Return the columns that are left out."""
        found = set()
        for name in columns:
            bound = self._asked(name) or (described[name].bound if name in described else None)
            if bound is not None and bound.kind == "drop":
                found.add(name)
        return found

    def _bound(self, leaf: Leaf, described: Mapping[str, Column]) -> Bound:
        if asked := self._asked(leaf.name, leaf.column):
            return asked if leaf.dtype.startswith("float") or asked.kind == "drop" else Bound("exact")
        known = described.get(leaf.name)
        if known is None or known.dtype != leaf.dtype:
            known = infer_column(LAST_PART.split(leaf.name)[-1], leaf.dtype)
        bound = known.bound or known.usual_bound
        return replace(bound, size=self.size) if self.size is not None and bound.size and known.bound is None else bound

    def _asked(self, *names: str) -> Bound | None:
        found = [b for p, b in (self.patterns or {}).items() if any(fits(n, p) for n in names)]
        return found[-1] if found else None


def table_of(bounds: Mapping[str, Bound]) -> list[str]:
    """Tell the bounds of columns in lines, those of one bound together."""
    groups: dict[str, list[str]] = {}
    for name, bound in bounds.items():
        groups.setdefault(str(bound), []).append(name)
    lines = []
    for text, names in sorted(groups.items(), key=lambda item: -len(item[1])):
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        lines.append(f"{text:<16} {len(names):>5}  {shown}")
    return lines
