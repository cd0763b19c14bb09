"""Entropy models for many files of one kind: how they are fitted, and given to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.codec.columns.container import StreamWriter
from atlas_keras.codec.columns.head import Head, SharedModel
from atlas_keras.codec.columns.layout import Node, layout_of, take_apart
from atlas_keras.codec.columns.momenta import Momenta
from atlas_keras.codec.columns.plan import all_leaves, coding_order
from atlas_keras.codec.columns.planning import plan_leaves
from atlas_keras.codec.columns.reader import open_columns
from atlas_keras.codec.columns.rules import BoundRules
from atlas_keras.codec.columns.threads import threads
from atlas_keras.data.contents import TreeContents
from atlas_keras.data.whole_files import WholeTree, open_whole
from atlas_keras.errors import JetDataError
from atlas_keras.output import check_free, whole_file
from atlas_keras.system import n_threads, using_threads

MAX_FITTED = 1 << 17  # events that a model is fitted to
WORTH = 100  # how many times as many events it is going to be used for


def read_model(path: str | Path) -> SharedModel:
    """Read an entropy model.

    Raises:
        JetDataError: no entropy model, or a damaged one.
    """
    with open_columns(path) as file:
        return SharedModel.of(file.head, file.digest)


@dataclass(frozen=True)
class FirstEvents:
    """The first events of a file, to fit an entropy model to, and what the file says of them.

    Args:
        path: of the file.
        format: of the file, such as `ROOT`.
        contents: of the tree that they are of.
        table: the events.
    """

    path: Path
    format: str
    contents: TreeContents
    table: pa.Table


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
        sources: files of one kind, with their largest trees; the first events of each are learned from.
        target: the file to write.
        bounds, columns, tree, any_size, force, jobs: as of `compress_columns`.

    Returns:
        How many events were learned from, and how many columns were learned.

    Raises:
        JetDataError, ConfigError, RunError: as `compress_columns`.
        MissingExtraError: there is no compiler.
    """
    extras.require("numba")
    check_free(Path(target), force=force, sources=sources)
    share = share_of(len(sources))
    with using_threads(jobs):
        found = [read_first(source, share, columns=columns, tree=tree, any_size=any_size) for source in sources]
        return fit_tables(found, target, bounds, force=force)


def share_of(n_files: int) -> int:
    """Return how many events of each of so many files a model is fitted to."""
    return max(MAX_FITTED // max(n_files, 1), 1)


def read_first(
    source: str | Path, n_events: int, *, columns: Sequence[str] = (), tree: str | None = None, any_size: bool = False
) -> FirstEvents:
    """Read the first events of the largest tree of a file.

    Args:
        source: a file of any format.
        n_events: how many events, at most.
        columns, tree, any_size: as of `compress_columns`.

    Raises:
        JetDataError, ConfigError: as `compress_columns`.
    """
    found = open_whole(source, tree, columns, any_size=any_size).trees[0]
    table = next(found.tables(list(found.names))).slice(0, n_events)
    return FirstEvents(found.path, found.format, found.contents, table)


def fit_tables(
    found: Sequence[FirstEvents],
    target: str | Path,
    bounds: Sequence[str] = (),
    *,
    force: bool = False,
) -> tuple[int, int]:
    """Fit an entropy model to events of files that have been read.

    Args:
        found: of `read_first`, at least one.
        target, bounds, force: as of `fit_columns`.

    Returns:
        As `fit_columns`.

    Raises:
        JetDataError, ConfigError, RunError: as `compress_columns`.
        MissingExtraError: there is no compiler.
    """
    extras.require("numba")
    rules, first = BoundRules.parse(bounds), found[0]
    table = _in_common(found, rules)
    nullable = any(column.null_count for column in table.columns)
    layouts = {field.name: layout_of(field.type, nullable=nullable) for field in table.schema}
    momenta = Momenta.declared(first.contents.groups, table.column_names)
    late = momenta.late(list(layouts))
    leaves = all_leaves(layouts, late)
    resolved = rules.resolve(first.table.column_names, leaves, first.contents.described)
    values = leaf_values(table, layouts, late)
    n = table.num_rows
    with threads(n_threads()) as pool:
        plans, _ = plan_leaves(leaves, values, resolved, n, WORTH * n, pool, momenta=momenta, warm=True)
    head = Head({**about_tree(first), "n_events_fitted": n}, (), layouts, plans, late)
    with whole_file(Path(target), force=force) as unfinished, unfinished.open("wb") as file:
        StreamWriter(file).close(head.pack(None), len(plans))
    return n, sum(plan.learned is not None for plan in plans)


def _in_common(found: Sequence[FirstEvents], rules: BoundRules) -> pa.Table:
    """Join the events of files, of the columns that all of them have."""
    first, tables = found[0], [one.table for one in found]
    dropped = rules.dropped(first.table.column_names, first.contents.described)
    shared = set(first.table.column_names).intersection(*(table.column_names for table in tables)) - dropped
    names = [name for name in first.table.column_names if name in shared]
    same = [name for name in names if len({table.schema.field(name).type for table in tables}) == 1]
    if not same:
        raise JetDataError(f"{first.path}: the files have no column in common")
    return pa.concat_tables([table.select(same) for table in tables]).combine_chunks()


def about_tree(tree: WholeTree | FirstEvents) -> dict[str, Any]:
    """Return what a compressed file says of the tree that it holds."""
    return {"tree": tree.contents.name, "source": tree.format, "unit": tree.contents.unit or ""}


def leaf_values(table: pa.Table, layouts: dict[str, Node], late: Sequence[str]) -> list[NDArray]:
    """Take the columns of a table apart: the leaves of all of them, in the order of coding."""
    found: list[NDArray] = []
    for name in coding_order(layouts, late):
        column, node = table[name], layouts[name]
        array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        found += [np.ascontiguousarray(leaf) for leaf in take_apart(array, node)]
    return found
