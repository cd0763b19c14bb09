"""Make a format of files that are tables: one function that opens them is all that such a format has of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.data.contents import DEFAULT, FileContents, Group, TreeContents
from atlas_keras.data.events import EventBatch, stored_columns
from atlas_keras.data.file_format import FileFormat, ReadOptions, WriteOptions, Writer
from atlas_keras.data.find_collection import find_collection, why_not
from atlas_keras.data.table import Table, event_column
from atlas_keras.data.table_contents import column_of, contents_of, read_group, values_of
from atlas_keras.data.table_jets import read_jets
from atlas_keras.data.table_rows import begin_of_event
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.suggestions import few, suggest

Open = Callable[[Path, bool], list[Table]]


def table_format(
    name: str,
    sniff: Callable[[bytes], bool],
    open_tables: Open,
    *,
    faults: tuple[type[Exception], ...] = (),
    options: frozenset[str] = frozenset({"columns", "jet_columns"}),
    suffixes: tuple[str, ...] = (),
    writer: Callable[[Path, Path], Writer] | None = None,
    misfits: Callable[[pa.Table, WriteOptions], dict[str, str]] = lambda table, options: {},
) -> FileFormat:
    """Make the format.

    Args:
        name: for messages, for example `Parquet`.
        sniff: as in `FileFormat`.
        open_tables: opens a file, whatever it unfolds to where its second argument says so: the tables in it, each with
            another name.
        faults: what the library that reads such files raises of damaged ones, beside errors of Arrow and OSError.
        options, suffixes, writer, misfits: as in `FileFormat`.
    """

    @contextmanager
    def told(path: Path) -> Iterator[None]:
        """Tell in a sentence what is raised of a file that is damaged."""
        try:
            yield
        except JetDataError:
            raise
        except pa.ArrowNotImplementedError as error:
            raise JetDataError(f"{path}: not supported: {reason_of(error)}") from error
        except (pa.ArrowException, OSError, UnicodeDecodeError, *faults) as error:
            raise JetDataError(f"{path}: the {name} file is truncated or damaged ({reason_of(error)})") from error

    def read(path: Path, chosen: ReadOptions) -> Iterator[EventBatch]:
        with told(path):
            yield from _read(path, open_tables(path, chosen.any_size), chosen)

    def n_entries(path: Path, chosen: ReadOptions) -> int:
        with told(path):
            found, _, _ = _choose(path, open_tables(path, chosen.any_size), chosen)
            return 0 if found.read_from is None else found.n_rows

    def contents(path: Path, tree: str | None) -> FileContents:
        with told(path):
            tables = open_tables(path, True)
            found = tables if tree is None else [_named(tables, tree, path)]
            return FileContents(name, tuple(map(contents_of, found)))

    def values(
        path: Path, tree: TreeContents, sources: set[str], n_events: int, any_size: bool
    ) -> Iterator[tuple[str, NDArray]]:
        with told(path):
            yield from _values(_named(open_tables(path, any_size), tree.name, path), tuple(sources), n_events)

    def table(path: Path, tree: TreeContents, any_size: bool) -> Table:
        with told(path):
            opened = _named(open_tables(path, any_size), tree.name, path)

        def read_rows(names: Sequence[str], max_rows: int | None) -> Iterator[pa.Table]:
            with told(path):
                yield from opened.read(names, max_rows)

        return replace(opened, read=read_rows)

    form = FileFormat(name, sniff, read, contents, values, table, options, suffixes, writer, misfits)
    return replace(form, n_entries=n_entries)


def _named(tables: list[Table], name: str, path: Path) -> Table:
    known = {table.name: table for table in tables}
    if name not in known:
        hint = suggest(name, known) if any(known) else "leave out --tree: the file has but one table, without a name"
        raise JetDataError(f"{path}: there is no table {name!r}; {hint}")
    return known[name]


def _read(path: Path, tables: list[Table], options: ReadOptions) -> Iterator[EventBatch]:
    """Read a collection by its name, or the jets: those of columns called so, or the collection that is called so."""
    collection = options.collection
    table, tree, group = _choose(path, tables, options)
    table = _in_range(table, options) if options.is_range else table
    if collection.name != DEFAULT:
        if group is None:
            raise JetDataError(f"{path}: {why_not([tree], collection.name)}")
        return read_group(table, tree, group, options)
    if set(stored_columns(collection, table.schema.names)) <= set(table.schema.names):
        return read_jets(table, options)
    if group is None:
        group = next((one for _, one in find_collection([tree], table.objects)), None)
    # Objects without a name of their own are those of `read_jets`, which says better which of its columns is missing.
    named = [one.collection.name for one in tree.groups if one.collection.name != table.objects]
    if group is not None:
        known = set(group.sources)
        if group.collection.name in named or set(stored_columns(collection, known)) <= known:
            return read_group(table, tree, group, options)
    if named:
        raise JetDataError(f"{path}: {why_not([tree], DEFAULT)}")
    return read_jets(table, options)


def _in_range(table: Table, options: ReadOptions) -> Table:
    """Return a table of the rows of those events alone that begin in a range."""
    stop = table.n_rows if options.entry_stop is None else options.entry_stop
    event = event_column(table.schema, table.path) if table.is_flat else None
    first, last = (row if event is None else begin_of_event(table, event, row) for row in (options.entry_start, stop))

    def read(names: Sequence[str], max_rows: int | None) -> Iterator[pa.Table]:
        assert table.read_from is not None
        missing = last - first
        for piece in table.read_from(names, max_rows, first):
            if missing <= 0:
                return
            yield piece[:missing]
            missing -= piece.num_rows

    return replace(table, read=read, first_row=first)


def _choose(path: Path, tables: list[Table], options: ReadOptions) -> tuple[Table, TreeContents, Group | None]:
    """Choose the table that has a collection, and the collection in it; the only table may have none."""
    name = options.collection.name
    if options.tree is not None:
        tables = [_named(tables, options.tree, path)]
    trees = {table.name: contents_of(table, counted=False) for table in tables}
    found = find_collection(list(trees.values()), name)
    if len(found) == 1:
        tree, group = found[0]
        return _named(tables, tree.name, path), tree, group
    if len(tables) == 1:
        return tables[0], trees[tables[0].name], None
    if not found:
        raise JetDataError(f"{path}: no table holds {name}; choose one with --tree NAME: {few(trees)}")
    listed = few(tree.name for tree, _ in found)
    raise JetDataError(f"{path}: several tables hold {name} ({listed}); choose one with --tree NAME")


def _values(table: Table, sources: tuple[str, ...], n_events: int) -> Iterator[tuple[str, NDArray]]:
    wanted = {column_of(source, table.schema) for source in sources}
    names = [name for name in table.schema.names if name in wanted]
    first = next(table.read(names, n_events), None) if sources else None
    for source in sources:
        values = np.empty(0) if first is None else values_of(first.slice(0, n_events), source)[1].drop_null().to_numpy()
        yield source, values
