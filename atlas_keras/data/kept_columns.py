"""Which further columns of a file are kept beside those of a collection, and what they are called in the table."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from atlas_keras.errors import JetDataError
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
        names = [name for name in known if name == pattern or fnmatch.fnmatchcase(name, pattern)]
        if not names:
            hint = suggest(pattern.strip("*?"), known)
            raise JetDataError(f"{path}: no {what} matches --columns {pattern!r}; {hint}")
        found.update(names)
    return found


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
