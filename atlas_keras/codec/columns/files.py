"""Whole files to files of columns and back, and entropy models for many files of one kind."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.codec.columns.blocks import Values, encode_block, quantize
from atlas_keras.codec.columns.compiled import COMPILES
from atlas_keras.codec.columns.container import StreamWriter
from atlas_keras.codec.columns.layout import Node, UnexpectedNullError, layout_of, take_apart
from atlas_keras.codec.columns.momenta import Momenta
from atlas_keras.codec.columns.plan import Head, SharedModel, all_leaves, coding_order
from atlas_keras.codec.columns.planning import plan_leaves
from atlas_keras.codec.columns.reader import open_compressed
from atlas_keras.codec.columns.rules import BoundRules
from atlas_keras.data.whole_files import WholeFile, open_whole
from atlas_keras.data.whole_writers import check_ending, write_whole
from atlas_keras.errors import JetDataError
from atlas_keras.output import check_free, whole_file
from atlas_keras.schema import Bound, Column, Schema
from atlas_keras.system import n_cores

log = logging.getLogger(__name__)

MAX_FITTED = 1 << 17  # events that a model is fitted to
WORTH = 100  # how many times as many events it is going to be used for


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


def read_model(path: str | Path) -> SharedModel:
    """Read an entropy model.

    Raises:
        JetDataError: no entropy model, or a damaged one.
    """
    with open_compressed(path) as file:
        return SharedModel.of(file.head, file.digest)


@dataclass(frozen=True)
class _Work:
    """How a file is compressed.

    Args:
        whole: the source.
        rules: of the bounds.
        given: an entropy model, or None.
        embed: put what is used of it into the file.
        jobs: number of threads.
        report: is called with all bounds.
        described: what is known of columns.
    """

    whole: WholeFile
    rules: BoundRules
    given: SharedModel | None
    embed: bool
    jobs: int
    report: Callable[[dict[str, Bound]], None]
    described: dict[str, Column]

    @property
    def names(self) -> list[str]:
        """The columns that are kept."""
        dropped = self.rules.dropped(self.whole.names, self.described)
        names = [name for name in self.whole.names if name not in dropped]
        if not names:
            raise JetDataError(f"{self.whole.path}: no column is left to be compressed")
        return names

    @cached_property
    def momenta(self) -> Momenta:
        """The columns that are momenta."""
        return _momenta(self.whole, self.names)

    def head(self, table: pa.Table, layouts: dict[str, Node], values: list[NDArray]) -> tuple[Head, list[Values]]:
        """Plan all columns from the first block; return its quantized values, too."""
        leaves = all_leaves(layouts, self.momenta.late(list(layouts)))
        bounds = self.rules.resolve(self.whole.names, leaves, self.described)
        self.report(bounds)
        about, given = _about(self.whole), self.given
        n_all = max(self.whole.contents.n_events, table.num_rows)
        plans, quantized = plan_leaves(
            leaves, values, bounds, table.num_rows, n_all, self.jobs, None if given is None else given.plans,
            momenta=self.momenta,
        )  # fmt: skip
        if self.embed:
            plans = tuple(replace(plan, is_external=False) for plan in plans)
        return Head(about, (), layouts, plans, self.momenta.late(list(layouts))), quantized


def compress_columns(
    source: str | Path,
    target: str | Path,
    bounds: Sequence[str] = (),
    *,
    schema: Schema | None = None,
    columns: Sequence[str] = (),
    tree: str | None = None,
    model: str | Path | None = None,
    embed_model: bool = False,
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
        schema: of the file, with bounds that hold where `bounds` says nothing else; None infers it.
        columns: names and patterns of the columns to keep; none means all.
        tree: of a ROOT file; None takes the one with most columns.
        model: entropy model of `fit_columns`; None fits one to the file itself, which is embedded.
        embed_model: put what is used of `model` into the file, so that it is read without it.
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
    given = None if model is None else read_model(model)
    whole = open_whole(source, tree, columns, any_size=any_size)
    if not COMPILES:
        log.warning("numba is not installed: columns are packed, and nothing is learned; %s", extras.missing("numba"))
    described = whole.described if schema is None else whole.described_by(schema)
    work = _Work(whole, rules, given, embed_model, jobs or n_cores(), report, described)
    with whole_file(Path(target), force=force) as unfinished:
        try:
            return _compress(work, unfinished, nullable=False)
        except UnexpectedNullError:  # rare, and not always told by the file: begin again with room for it
            return _compress(replace(work, report=lambda bounds: None), unfinished, nullable=True)


def _compress(work: _Work, target: Path, *, nullable: bool) -> ColumnsSummary:
    blocks: list[int] = []
    head: Head | None = None
    with target.open("wb") as file:
        writer = StreamWriter(file)
        for table in _tables(work.whole, work.names):
            layouts = {field.name: layout_of(field.type, nullable=nullable) for field in table.schema}
            values = _leaves(table, layouts, work.momenta.late(list(layouts)))
            if head is None:
                head, quantized = work.head(table, layouts, values)
            else:
                quantized = quantize(head.plans, values, work.jobs)
            blocks.append(table.num_rows)
            writer.block(encode_block(head.plans, quantized, table.num_rows, work.jobs))
        assert head is not None
        size = writer.close(
            replace(head, blocks=tuple(blocks)).pack(None if work.embed else work.given), len(head.plans)
        )
    bounds = {plan.leaf.name: plan.bound for plan in head.plans if plan.leaf.role == "values"}
    dropped = tuple(sorted(work.rules.dropped(work.whole.names, work.described)))
    return ColumnsSummary(size, sum(blocks), bounds, work.whole.left_out, dropped, work.whole.other_trees)


def fit_columns(
    sources: Sequence[str | Path],
    target: str | Path,
    bounds: Sequence[str] = (),
    *,
    columns: Sequence[str] = (),
    tree: str | None = None,
    any_size: bool = False,
    force: bool = False,
    jobs: int | None = None,
) -> tuple[int, int]:
    """Fit an entropy model to the columns that some files have in common: a file of columns without events.

    Args:
        sources: ROOT or Parquet files of one kind; the first events of each are learned from.
        target: the file to write.
        bounds, columns, tree, any_size, force, jobs: as of `compress_columns`.

    Returns:
        How many events were learned from, and how many columns were learned.

    Raises:
        JetDataError, ConfigError, RunError: as `compress_columns`.
        MissingExtraError: there is no compiler.
    """
    extras.require("numba")
    check_free(Path(target), force=force)
    rules = BoundRules.parse(bounds)
    wholes = [open_whole(source, tree, columns, any_size=any_size) for source in sources]
    table = _in_common(wholes, rules)
    nullable = any(column.null_count for column in table.columns)
    layouts = {field.name: layout_of(field.type, nullable=nullable) for field in table.schema}
    momenta = _momenta(wholes[0], table.column_names)
    late = momenta.late(list(layouts))
    leaves = all_leaves(layouts, late)
    resolved = rules.resolve(wholes[0].names, leaves, wholes[0].described)
    plans, _ = plan_leaves(
        leaves, _leaves(table, layouts, late), resolved, table.num_rows, WORTH * table.num_rows, jobs or n_cores(),
        momenta=momenta, warm=True,
    )  # fmt: skip
    about = {**_about(wholes[0]), "n_events_fitted": table.num_rows}
    head = Head(about, (), layouts, plans, late)
    with whole_file(Path(target), force=force) as unfinished, unfinished.open("wb") as file:
        StreamWriter(file).close(head.pack(None), len(plans))
    return table.num_rows, sum(plan.learned is not None for plan in plans)


def _in_common(wholes: Sequence[WholeFile], rules: BoundRules) -> pa.Table:
    """Read the first events of files, of the columns that all of them have."""
    dropped = rules.dropped(wholes[0].names, wholes[0].described)
    names = [n for n in wholes[0].names if n not in dropped and all(n in whole.names for whole in wholes)]
    tables = [next(_tables(whole, names)).slice(0, MAX_FITTED // len(wholes)) for whole in wholes]
    same = [name for name in names if len({table.schema.field(name).type for table in tables}) == 1]
    if not same:
        raise JetDataError(f"{wholes[0].path}: the files have no column in common")
    return pa.concat_tables([table.select(same) for table in tables]).combine_chunks()


def decompress_columns(
    source: str | Path,
    target: str | Path,
    *,
    columns: Sequence[str] = (),
    model: str | Path | None = None,
    ntuple: bool = False,
    force: bool = False,
) -> tuple[int, list[str]]:
    """Write the columns of a compressed file as Parquet or ROOT.

    Args:
        source: file of `compress_columns`.
        target: the file to write: `.parquet`, or `.root` with a TTree.
        columns: names and patterns of the columns to write; none means all.
        model: the entropy model that the file was made with, where it is not embedded.
        ntuple: write an RNTuple and not a TTree.
        force: replace a file that exists.

    Returns:
        The number of events, and names of columns that a TTree cannot hold, which are left out.

    Raises:
        JetDataError: a damaged file, no such column, or an ending that chooses no format.
        RunError: the target exists.
    """
    check_ending(Path(target))
    chosen = columns or None
    with open_compressed(source, model) as file, whole_file(Path(target), force=force) as unfinished:
        tables = itertools.chain(file.tables(chosen), [] if file.num_entries else [file.table(chosen)])
        tree, counters = file.head.about.get("tree", ""), file.counters()
        left_out = write_whole(unfinished, Path(target), tables, tree=tree, counters=counters, ntuple=ntuple)
        return file.num_entries, left_out


def _about(whole: WholeFile) -> dict[str, Any]:
    return {"tree": whole.contents.name, "source": whole.format, "unit": whole.contents.unit or ""}


def _tables(whole: WholeFile, names: list[str]) -> Iterator[pa.Table]:
    """Read the tables, at least one: a file without events has columns, too."""
    found = False
    for table in whole.tables():
        found = True
        yield table.select(names).combine_chunks()
    if not found:
        yield whole.empty().select(names)


def _momenta(whole: WholeFile, names: Sequence[str]) -> Momenta:
    return Momenta.declared(whole.contents.groups, names)


def _leaves(table: pa.Table, layouts: dict[str, Node], late: Sequence[str]) -> list[NDArray]:
    found: list[NDArray] = []
    for name in coding_order(layouts, late):
        column, node = table[name], layouts[name]
        array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        found += [np.ascontiguousarray(leaf) for leaf in take_apart(array, node)]
    return found
