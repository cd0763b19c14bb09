"""Whole files to files of columns and back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.codec.columns.blocks import encode_block
from atlas_keras.codec.columns.container import StreamWriter
from atlas_keras.codec.columns.layout import Node, UnexpectedNullError, layout_of, take_apart
from atlas_keras.codec.columns.plan import Head, all_leaves
from atlas_keras.codec.columns.planning import plan_leaves
from atlas_keras.codec.columns.reader import open_compressed
from atlas_keras.codec.columns.rules import BoundRules
from atlas_keras.data.whole_files import WholeFile, open_whole
from atlas_keras.data.whole_writers import check_ending, write_whole
from atlas_keras.errors import JetDataError
from atlas_keras.output import check_free, whole_file
from atlas_keras.schema import Bound
from atlas_keras.system import n_cores


@dataclass(frozen=True)
class ColumnsSummary:
    """What has been written.

    Args:
        size: of the file [bytes].
        n_events: number of events.
        bounds: of all leaves that hold values, by name.
        left_out: columns that could not be read, and why.
        dropped: columns that were not wanted.
        other_trees: trees of the source that are not in the file.
    """

    size: int
    n_events: int
    bounds: dict[str, Bound]
    left_out: dict[str, str]
    dropped: tuple[str, ...]
    other_trees: tuple[str, ...]


def compress_columns(
    source: str | Path,
    target: str | Path,
    bounds: Sequence[str] = (),
    *,
    columns: Sequence[str] = (),
    tree: str | None = None,
    any_size: bool = False,
    force: bool = False,
    jobs: int | None = None,
    report: Callable[[dict[str, Bound]], None] = lambda bounds: None,
) -> ColumnsSummary:
    """Compress all columns of a file, each within its bound; every value is decoded and checked.

    Args:
        source: a ROOT or Parquet file.
        target: the file to write.
        bounds: as `BoundRules.parse` reads them; by default those that follow from names and types.
        columns: names and patterns of the columns to keep; none means all.
        tree: of a ROOT file; None takes the one with most columns.
        any_size: read the file whatever it unfolds to.
        force: replace a file that exists.
        jobs: number of threads; None means one a core.
        report: is called with the bound of every column before the work begins.

    Raises:
        JetDataError: no such file, or a damaged one.
        ConfigError: a bound that cannot be, or that fits no column.
        RunError: the target exists.
    """
    check_free(Path(target), force=force)
    rules = BoundRules.parse(bounds)
    whole = open_whole(source, tree, columns, any_size=any_size)
    with whole_file(Path(target), force=force) as unfinished:
        try:
            return _compress(whole, unfinished, rules, jobs or n_cores(), report, nullable=False)
        except UnexpectedNullError:
            return _compress(whole, unfinished, rules, jobs or n_cores(), lambda bounds: None, nullable=True)


def decompress_columns(
    source: str | Path,
    target: str | Path,
    *,
    columns: Sequence[str] = (),
    ntuple: bool = False,
    force: bool = False,
) -> tuple[int, list[str]]:
    """Write the columns of a compressed file as Parquet or ROOT.

    Args:
        source: file of `compress_columns`.
        target: the file to write: `.parquet`, or `.root` with a TTree.
        columns: names and patterns of the columns to write; none means all.
        ntuple: write an RNTuple and not a TTree.
        force: replace a file that exists.

    Returns:
        The number of events, and names of columns that a TTree cannot hold, which are left out.

    Raises:
        JetDataError: a damaged file, no such column, or an ending that chooses no format.
        RunError: the target exists.
    """
    check_ending(Path(target))
    with open_compressed(source) as file, whole_file(Path(target), force=force) as unfinished:
        tables = itertools.chain(
            file.tables(columns or None), [] if file.num_entries else [file.table(columns or None)]
        )
        tree, counters = file.head.about.get("tree", ""), file.counters()
        left_out = write_whole(unfinished, Path(target), tables, tree=tree, counters=counters, ntuple=ntuple)
        return file.num_entries, left_out


def _compress(
    whole: WholeFile,
    target: Path,
    rules: BoundRules,
    jobs: int,
    report: Callable[[dict[str, Bound]], None],
    *,
    nullable: bool,
) -> ColumnsSummary:
    dropped = rules.dropped(whole.names)
    names = [name for name in whole.names if name not in dropped]
    if not names:
        raise JetDataError(f"{whole.path}: no column is left to be compressed")
    blocks: list[int] = []
    head: Head | None = None
    bounds: dict[str, Bound] = {}
    with target.open("wb") as file:
        writer = StreamWriter(file)
        for table in _tables(whole, names):
            if head is None:
                layouts = {field.name: layout_of(field.type, nullable=nullable) for field in table.schema}
                bounds = rules.resolve(whole.names, all_leaves(layouts), whole.described)
                report(bounds)
                head = _head(whole, layouts, table, bounds, jobs)
            blocks.append(table.num_rows)
            writer.block(encode_block(head.plans, _leaves(table, head.columns), table.num_rows, jobs))
        assert head is not None
        written = Head(head.about, tuple(blocks), head.columns, head.plans)
        size = writer.close(written.to_bytes(), len(head.plans))
    return ColumnsSummary(size, sum(blocks), bounds, whole.left_out, tuple(sorted(dropped)), whole.other_trees)


def _tables(whole: WholeFile, names: list[str]) -> Iterator[pa.Table]:
    """Read the tables, at least one: a file without events has columns, too."""
    found = False
    for table in whole.tables():
        found = True
        yield table.select(names).combine_chunks()
    if not found:
        yield whole.empty().select(names)


def _head(whole: WholeFile, layouts: dict[str, Node], table: pa.Table, bounds: dict[str, Bound], jobs: int) -> Head:
    about: dict[str, Any] = {"tree": whole.contents.name, "source": whole.format, "unit": whole.contents.unit or ""}
    values = _leaves(table, layouts)
    n_all = max(whole.contents.n_events, table.num_rows)
    return Head(about, (), layouts, plan_leaves(all_leaves(layouts), values, bounds, table.num_rows, n_all, jobs))


def _leaves(table: pa.Table, layouts: dict[str, Node]) -> list[NDArray]:
    found: list[NDArray] = []
    for name, node in layouts.items():
        column = table[name]
        array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        found += [np.ascontiguousarray(leaf) for leaf in take_apart(array, node)]
    return found
