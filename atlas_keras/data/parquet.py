"""Read jets from Parquet: one row an event with lists of jets, or one row a jet with an event column.

The energies' unit is read from the key `unit` of the file's metadata; a file without it needs the unit from the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atlas_keras.data.events import EventBatch, jagged
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import energy
from atlas_keras.schema import FOUR_MOMENTUM, UNITS_IN_MEV

EVENT_COLUMNS = ("event", "event_id", "event_number", "eventNumber")
BATCH_ROWS = 100_000


def read_parquet(path: Path, source_unit: str | None) -> Iterator[EventBatch]:
    """Read events from a Parquet file, at most 100,000 rows at a time.

    E may be replaced by `mass`. In a file with one row a jet, consecutive rows with the same value of the event column
    (`event`, `event_id`, `event_number` or `eventNumber`) are one event.

    Args:
        path: the file.
        source_unit: unit of E, pt and mass where the file's metadata does not state it.

    Raises:
        JetDataError: a damaged file, a missing column, an unknown unit.
    """
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        unit = _unit(schema, path, source_unit)
        nested = is_nested(schema, path)
        event = None if nested else _event_column(schema, path)
        tables: Iterator[pa.Table] = (pa.Table.from_batches([batch]) for batch in file.iter_batches(BATCH_ROWS))
        if event:
            tables = _group(tables, event, path)
        sources = {} if "E" in schema.names else {"E": "mass"}
        first = 1
        for table in tables:
            table = _with_energy(table, path)
            own = [name for name in table.column_names if name != event] if event else (*FOUR_MOMENTUM.names, "mass")
            jets = tuple(name for name in own if name in table.column_names)
            numbers = np.arange(first, first + table.num_rows)
            yield EventBatch(table, jets, unit, path, "event", numbers, sources)
            first += table.num_rows
    except (pa.ArrowException, OSError) as error:
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({error})") from error


def _unit(schema: pa.Schema, path: Path, source_unit: str | None) -> str:
    stored = (schema.metadata or {}).get(b"unit", b"").decode()
    if stored and source_unit and stored != source_unit:
        raise JetDataError(f"{path}: the file says that its unit is {stored}, not {source_unit}")
    unit = stored or source_unit
    if unit is None:
        raise JetDataError(f"{path}: the file does not state the unit of its energies; say --source-unit MeV or GeV")
    if unit not in UNITS_IN_MEV:
        raise JetDataError(f"{path}: unit {unit!r} in the file's metadata is neither MeV nor GeV")
    return unit


def is_nested(schema: pa.Schema, path: Path) -> bool:
    """Tell whether a row is an event with lists of jets, and not a jet.

    Raises:
        JetDataError: a column is missing or doubled, or they are mixed.
    """
    if doubled := {name for name in schema.names if schema.names.count(name) > 1}:
        raise JetDataError(f"{path}: column {min(doubled)} is there twice")
    for name in ("pt", "eta", "phi"):
        if name not in schema.names:
            raise JetDataError(f"{path}: column {name} is missing; the file has {', '.join(schema.names)}")
    if "E" not in schema.names and "mass" not in schema.names:
        raise JetDataError(f"{path}: column E (or mass) is missing; the file has {', '.join(schema.names)}")
    nested = [_is_list(schema.field(name).type) for name in (*FOUR_MOMENTUM.names, "mass") if name in schema.names]
    if any(nested) != all(nested):
        raise JetDataError(f"{path}: columns E, pt, eta, phi are partly lists and partly numbers")
    return nested[0]


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _event_column(schema: pa.Schema, path: Path) -> str:
    for name in EVENT_COLUMNS:
        if name in schema.names:
            return name
    raise JetDataError(f"{path}: one row a jet needs an event column ({', '.join(EVENT_COLUMNS)})")


def _group(tables: Iterator[pa.Table], event: str, path: Path) -> Iterator[pa.Table]:
    """Turn rows of jets into rows of events; an event that a block cuts is finished with the next block."""
    rest: pa.Table | None = None
    for table in tables:
        if table[event].null_count:
            raise JetDataError(f"{path}: column {event} has an empty value: which event is that jet of?")
        whole = table if rest is None else pa.concat_tables([rest, table])
        starts = _starts(whole[event])
        if starts.size:
            if starts[-1]:
                yield _nest(whole.slice(0, starts[-1]), event, starts[:-1])
            rest = whole.slice(starts[-1])
    if rest is not None and rest.num_rows:
        yield _nest(rest, event, np.zeros(1, np.int64))


def _starts(column: pa.ChunkedArray) -> np.ndarray:
    values = column.combine_chunks()
    if len(values) == 0:
        return np.empty(0, np.int64)
    changed = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1)).to_numpy(zero_copy_only=False)
    return np.flatnonzero(np.concatenate([[True], changed]))


def _nest(table: pa.Table, event: str, starts: np.ndarray) -> pa.Table:
    counts = np.diff(np.append(starts, table.num_rows))
    columns = {event: table[event].take(pa.array(starts))}
    for name in table.column_names:
        if name != event:
            columns[name] = jagged(table[name].combine_chunks(), counts)
    return pa.table(columns)


def _with_energy(table: pa.Table, path: Path) -> pa.Table:
    """Give E, pt, eta, phi as lists of float64, null values refused, lengths equal."""
    present = [name for name in (*FOUR_MOMENTUM.names, "mass") if name in table.column_names]
    counts = pc.list_value_length(table["pt"]).to_numpy()
    flat = {}
    for name in present:
        column = table[name].cast(pa.list_(pa.float64()))
        if column.null_count or not np.array_equal(pc.list_value_length(column).to_numpy(), counts):
            raise JetDataError(f"{path}: column {name} has an empty value or another number of jets than pt")
        flat[name] = pc.list_flatten(column).to_numpy()  # an empty value inside a list becomes NaN and is refused later
    if "E" not in flat:
        flat["E"] = energy(flat["pt"], flat["eta"], flat["mass"])
    for name in FOUR_MOMENTUM.names:
        lists = jagged(flat[name], counts.astype(np.int64))
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, lists)
        else:
            table = table.append_column(name, lists)
    return table
