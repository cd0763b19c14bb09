"""Read jets from Parquet: one row an event with lists of jets, or one row a jet with an event column.

The file's metadata tell the unit of the energies (`unit`; without it the user has to) and, of rows of events, which
columns hold a value for each jet (`jet_columns`, a list in JSON; without it E, pt, eta, phi and mass do).
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atlas_keras.data.arrow_types import is_number, plain, plain_schema
from atlas_keras.data.events import EventBatch, jagged, lengths
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.kinematics import energy
from atlas_keras.schema import FOUR_MOMENTUM, UNITS_IN_MEV
from atlas_keras.suggestions import suggest

EVENT_COLUMNS = ("event", "event_id", "event_number", "eventNumber")
UNIT_KEY, JETS_KEY = b"unit", b"jet_columns"
BATCH_ROWS = 100_000


@dataclass(frozen=True)
class _Form:
    """What the columns of a file are.

    Args:
        event: the column that identifies an event where a row is a jet; None where a row is an event.
        momenta: E, pt, eta, phi and mass, those that make the four-momentum.
        jets: all columns that hold a value for each jet.
        unclear: other columns with lists of which nobody has said whether they belong to the jets.
    """

    event: str | None
    momenta: tuple[str, ...]
    jets: tuple[str, ...]
    unclear: tuple[str, ...] = ()


def read_parquet(
    path: Path, source_unit: str | None, jet_columns: Sequence[str] | None = None, *, others: bool = True
) -> Iterator[EventBatch]:
    """Read events from a Parquet file, at most 100,000 rows at a time.

    E may be replaced by `mass`. In a file with one row a jet, consecutive rows with the same value of the event column
    (`event`, `event_id`, `event_number` or `eventNumber`) are one event.

    Args:
        path: the file.
        source_unit: unit of E, pt and mass where the file's metadata does not state it.
        jet_columns: patterns (`*` and `?`) of further columns that hold a value for each jet, in place of what the
            file's metadata says; None means what that says.
        others: read all columns; False leaves out those with lists that are not of the four-momenta.

    Raises:
        JetDataError: a damaged file, a missing column, an unknown unit, a pattern that fits no column.
    """
    try:
        file = pq.ParquetFile(path)
        schema = plain_schema(file.schema_arrow)
        metadata = file.schema_arrow.metadata or {}
        unit = _unit(metadata, path, source_unit)
        form = _form(schema, metadata, path, jet_columns if others else ())
        names = schema.names if others else _needed(schema, form)
        form = form if others else _Form(form.event, form.momenta, form.momenta)
        batches = file.iter_batches(BATCH_ROWS, columns=None if others else names)
        tables: Iterator[pa.Table] = (plain(pa.Table.from_batches([batch]).select(names)) for batch in batches)
        if form.event:
            tables = _group(tables, form.event, path)
        sources = {} if "E" in form.momenta else {"E": "mass"}
        first = 1
        for table in tables:
            table = _with_energy(table, form, path, first)
            numbers = np.arange(first, first + table.num_rows)
            jets = (*form.jets, *(() if "E" in form.jets else ("E",)))
            yield EventBatch(table, jets, unit, path, "event", numbers, sources, form.unclear)
            first += table.num_rows
    except (pa.ArrowException, OSError) as error:
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error


def _unit(metadata: dict[bytes, bytes], path: Path, source_unit: str | None) -> str:
    stored = metadata.get(UNIT_KEY, b"").decode(errors="replace")
    if stored and stored not in UNITS_IN_MEV:
        raise JetDataError(f"{path}: unit {stored[:20]!r} in the file's metadata is neither MeV nor GeV")
    if stored and source_unit and stored != source_unit:
        raise JetDataError(f"{path}: the file says that its unit is {stored}, not {source_unit}")
    unit = stored or source_unit
    if unit is None:
        raise JetDataError(f"{path}: the file does not state the unit of its energies; say --source-unit MeV or GeV")
    return unit


def is_nested(schema: pa.Schema, path: Path) -> bool:
    """Tell whether a row is an event with lists of jets, and not a jet.

    Args:
        schema: of plain types.
        path: of the file, for messages.

    Raises:
        JetDataError: a column is missing or doubled, or they are mixed.
    """
    if len(set(schema.names)) < len(schema.names):
        doubled = next(name for name in schema.names if schema.names.count(name) > 1)
        raise JetDataError(f"{path}: column {doubled} is there twice")
    for name in ("pt", "eta", "phi"):
        if name not in schema.names:
            raise JetDataError(f"{path}: column {name} is missing; {suggest(name, schema.names)}")
    if "E" not in schema.names and "mass" not in schema.names:
        raise JetDataError(f"{path}: column E (or mass) is missing; {suggest('E', schema.names)}")
    nested = {name: pa.types.is_list(schema.field(name).type) for name in _momenta(schema)}
    for name, is_list in nested.items():
        if is_list != nested["pt"]:
            one, other = ("lists", "numbers") if nested["pt"] else ("numbers", "lists")
            raise JetDataError(f"{path}: columns are partly lists: pt has {one}, {name} has {other}")
    return nested["pt"]


def _momenta(schema: pa.Schema) -> tuple[str, ...]:
    """Name the columns that make the four-momentum; a mass beside E is a column as any other."""
    return FOUR_MOMENTUM.names if "E" in schema.names else ("pt", "eta", "phi", "mass")


def _form(schema: pa.Schema, metadata: dict[bytes, bytes], path: Path, patterns: Sequence[str] | None) -> _Form:
    """Find out what the columns are.

    Args:
        schema: of plain types.
        metadata: of the file.
        path: of the file, for messages.
        patterns: of columns that belong to the jets; None means as the metadata says.
    """
    nested, momenta = is_nested(schema, path), _momenta(schema)
    for name in momenta:
        kind = schema.field(name).type
        kind = kind.value_type if nested else kind
        if not (is_number(kind) or pa.types.is_null(kind)):
            raise JetDataError(f"{path}: column {name} holds {str(kind)[:80]}, not numbers")
    if not nested:
        event = _event_column(schema, path)
        return _Form(event, momenta, tuple(name for name in schema.names if name != event))
    lists = [field.name for field in schema if pa.types.is_list(field.type) and field.name not in momenta]
    declared = _stated(metadata, path) if patterns is None else _chosen(lists, path, patterns)
    if declared is None:  # lists of numbers called mass, beside E, are those of the jets; --jet-columns says otherwise
        usual = {name for name in lists if name == "mass" and is_number(schema.field(name).type.value_type)}
    own = {*momenta, *(usual if declared is None else declared & set(lists))}
    unclear = tuple(name for name in lists if name not in own) if declared is None else ()
    return _Form(None, momenta, tuple(name for name in schema.names if name in own), unclear)


def _stated(metadata: dict[bytes, bytes], path: Path) -> set[str] | None:
    """Read from the metadata which columns belong to the jets; None where it does not say."""
    if JETS_KEY not in metadata:
        return None
    try:
        return {str(name) for name in list(json.loads(metadata[JETS_KEY]))}
    except (ValueError, TypeError, RecursionError):
        raise JetDataError(f"{path}: jet_columns in the file's metadata is no list of names") from None


def _chosen(lists: list[str], path: Path, patterns: Sequence[str]) -> set[str]:
    """Find the columns that patterns mean."""
    found = {pattern: fnmatch.filter(lists, pattern) for pattern in patterns}
    for pattern, names in found.items():
        if not names and pattern not in (*FOUR_MOMENTUM.names, "mass"):
            raise JetDataError(f"{path}: no column with lists is called {pattern}; {suggest(pattern, lists)}")
    return {name for names in found.values() for name in names}


def _needed(schema: pa.Schema, form: _Form) -> list[str]:
    """Name the columns that the four-momenta and the events as such need."""
    if form.event:
        return [form.event, *form.momenta]
    return [field.name for field in schema if field.name in form.momenta or not pa.types.is_nested(field.type)]


def _event_column(schema: pa.Schema, path: Path) -> str:
    for name in EVENT_COLUMNS:
        if name in schema.names:
            if pa.types.is_nested(schema.field(name).type):
                raise JetDataError(f"{path}: column {name} holds {str(schema.field(name).type)[:80]}, not events' ids")
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
            columns[name] = jagged(table[name], counts)
    return pa.table(columns)


def _with_energy(table: pa.Table, form: _Form, path: Path, first: int) -> pa.Table:
    """Give E, pt, eta, phi as lists of float64, null values refused, lengths of all columns of the jets equal."""
    counts = lengths(table["pt"])
    for name in form.momenta:
        if table[name].null_count:
            event = first + int(np.argmax(table[name].is_null().to_numpy()))
            raise JetDataError(f"{path}: event {event}, column {name} has an empty value in place of a list")
    for name in form.jets:
        n_values = lengths(table[name])
        if not np.array_equal(n_values, counts):
            at = int(np.argmax(n_values != counts))
            raise JetDataError(
                f"{path}: event {first + at}, column {name} has {n_values[at]} values, and pt has {counts[at]}: each "
                f"jet needs one{'' if name in form.momenta else '; if it is none of the jets, say --jet-columns'}"
            )
    # An empty value inside a list becomes NaN and is refused later.
    flat = {name: pc.list_flatten(table[name].cast(pa.list_(pa.float64()))).to_numpy() for name in form.momenta}
    if "E" not in flat:
        flat["E"] = energy(flat["pt"], flat["eta"], flat["mass"])
    for name in FOUR_MOMENTUM.names:
        lists = jagged(flat[name], counts)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, lists)
        else:
            table = table.append_column(name, lists)
    return table
