"""The jets of a table whose columns have the names of the collection, `pt` and not `Jet_pt`; all others are kept.

What the file says beside its columns tells the unit of the energies (`unit`; without it the user has to) and, of rows
of events, which columns hold a value for each jet (`jet_columns`, a list in JSON; without it those of the collection
and a mass do).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_keras.data.arrow_types import is_number
from atlas_keras.data.events import EventBatch, compute_columns, jagged, lengths, stored_columns
from atlas_keras.data.file_format import ReadOptions
from atlas_keras.data.table import EVENT_COLUMNS, Table, event_column, refuse_doubled
from atlas_keras.data.table_rows import nest_rows
from atlas_keras.errors import JetDataError
from atlas_keras.patterns import fitting
from atlas_keras.schema import MASS, Collection
from atlas_keras.suggestions import suggest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Form:
    """What the columns of a file are.

    Args:
        nested: whether a row is an event, and not a jet.
        event: the column that identifies an event where a row is a jet; None where each such row is an event.
        stored: from which the columns of the collection come.
        jets: all columns that hold a value for each jet.
        unclear: other columns with lists of which nobody has said whether they belong to the jets.
    """

    nested: bool
    event: str | None
    stored: tuple[str, ...]
    jets: tuple[str, ...]
    unclear: tuple[str, ...] = ()


def read_jets(table: Table, options: ReadOptions) -> Iterator[EventBatch]:
    """Read the jets of a table, and its other columns.

    What a file does not store is computed, E from pt, eta and `mass`. In a table with one row a jet, consecutive rows
    with the same value of the event column (see `EVENT_COLUMNS`) are one event; without such a column each row is an
    event of its own.

    Args:
        table: whose columns have the names of the collection.
        options: what is read.

    Raises:
        JetDataError: a missing column, an unknown unit, a pattern that fits no column.
    """
    path, collection = table.path, options.collection
    if options.columns:
        raise JetDataError(f"{path}: all columns are kept anyway; leave out --columns")
    unit = table.unit(options.source_unit)
    if unit is None and any(column.is_energy for column in collection):
        raise JetDataError(f"{path}: the file does not state the unit of its energies; say --source-unit MeV or GeV")
    form = _form(table.schema, table.declared, path, collection, options.jet_columns if options.others else ())
    names = table.schema.names if options.others else _needed(table.schema, form)
    form = form if options.others else _Form(form.nested, form.event, form.stored, form.stored)
    pieces = table.read(names, None)
    if not form.nested:
        if form.event is None:
            log.info("%s: no column tells the event (%s), so each row is one", path, ", ".join(EVENT_COLUMNS))
        pieces = nest_rows(pieces, form.event, frozenset(), path, table.max_event)
    computed = tuple(name for name in collection.names if name not in form.stored)
    jets = (*form.jets, *(name for name in computed if name not in form.jets))
    counter: Literal["event", "row"] = "event" if form.nested else "row"
    n_events = n_rows = table.first_row
    for piece in pieces:
        rows = _with_columns(piece, form, collection, path, n_events + 1)
        counts = lengths(rows[collection.names[0]])
        numbers = n_events + 1 + np.arange(len(counts))
        if counter != "event":
            numbers = 1 + n_rows + np.cumsum(counts) - counts
        n_events, n_rows = n_events + len(counts), n_rows + int(counts.sum())
        yield EventBatch(
            rows, collection, jets, unit or "MeV", path, counter, numbers, computed=computed, unclear=form.unclear
        )


def is_nested(schema: pa.Schema, path: Path, collection: Collection) -> bool:
    """Tell whether a row is an event with lists of jets, and not a jet.

    Args:
        schema: of plain types.
        path: of the file, for messages.
        collection: what the columns of the jets are.

    Raises:
        JetDataError: a column is missing or doubled, or they are mixed.
    """
    refuse_doubled(schema, path)
    stored = stored_columns(collection, schema.names)
    if missing := [name for name in stored if name not in schema.names]:
        instead = [] if missing[0] in collection.names else [n for n in collection.names if n not in schema.names]
        what = f"{instead[0]} (or {missing[0]})" if instead else missing[0]
        raise JetDataError(f"{path}: column {what} is missing; {suggest(what.partition(' ')[0], schema.names)}")
    nested = {name: pa.types.is_list(schema.field(name).type) for name in stored}
    first = stored[0]
    for name, is_list in nested.items():
        if is_list != nested[first]:
            one, other = ("lists", "numbers") if nested[first] else ("numbers", "lists")
            raise JetDataError(f"{path}: columns are partly lists: {first} has {one}, {name} has {other}")
    return nested[first]


def _form(
    schema: pa.Schema, stated: frozenset[str] | None, path: Path, collection: Collection, patterns: Sequence[str] | None
) -> _Form:
    """Find out what the columns are.

    Args:
        schema: of plain types.
        stated: which columns belong to the jets, as the file says; None where it does not.
        path: of the file, for messages.
        collection: what the columns of the jets are.
        patterns: of columns that belong to the jets; None means as the file says.
    """
    nested, stored = is_nested(schema, path, collection), stored_columns(collection, schema.names)
    for name in stored:
        kind = schema.field(name).type
        kind = kind.value_type if nested else kind
        if not (is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
            raise JetDataError(f"{path}: column {name} holds {str(kind)[:80]}, not numbers")
    if not nested:
        event = event_column(schema, path)
        return _Form(False, event, stored, tuple(name for name in schema.names if name != event))
    lists = [field.name for field in schema if pa.types.is_list(field.type) and field.name not in stored]
    declared = stated if patterns is None else _chosen(lists, path, collection, patterns)
    if declared is None:  # lists of numbers called mass are those of the jets; --jet-columns says otherwise
        usual = {name for name in lists if name == MASS.name and is_number(schema.field(name).type.value_type)}
    own = {*stored, *(usual if declared is None else declared & set(lists))}
    unclear = tuple(name for name in lists if name not in own) if declared is None else ()
    return _Form(True, None, stored, tuple(name for name in schema.names if name in own), unclear)


def _chosen(lists: list[str], path: Path, collection: Collection, patterns: Sequence[str]) -> set[str]:
    """Find the columns that patterns mean."""
    found = {pattern: fitting(lists, pattern) for pattern in patterns}
    for pattern, names in found.items():
        if not names and pattern not in (*collection.names, MASS.name):
            raise JetDataError(f"{path}: no column with lists is called {pattern}; {suggest(pattern, lists)}")
    return {name for names in found.values() for name in names}


def _needed(schema: pa.Schema, form: _Form) -> list[str]:
    """Name the columns that the collection and the events as such need."""
    if not form.nested:
        return [*([form.event] if form.event else []), *form.stored]
    return [field.name for field in schema if field.name in form.stored or not pa.types.is_nested(field.type)]


def _with_columns(table: pa.Table, form: _Form, collection: Collection, path: Path, first: int) -> pa.Table:
    """Return a table with all columns of a collection as lists, as long as those of the jets; null is no list."""
    leader = form.stored[0]
    counts = lengths(table[leader])
    for name in form.stored:
        if table[name].null_count:
            event = first + int(np.argmax(table[name].is_null().to_numpy()))
            raise JetDataError(f"{path}: event {event}, column {name} has an empty value in place of a list")
    for name in form.jets:
        n_values = lengths(table[name])
        if not np.array_equal(n_values, counts):
            at = int(np.argmax(n_values != counts))
            raise JetDataError(
                f"{path}: event {first + at}, column {name} has {n_values[at]} values, and {leader} has {counts[at]}: "
                f"each jet needs one{'' if name in form.stored else '; if it is none of the jets, say --jet-columns'}"
            )
    flat = {name: pc.list_flatten(table[name]) for name in form.stored}
    for name, values in compute_columns(collection, flat).items():
        table = _with_column(table, name, jagged(values, counts))
    return table


def _with_column(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    """Return a table with a column, in the place of one of that name if there is any."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, column)
    return table.append_column(name, column)
