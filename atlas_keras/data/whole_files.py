"""All columns of a tree or a table, as Arrow tables with a row an event, for programs that want whole files."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.data.arrow_types import plain, plain_type
from atlas_keras.data.contents import Group, TreeContents
from atlas_keras.data.limits import check_size
from atlas_keras.data.look import read_contents
from atlas_keras.data.parquet_footer import read_groups
from atlas_keras.data.root_format import opened
from atlas_keras.errors import ConfigError, JetDataError, reason_of
from atlas_keras.schema import Collection, Column, Schema
from atlas_keras.suggestions import suggest

BLOCK_EVENTS, BLOCK_BYTES = 1 << 17, 1 << 24  # of a table at most, where its events are smaller than that


@dataclass(frozen=True)
class WholeFile:
    """A tree of a file, to be read as a whole.

    Args:
        path: of the file.
        contents: of the tree.
        format: `ROOT` or `Parquet`.
        names: of the columns that are read, in order.
        left_out: columns that cannot be read, and why.
        other_trees: names of trees that are not read.
        any_size: read the file whatever it unfolds to.
    """

    path: Path
    contents: TreeContents
    format: str
    names: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    other_trees: tuple[str, ...] = ()
    any_size: bool = False

    @property
    def described(self) -> dict[str, Column]:
        """What is known of columns of numbers, by their names in the file."""
        return {group.sources[column.name]: column for group in self._groups for column in group.collection}

    def described_by(self, schema: Schema) -> dict[str, Column]:
        """Return what is known of columns, as a schema has it where it names them: by collection and column.

        Raises:
            ConfigError: the schema has a collection or a column that the file has not.
        """
        found, known = self.described, {group.collection.name: group for group in self._groups}
        parts = [*schema.collections, *([Collection("events", schema.events)] if schema.events else [])]
        for collection in parts:
            group = known.get(collection.name)
            if group is None:
                raise ConfigError(
                    f"{self.path}: has no collection {collection.name!r}; {suggest(collection.name, known)}"
                )
            for column in collection:
                if column.name not in group.sources:
                    hint = suggest(column.name, group.sources)
                    raise ConfigError(f"{self.path}: {collection.name} has no column {column.name!r}; {hint}")
                found[group.sources[column.name]] = column
        return found

    @property
    def _groups(self) -> list[Group]:
        return [*self.contents.groups, *([] if self.contents.events is None else [self.contents.events])]

    def tables(self) -> Iterator[pa.Table]:
        """Read the columns, of plain types, some events at a time.

        Raises:
            JetDataError: a damaged file, or one that unfolds to much more than files of its size do.
        """
        total = 0
        for table in self._root_tables() if self.format == "ROOT" else self._parquet_tables():
            total += table.nbytes
            if not self.any_size:
                check_size(self.path, total)
            yield table

    def empty(self) -> pa.Table:
        """Return a table of the same columns without events."""
        if self.format == "Parquet":
            return plain(pq.read_schema(self.path).empty_table())
        with opened(self.path) as file:
            branches = _branches(file, self.path, self.contents.name)
            return plain(
                pa.table([_to_arrow(branches[n].array(entry_stop=0)) for n in self.names], names=list(self.names))
            )

    def _root_tables(self) -> Iterator[pa.Table]:
        from atlas_keras.data.root_faults import damage

        with opened(self.path) as file:
            branches = _branches(file, self.path, self.contents.name)
            step = _events_a_block(self.contents.n_events, sum(_size(branches[name]) for name in self.names))
            for start in range(0, self.contents.n_events, step):
                columns, stop = [], min(start + step, self.contents.n_events)
                for name in self.names:
                    try:
                        columns.append(_to_arrow(branches[name].array(entry_start=start, entry_stop=stop)))
                    except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors through
                        raise damage(self.path, error, file, f" in branch {name}") from error
                yield plain(pa.table(columns, names=list(self.names)))

    def _parquet_tables(self) -> Iterator[pa.Table]:
        try:
            groups = read_groups(self.path, pq.read_metadata(self.path).num_columns)
            if not self.any_size:
                check_size(self.path, sum(group.n_bytes for group in groups))
            file = pq.ParquetFile(self.path)
            step = _events_a_block(self.contents.n_events, sum(group.n_bytes for group in groups))
            for batch in file.iter_batches(step, columns=list(self.names)):
                yield plain(pa.Table.from_batches([batch])).select(list(self.names))
        except (pa.ArrowException, OSError) as error:
            raise JetDataError(f"{self.path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error


def open_whole(
    path: str | Path, tree: str | None = None, columns: Sequence[str] = (), *, any_size: bool = False
) -> WholeFile:
    """Find the columns of a file.

    Args:
        path: a ROOT or a Parquet file.
        tree: of a ROOT file; None takes the one with most columns.
        columns: names and patterns (`*` and `?`) of columns; none means all.
        any_size: read the file whatever it unfolds to.

    Raises:
        JetDataError: no such file or tree, or a damaged file.
        ConfigError: a name or pattern that fits no column.
    """
    path = Path(path)
    contents = read_contents(path, tree)
    if contents.format not in ("ROOT", "Parquet"):
        raise JetDataError(f"{path}: not supported: whole files are ROOT or Parquet, and this is {contents.format}")
    if not contents.trees:
        raise JetDataError(f"{path}: has no trees of events")
    chosen = max(contents.trees, key=_n_columns)
    left_out: dict[str, str] = {}
    is_root = contents.format == "ROOT"
    names = _root_names(path, chosen, left_out) if is_root else list(pq.read_schema(path).names)
    if columns:
        for pattern in columns:
            if not fnmatch.filter(names, pattern):
                hint = left_out.get(pattern) or suggest(pattern.strip("*?"), names)
                raise ConfigError(f"{path}: no column is called {pattern!r}; {hint}")
        names = [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in columns)]
    others = tuple(one.name for one in contents.trees if one is not chosen)
    return WholeFile(path, chosen, contents.format, tuple(names), left_out, others, any_size)


def _n_columns(tree: TreeContents) -> int:
    return sum(len(g.collection) for g in tree.groups) + len(tree.event_columns) + len(tree.leftovers)


def _root_names(path: Path, tree: TreeContents, left_out: dict[str, str]) -> list[str]:
    """List the branches that can be read; the others are tried and told."""
    known = [*tree.groups, *([] if tree.events is None else [tree.events])]
    sure = {source for group in known for source in group.sources.values()}
    names = []
    with opened(path) as file:
        for name, branch in _branches(file, path, tree.name).items():
            if name not in sure:
                try:
                    _to_arrow(branch.array(entry_stop=min(tree.n_events, 100)))
                except Exception as error:  # of types that uproot or Arrow does not have
                    left_out[name] = f"{_type(branch)}: {reason_of(error)}"
                    continue
            names.append(name)
    return names


def _branches(file: Any, path: Path, tree: str) -> dict[str, Any]:
    """Return the branches that hold data: those above others hold none of their own."""
    from atlas_keras.data.root_trees import events_trees, open_tree

    branches = open_tree(events_trees(file, path, tree)[tree])[1]
    return {name: b for name, b in branches.items() if not (hasattr(b, "branches") and len(b.branches))}


def _to_arrow(array: Any) -> pa.Array:
    """Convert what uproot reads to Arrow, of a plain type that a column can have."""
    import awkward as ak

    found = ak.to_arrow(array, list_to32=True, string_to32=True, bytestring_to32=True, extensionarray=False)
    if pa.types.is_null(found.type) or pa.types.is_union(plain_type(found.type)):
        raise TypeError("values of no single type")
    return found


def _size(branch: Any) -> int:
    return int(getattr(branch, "uncompressed_bytes", 0) or 0)


def _type(branch: Any) -> str:
    try:
        return str(branch.typename)[:80]
    except Exception:
        return "unknown type"


def _events_a_block(n_events: int, n_bytes: int) -> int:
    return max(1, min(BLOCK_EVENTS, int(BLOCK_BYTES * n_events / max(n_bytes, 1))))
