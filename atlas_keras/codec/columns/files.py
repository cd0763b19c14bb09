"""Whole files to compressed files: every tree, every column within its bound, every value checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlas_keras import extras
from atlas_keras.codec.columns.cell_files import check_cells
from atlas_keras.codec.columns.cell_writer import CellWriter
from atlas_keras.codec.columns.compiled import COMPILES
from atlas_keras.codec.columns.container import StreamWriter
from atlas_keras.codec.columns.head import Head
from atlas_keras.codec.columns.layout import UnexpectedNullError
from atlas_keras.codec.columns.models import about_tree
from atlas_keras.codec.columns.work import Places, Work, prepare
from atlas_keras.data.whole_files import WholeFile
from atlas_keras.errors import ConfigError
from atlas_keras.output import check_free, whole_file
from atlas_keras.schema import Bound, Schema
from atlas_keras.system import using_threads

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ColumnsSummary:
    """What has been written.

    Args:
        size: of the file [bytes].
        n_events: number of events of the largest tree.
        n_columns: number of columns of all trees.
        bounds: of all of its leaves that hold values, by name.
        left_out: columns that could not be read, and why.
        dropped: columns that were not wanted.
        trees: number of rows of each tree that is in the file.
        others: trees of the source, and what is no tree there, that are not in the file.
    """

    size: int
    n_events: int
    n_columns: int
    bounds: dict[str, Bound]
    left_out: dict[str, str]
    dropped: tuple[str, ...]
    trees: dict[str, int]
    others: tuple[str, ...]


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
    coding: str = "entropy",
    level: int = 19,
    any_size: bool = False,
    force: bool = False,
    jobs: int | None = None,
    report: Callable[[dict[str, Bound]], None] = lambda bounds: None,
) -> ColumnsSummary:
    """Compress all trees and columns of a file, each within its bound; every value is decoded and checked.

    Of several trees those with less than half of the largest one's rows (runs, luminosity blocks) keep every bit, but
    for columns that a pattern of `bounds` names.

    Args:
        source: a file of any format, or its URL.
        target: the file to write.
        bounds: as `BoundRules.parse` reads them; by default those that follow from names and types.
        schema: of the largest tree, with bounds that hold where `bounds` says nothing else; None infers it.
        columns: names and patterns of the columns to keep, of the largest tree alone; none means all.
        tree: the only one to keep; None keeps all.
        model: entropy model of `fit_columns`; None fits one to the file itself, which is embedded.
        embed_model: put what is used of `model` into the file, so that it is read without it.
        coding: `entropy`, or `parquet`: whole numbers in Parquet, of the largest tree alone, which others can read.
        level: of zstd, of the coding `parquet`.
        any_size: read the file whatever it unfolds to.
        force: replace a file that exists.
        jobs: number of threads; None means one a core.
        report: is called with the bound of every column of the largest tree before the work begins.

    Raises:
        JetDataError: no such file, a damaged one, or one that is compressed already.
        ConfigError: a bound that cannot be, or that fits no column.
        RunError: the target exists.
    """
    check_free(Path(target), force=force, sources=[source])
    if coding not in CODINGS:
        raise ConfigError(f"a coding of columns is {' or '.join(CODINGS)}. Received: {coding!r}")
    if not COMPILES and coding == "entropy":
        log.warning("numba is not installed: columns are packed, and nothing is learned; %s", extras.missing("numba"))
    with using_threads(jobs):
        works, whole = prepare(
            source, bounds, schema=schema, columns=columns, tree=tree, model=model, embed_model=embed_model,
            any_size=any_size, report=report,
        )  # fmt: skip
        with whole_file(Path(target), force=force) as unfinished:
            return CODINGS[coding](works, whole, unfinished, level)


def resolved_bounds(source: str | Path, bounds: Sequence[str] = (), **options: Any) -> dict[str, Bound]:
    """Return the bound of every column of the largest tree that `compress_columns` keeps; the first block is read.

    Args:
        source, bounds: as of `compress_columns`.
        options: `schema`, `columns`, `tree` and `any_size`, as of `compress_columns`.

    Raises:
        JetDataError, ConfigError: as `compress_columns`.
    """
    work = prepare(source, bounds, **options)[0][0]
    table = next(iter(work.tree.tables(work.names)))
    return work.resolve(work.layouts(table))[1]


def _entropy(works: list[Work], whole: WholeFile, target: Path, level: int) -> ColumnsSummary:
    """Write a file of columns, with all trees."""
    try:
        heads = _write(works, target)
    except UnexpectedNullError:  # rare, and not always told by the file: begin again with room for it
        heads = _write([replace(work, nullable=True, report=lambda bounds: None) for work in works], target)
    bounds = {plan.leaf.name: plan.bound for plan in heads[0].plans if plan.leaf.role == "values"}
    return _summary(works, [head.n_events for head in heads], bounds, whole.others, target)


def _parquet(works: list[Work], whole: WholeFile, target: Path, level: int) -> ColumnsSummary:
    """Write a file of cells, of the first tree."""
    work = works[0]
    n_events, writer = 0, None
    for table in work.tree.tables(work.names):
        if writer is None:
            _, bounds = work.resolve(work.layouts(table))
            writer = CellWriter(target, about_tree(work.tree), bounds, level)
        writer.write(table)
        n_events += table.num_rows
    assert writer is not None
    writer.close()
    check_cells(work.tree.tables(work.names), target)
    others = tuple(other.tree.contents.name for other in works[1:])
    return _summary(works[:1], [n_events], bounds, (*others, *whole.others), target)


CODINGS: dict[str, Callable[[list[Work], WholeFile, Path, int], ColumnsSummary]] = {
    "entropy": _entropy,
    "parquet": _parquet,
}


def _summary(
    works: Sequence[Work], n_events: Sequence[int], bounds: dict[str, Bound], others: tuple[str, ...], target: Path
) -> ColumnsSummary:
    return ColumnsSummary(
        target.stat().st_size,
        n_events[0],
        sum(len(work.names) for work in works),
        bounds,
        {name: why for work in works for name, why in work.tree.left_out.items()},
        tuple(sorted(name for work in works for name in work.dropped)),
        {work.tree.contents.name: n for work, n in zip(works, n_events, strict=True)},
        others,
    )


def _write(works: list[Work], target: Path) -> list[Head]:
    """Write the first tree as a file of columns, and each other one as such a file inside of it."""
    heads: list[Head] = []
    with target.open("wb") as file:
        outer = StreamWriter(file)

        def others() -> Places:
            found = []
            for work in works[1:]:
                start = outer.size
                heads.append(work.write(StreamWriter(outer)))
                found.append([work.tree.contents.name, start, outer.size - start])
            return found

        return [works[0].write(outer, others), *heads]
