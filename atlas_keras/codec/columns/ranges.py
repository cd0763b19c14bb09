"""Compress a large file in ranges of its events, here or elsewhere, and join them: the same file, byte for byte.

A range is a file of columns of its own. The first one has one block, from which all plans are made, and the trees
beside the largest; the others take its plans. Where a range finds what these plans have no room for, such as the first
missing value, the file has to be compressed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlas_keras.codec.columns.container import StreamWriter
from atlas_keras.codec.columns.files import CODINGS, ColumnsSummary
from atlas_keras.codec.columns.models import read_model
from atlas_keras.codec.columns.reader import open_columns
from atlas_keras.codec.columns.work import Coded, prepare, write_blocks
from atlas_keras.output import whole_file


def write_first(source: str | Path, target: Path, **how: Any) -> tuple[int, ColumnsSummary | None]:
    """Compress the first block of the largest tree, and all of the other trees.

    Args:
        source: a file of any format.
        target: the file to write; one that is there is replaced.
        how: as of `work.prepare`.

    Returns:
        How many blocks the largest tree has, and what has been written; 0 and None where the format cannot begin to
        read in the middle, and nothing is written.

    Raises:
        JetDataError, ConfigError: as `compress_columns`.
    """
    works, whole = prepare(source, **how)
    tree = works[0].tree
    if tree.table.read_from is None:
        return 0, None
    n_blocks = -(-tree.table.n_rows // tree.events_a_block(works[0].names))
    works[0] = replace(works[0], n_blocks=1)
    with whole_file(target, force=True) as unfinished:
        summary = CODINGS["entropy"](works, whole, unfinished, 0)
    return n_blocks, summary


def write_range(source: str | Path, target: Path, first: Path, start: int, n_blocks: int, **how: Any) -> None:
    """Compress further blocks of the largest tree.

    Args:
        source, target, how: as of `write_first`.
        first: the file that `write_first` wrote.
        start, n_blocks: of the blocks, counted from 0.

    Raises:
        JetDataError, ConfigError: as `compress_columns`, and a value that the first file has no room for.
    """
    works, _ = prepare(source, **how)
    with open_columns(first, how.get("model")) as like:
        about = {key: value for key, value in like.head.about.items() if key != "trees"}  # which are in that file alone
        work = replace(works[0], first=start, n_blocks=n_blocks, like=replace(like.head, about=about))
    with whole_file(target, force=True) as unfinished, unfinished.open("wb") as file:
        work.write(StreamWriter(file))


def join_ranges(parts: Sequence[Path], target: Path, model: str | Path | None) -> int:
    """Join ranges.

    Args:
        parts: that `write_first` and `write_range` wrote, in order.
        target: the file to write; one that is there is replaced.
        model: entropy model that they were made with, or None.

    Returns:
        How many events the largest tree has.

    Raises:
        JetDataError: a damaged part.
    """
    with (
        open_columns(parts[0], model) as first,
        whole_file(target, force=True) as unfinished,
        unfinished.open("wb") as file,
    ):
        writer = StreamWriter(file)
        shared = None if model is None or "model" not in first.head.about else read_model(model)
        return write_blocks(writer, _coded(parts, model), lambda: first.copy_trees(writer), shared).n_events


def _coded(parts: Sequence[Path], model: str | Path | None) -> Iterator[Coded]:
    """Read the blocks of ranges as they are coded, one file after the other: there may be thousands."""
    for part in parts:
        with open_columns(part, model) as one:
            for n_events, streams in zip(one.head.blocks, one.streams(), strict=True):
                yield one.head, n_events, streams
