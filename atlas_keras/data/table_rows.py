"""From rows of objects to rows of events, and back.

Consecutive rows with the same event are one; without a column that tells the event, each row is an event of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_keras.data.events import jagged
from atlas_keras.data.table import Table
from atlas_keras.errors import JetDataError

BORDER_ROWS = 1 << 14  # that are looked at together to find where an event begins


def nest_rows(
    tables: Iterator[pa.Table], event: str | None, of_events: Set[str], path: Path, most: int
) -> Iterator[pa.Table]:
    """Turn rows of objects into rows of events; an event that a piece cuts waits for the piece in which it ends.

    Args:
        tables: with a row an object.
        event: the column that identifies an event; None makes each row one.
        of_events: other columns with one value an event: that of its first row.
        path: of the file, for messages.
        most: objects of an event.

    Raises:
        JetDataError: an event without a name, or with too many objects.
    """
    whole = of_events | {event} if event else of_events
    if event is None:
        for table in tables:
            yield _nest(table, whole, np.arange(table.num_rows))
        return
    waiting: list[pa.Table] = []  # of the event that has not ended yet
    n_waiting = 0
    for table in filter(len, tables):
        if table[event].null_count:
            raise JetDataError(f"{path}: column {event} has an empty value: which event is that jet of?")
        starts = _starts(table[event], waiting[-1][event] if waiting else None)
        if starts.size:
            begins = np.concatenate([np.zeros(min(n_waiting, 1), np.int64), starts + n_waiting])
            if begins.size > 1:
                yield _nest(pa.concat_tables([*waiting, table.slice(0, starts[-1])]), whole, begins[:-1])
            waiting, n_waiting = [], 0
            table = table.slice(starts[-1])
        waiting.append(table)
        n_waiting += table.num_rows
        if n_waiting > most:
            raise JetDataError(
                f"{path}: more than {most:,} consecutive jets have the same {event}, as no event has; "
                "--any-size reads them all the same"
            )
    if n_waiting:
        yield _nest(pa.concat_tables(waiting), whole, np.zeros(1, np.int64))


def n_events(tables: Iterator[pa.Table], event: str) -> int:
    """Count the events of rows.

    Args:
        tables: with a row an object.
        event: the column that identifies an event.
    """
    count, before = 0, None
    for table in filter(len, tables):
        count += len(_starts(table[event], before))
        before = table[event]
    return count


def begin_of_event(table: Table, event: str, row: int) -> int:
    """Return the first row, from one on, with which an event begins; the number of rows where none does.

    Args:
        table: with a row an object.
        event: the column that identifies an event.
        row: from which on, from 0.
    """
    if row <= 0 or row >= table.n_rows:
        return min(max(row, 0), table.n_rows)
    assert table.read_from is not None
    at, before = row - 1, None
    for piece in filter(len, table.read_from([event], BORDER_ROWS, at)):
        starts = _starts(piece[event], before)
        starts = starts[starts > 0] if before is None else starts  # the row before is there to be compared with
        if len(starts):
            return at + int(starts[0])
        at, before = at + len(piece), piece[event]
    return table.n_rows


def _starts(column: pa.ChunkedArray, before: pa.ChunkedArray | None) -> np.ndarray:
    """Find the rows with which an event begins.

    Args:
        column: that identifies the event.
        before: the same column of the rows before; None where there are none.
    """
    first = column.slice(0, 1) if before is None else before.slice(len(before) - 1)
    values = pa.chunked_array([*first.chunks, *column.chunks], column.type).combine_chunks()
    changed = pc.not_equal(values.slice(1), values.slice(0, len(column))).to_numpy(zero_copy_only=False)
    if before is None and len(changed):
        changed[0] = True
    return np.flatnonzero(changed)


def _nest(table: pa.Table, of_events: Set[str], starts: np.ndarray) -> pa.Table:
    counts = np.diff(np.append(starts, table.num_rows))
    names = sorted(table.column_names, key=lambda name: name not in of_events)  # those of events first
    columns = {
        name: table[name].take(pa.array(starts)) if name in of_events else jagged(table[name], counts) for name in names
    }
    return pa.table(columns)


def rows_of_objects(table: pa.Table, leader: str) -> pa.Table:
    """Turn rows of events into rows of objects: lists are joined, what is no list is repeated for each object.

    Args:
        table: one row an event.
        leader: a column that has a value for each object.
    """
    rows = pa.array(np.repeat(np.arange(table.num_rows), pc.list_value_length(table[leader]).to_numpy()))
    columns = {}
    for name in table.column_names:
        column = table[name]
        columns[name] = pc.list_flatten(column) if pa.types.is_list(column.type) else column.take(rows)
    return pa.table(columns)
