"""From compressed files to ROOT, Parquet and text."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from atlas_keras.codec.columns.events import CompressedEvents
from atlas_keras.codec.columns.opening import open_compressed
from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.writers import write_trees, written_formats
from atlas_keras.output import check_free, whole_file
from atlas_keras.system import using_threads


@dataclass(frozen=True)
class Decompressed:
    """What has been written.

    Args:
        n_events: number of events.
        left_out: columns that a file of the format cannot hold.
        other_trees: trees that are not in the file.
    """

    n_events: int
    left_out: tuple[str, ...]
    other_trees: tuple[str, ...]


def decompress_columns(
    source: str | Path,
    target: str | Path,
    *,
    columns: Sequence[str] = (),
    tree: str | None = None,
    model: str | Path | None = None,
    ntuple: bool = False,
    force: bool = False,
    jobs: int | None = None,
    ranges: Sequence[Path] = (),
) -> Decompressed:
    """Write the columns of a compressed file as ROOT, Parquet or text.

    Args:
        source: file of `compress_columns`, or its URL.
        target: the file to write: `.parquet`, `.root`, or `.csv`, `.csv.gz`, which have a row an event, or a row an
            object where columns of one collection are chosen.
        columns: names and patterns of the columns to write, of one tree; none means all.
        tree: name of the only one to write; None means all in ROOT, and the largest one in other formats.
        model: the entropy model that the file was made with, where it is not embedded.
        ntuple: write RNTuples and not TTrees.
        force: replace a file that exists.
        jobs: number of threads; None means one a core.
        ranges: of `decode_range`, of all blocks in their order, for the same columns and tree: what is decoded already.

    Raises:
        JetDataError: a damaged file, no such tree or column, an ending that chooses no format, or a table that no file
            of the format holds.
        RunError: the target exists.
    """
    target = Path(target)
    check_free(target, force=force, sources=[source])
    (*_, form) = written_formats(target)
    with using_threads(jobs), open_compressed(source, model) as file:
        one = file if tree is None else file.tree(tree)
        every = "tree" in form.options and tree is None and not columns
        chosen = [file.tree(name) for name in file.trees] if every else [one]
        with whole_file(target, force=force) as unfinished:
            tables = (read_ranges(ranges) if ranges and t is one else _tables(t, columns) for t in chosen)
            written = ((_options(t, ntuple), found) for t, found in zip(chosen, tables, strict=True))
            left_out = write_trees(unfinished, target, written)
        names = [t.name_of_tree for t in chosen]
        return Decompressed(one.num_entries, tuple(left_out), tuple(name for name in file.trees if name not in names))


def decode_range(
    source: str | Path,
    target: Path,
    first: int,
    n_blocks: int,
    *,
    columns: Sequence[str] = (),
    tree: str | None = None,
    model: str | Path | None = None,
) -> int:
    """Decode blocks of the tree that is named, or of the largest one, to an Arrow file.

    Args:
        source, columns, tree, model: as of `decompress_columns`.
        target: the file to write; one that is there is replaced.
        first, n_blocks: of the blocks, counted from 0.

    Returns:
        How many blocks the tree has.

    Raises:
        JetDataError: as `decompress_columns`.
    """
    with open_compressed(source, model) as file:
        one = file if tree is None else file.tree(tree)
        tables = one.tables(columns or None, first, n_blocks)
        with whole_file(target, force=True) as unfinished, contextlib.ExitStack() as stack:
            begun = next(tables)
            writer = stack.enter_context(pa.ipc.new_file(str(unfinished), begun.schema))
            for table in itertools.chain([begun], tables):
                writer.write_table(table)
        return one.n_blocks


def read_ranges(ranges: Sequence[Path]) -> Iterator[pa.Table]:
    """Read the tables that `decode_range` has written, block by block."""
    for path in ranges:
        with pa.memory_map(str(path)) as stream, pa.ipc.open_file(stream) as file:
            for number in range(file.num_record_batches):
                yield pa.Table.from_batches([file.get_batch(number)])


def _options(tree: CompressedEvents, ntuple: bool) -> WriteOptions:
    return WriteOptions(
        str(tree.about.get("unit", "")), counters=tree.counters(), tree=tree.name_of_tree or "Events", rntuple=ntuple
    )


def _tables(tree: CompressedEvents, columns: Sequence[str]) -> Iterable[pa.Table]:
    """Decode the tables, at least one: a file without events has columns, too."""
    chosen = columns or None
    return itertools.chain(tree.tables(chosen), [] if tree.num_entries else [tree.table(chosen)])
