"""Which further columns of a file are kept beside those of a collection, and what they are called in the table."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from atlas_keras.errors import JetDataError
from atlas_keras.patterns import fits
from atlas_keras.suggestions import few, suggest

log = logging.getLogger(__name__)


def matching(patterns: Sequence[str], known: Sequence[str], path: Path, what: str) -> set[str]:
    """Find the columns that patterns of `--columns` mean.

    Args:
        patterns: with `*` and `?`.
        known: names in the file.
        path: of the file, for messages.
        what: has such columns, for messages: `branch of tree Events`.

    Raises:
        JetDataError: a pattern that fits none.
    """
    found: set[str] = set()
    for pattern in patterns:
        names = [name for name in known if fits(name, pattern)]
        if not names:
            hint = suggest(pattern.strip("*?"), known)
            raise JetDataError(f"{path}: no {what} matches --columns {pattern!r}; {hint}")
        found.update(names)
    return found


class SameInAll:
    """Sees to it that all files have the columns that patterns keep, so that their tables fit together.

    A file of another year has other triggers. What it lacks is no null: nobody knows whether it would have fired.

    Args:
        patterns: of `--columns`.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns, self.path, self.names = patterns, Path(), set[str]()

    def check(self, names: Iterable[str], path: Path) -> None:
        """Compare the columns of a file with those of the first one.

        Args:
            names: of its table.
            path: of the file.

        Raises:
            JetDataError: one has a column that is kept, and the other has not.
        """
        own = {name for name in names if any(fits(name, pattern) for pattern in self.patterns)}
        if self.path == Path():
            self.path, self.names = path, own
        for lacking, having, columns in ((path, self.path, self.names - own), (self.path, path, own - self.names)):
            if columns:
                raise JetDataError(
                    f"{lacking}: has no {few(sorted(columns))}, which {having} has and --columns keeps; name columns "
                    "that all files have, or read these files apart"
                )


def names_in_table(names: Iterable[str], taken: Container[str], path: Path) -> dict[str, str]:
    """Name columns in the table: as in the file, but `event.pt` where the jets have a `pt`, with a warning.

    Args:
        names: in the file.
        taken: names of the columns of the jets.
        path: of the file, for the message.
    """
    names = list(names)
    renamed: dict[str, str] = {}
    for name in names:
        if name in taken:
            renamed[name] = f"event.{name}"
            while renamed[name] in names:
                renamed[name] = f"event.{renamed[name]}"
    if renamed:
        text = few(f"{name} as {column}" for name, column in renamed.items())
        log.warning("%s: branches called like columns of the jets are kept under another name: %s", path, text)
    return {name: renamed.get(name, name) for name in names}
