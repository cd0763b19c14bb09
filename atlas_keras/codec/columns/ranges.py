"""Compress a large file in ranges of its events, here or elsewhere, and join them: the same file, byte for byte.

A range is a file of columns of its own. The first one has one block, from which all plans are made, and the trees
beside the largest; the others take its plans. Where a range finds what these plans have no room for, such as the first
missing value, the file has to be compressed as a whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlas_keras.codec.columns.container import StreamWriter
from atlas_keras.codec.columns.files import CODINGS, ColumnsSummary, prepare
from atlas_keras.codec.columns.models import read_model
from atlas_keras.codec.columns.reader import open_columns
from atlas_keras.output import whole_file


def write_first(source: str | Path, target: Path, **how: Any) -> tuple[int, ColumnsSummary | None]:
    """Compress the first block of the largest tree, and all of the other trees.

    Args:
        source: a file of any format.
        target: the file to write; one that is there is replaced.
        how: as of `files.prepare`.

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
        work = replace(works[0], first=start, n_blocks=n_blocks, like=like.head)
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
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(open_columns(part, model)) for part in parts]
        unfinished = stack.enter_context(whole_file(target, force=True))
        writer = StreamWriter(stack.enter_context(unfinished.open("wb")))
        for one in opened:
            for streams in one.streams():
                writer.block(streams)
        trees = []
        for name, content in opened[0].other_trees():
            trees.append([name, writer.size, len(content)])
            writer.write(content)
        head = opened[0].head
        about = {**head.about, "trees": trees} if trees else head.about
        head = replace(head, about=about, blocks=tuple(n for one in opened for n in one.head.blocks))
        writer.close(head.pack(None if model is None or "model" not in about else read_model(model)), len(head.plans))
        return head.n_events
