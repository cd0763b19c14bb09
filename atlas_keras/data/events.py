"""The table of events that every reader yields: one row an event, its jets as lists, its other columns beside them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlas_keras.data.arrow_types import is_number
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import ENERGIES, way_to
from atlas_keras.schema import Collection, unit_factor

Array = NDArray[np.float64]
Flat: TypeAlias = NDArray | pa.Array | pa.ChunkedArray  # values of all objects, one after the other


@dataclass
class InvalidPolicy:
    """What happens to bad input: an error at the first, or drop and count, or keep jets as they are.

    Args:
        invalid: `error`, `drop` or `keep`; what cannot even be read as a jet is an error with `keep`, too.
    """

    invalid: Literal["error", "drop", "keep"] = "error"
    n_events: int = 0
    n_jets: int = 0

    def __post_init__(self) -> None:
        if self.invalid not in ("error", "drop", "keep"):
            raise ValueError(f"invalid is 'error', 'drop' or 'keep'. Received: {self.invalid!r}")

    def report(self, sentence: str, *, n_events: int = 0, n_jets: int = 0) -> None:
        """Count what is dropped.

        Args:
            sentence: what is wrong, with file, line and column.
            n_events, n_jets: that are dropped.

        Raises:
            JetDataError: with the sentence, where bad input is an error.
        """
        if self.invalid != "drop":
            raise JetDataError(f"{sentence} (--invalid drop skips it)")
        self.n_events += n_events
        self.n_jets += n_jets


@dataclass(frozen=True)
class EventBatch:
    """Consecutive events of one file.

    Args:
        table: one row an event; the columns of the collection are lists of numbers; all columns have the types that the
            file has for them, in plain form (`arrow_types.plain`), and computed ones float64.
        collection: what the columns of the jets are.
        jet_columns: names of the table's columns that hold a value for each jet, those of the collection among them;
            the reader declares them, as the lengths of lists do not tell what they belong to.
        unit: of energies.
        path: the file.
        counter: what `numbers` counts, from 1: `line` (text), `row` (tables with a row an object) or `event` (others).
        numbers: where each event stands, or begins, in the file, shape `(n_events,)`.
        sources: how the file calls a column of the table, where it has another name for it: {"pt": "Jet_pt"}. Messages
            speak of these.
        computed: names of the columns that the reader has computed from others, by `kinematics.COMPUTED`.
        unclear: names of columns with lists of which nobody has said whether they belong to the jets.
    """

    table: pa.Table
    collection: Collection
    jet_columns: tuple[str, ...]
    unit: str
    path: Path
    counter: Literal["line", "event", "row"]
    numbers: NDArray[np.int64]
    sources: Mapping[str, str] = field(default_factory=dict)
    computed: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()

    @property
    def n_events(self) -> int:
        """Number of events, those without jets included."""
        return self.table.num_rows

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of jets of each event."""
        return pc.list_value_length(self.table[self.collection.names[0]]).to_numpy().astype(np.int64)

    def jets(self) -> Array:
        """Stack the jets of all events: shape `(n_jets, n_columns)`, float64, energies in `unit`; NaN is no value."""
        columns = [flat_values(self.table[name]) for name in self.collection.names]
        return np.stack(columns, axis=1) if columns[0].size else np.empty((0, len(columns)))


def stored_columns(collection: Collection, in_file: Container[str]) -> tuple[str, ...]:
    """Name the columns from which those of a collection come: they themselves, or what they are computed from.

    Args:
        collection: what is wanted.
        in_file: what the file has, by the names of the collection.
    """
    ways = {name: way_to(name, in_file) for name in collection.names}
    needed = (source for way in ways.values() if way for source in way.sources)
    return tuple(dict.fromkeys((*(name for name, way in ways.items() if way is None), *needed)))


def follow(wanted: Collection, collection: Collection) -> bool:
    """Tell whether the columns that are wanted are among those of a collection, or are computed from them."""
    return collection.has(*stored_columns(wanted, collection.names))


def compute_columns(collection: Collection, stored: Mapping[str, Flat]) -> dict[str, Array]:
    """Compute the columns of a collection that are not stored: their flat values by name, float64."""
    ways = {name: way for name in collection.names if (way := way_to(name, stored))}
    return {name: way.function(*(as_floats(stored[source]) for source in way.sources)) for name, way in ways.items()}


def as_floats(values: Flat) -> Array:
    """Convert flat numbers or flags to float64; a value that is null or masked becomes NaN."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        found: Array = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return found
    found = np.ma.filled(values.astype(np.float64), np.nan)
    return found


def jagged(values: Flat, counts: NDArray[np.int64], absent: pa.Array | None = None) -> pa.ListArray:
    """Cut a flat array into one list an event.

    Args:
        values: of all events, in their order.
        counts: how many of them each event has.
        absent: which events have no list, not even an empty one.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values), mask=absent)


def flat_values(column: pa.ChunkedArray) -> Array:
    """Join the lists of a column of numbers or flags, in float64; a value that is missing is NaN."""
    return as_floats(pc.list_flatten(column))


def lengths(column: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Compute how many values each list of a column has; an empty value has none."""
    return pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int64)


def validate(batch: EventBatch, policy: InvalidPolicy) -> EventBatch:
    """Check that every value of every jet is one that its column may have; E slightly below p is legal.

    Raises:
        JetDataError: names file, line or event, jet and column of the first bad value, unless the policy drops it; or a
            column of which nobody has said whether it belongs to the jets that are dropped.
    """
    if policy.invalid == "keep":
        return batch
    jets = batch.jets()
    ok = np.stack([column.valid(values) for column, values in zip(batch.collection, jets.T, strict=True)], axis=1)
    good: NDArray[np.bool_] = np.all(ok, axis=1)
    if good.all():
        return batch
    counts = batch.counts
    event = np.repeat(np.arange(batch.n_events), counts)
    row = int(np.argmin(good))
    number = row - int(np.sum(counts[: event[row]])) + 1
    policy.report(
        f"{batch.path}: {batch.counter} {batch.numbers[event[row]]}, {batch.collection.word} {number}, column "
        f"{_fault(batch, jets[row], ok[row], row)}",
        n_jets=int(np.sum(~good)),
    )
    return _keep_jets(batch, good, event)


def _fault(batch: EventBatch, jet: Array, ok: NDArray[np.bool_], row: int) -> str:
    """Say what is wrong with a jet: a column as the file calls it, its value, and the rule that it breaks."""
    # A bad pt or eta makes a computed E bad: what is computed comes last.
    bad = [column for column, is_ok in zip(batch.collection, ok, strict=True) if not is_ok]
    column = min(bad, key=lambda column: column.name in batch.computed)
    if column.name not in batch.computed:
        name = column.name
        return f"{batch.sources.get(name, name)}: {jet[batch.collection.index(name)]:g} {column.rule}"
    # Of several sources that are numbers, the last one is at fault, unless the others are too large without it.
    way = way_to(column.name, set(batch.table.column_names) - set(batch.computed))
    assert way is not None
    sources, function = way
    stored = [pc.list_flatten(batch.table[name])[row].as_py() for name in sources]
    values = [np.nan if value is None else value for value in stored]
    which = -1 if np.isfinite(function(*values[:-1], 0.0)) or len(sources) < 3 else -2
    name, value = sources[which], values[which]
    rule = f"gives no positive, finite {column.quantity}" if np.isfinite(value) else "has to be finite"
    return f"{batch.sources.get(name, name)}: {value:g} {rule}"


def _keep_jets(batch: EventBatch, good: NDArray[np.bool_], event: NDArray[np.int64]) -> EventBatch:
    """Drop jets from every column that holds a value for each jet; the events stay."""
    cut = np.unique(event[~good])
    for name in batch.unclear:
        if np.array_equal(lengths(batch.table[name])[cut], batch.counts[cut]):
            raise JetDataError(
                f"{batch.path}: jets are dropped, and column {name} has as many values as there are jets: say with "
                "--jet-columns which columns belong to the jets ('' for none)"
            )
    counts, table = np.bincount(event[good], minlength=batch.n_events), batch.table
    for name in batch.jet_columns:
        values = pc.list_flatten(table[name]).filter(pa.array(good))
        absent = table[name].is_null().combine_chunks() if table[name].null_count else None
        table = table.set_column(table.column_names.index(name), name, jagged(values, counts, absent))
    return replace(batch, table=table)


def convert(batch: EventBatch, unit: str) -> EventBatch:
    """Convert the energies of the jets, a mass beside them too, to another unit; all else stays as the file has it."""
    factor = unit_factor(batch.unit, unit)
    if factor == 1.0:
        return batch
    table = batch.table
    energies = {*ENERGIES, *(column.name for column in batch.collection if column.is_energy)}
    for index, name in enumerate(table.column_names):
        if name in energies & set(batch.jet_columns) and is_number(table[name].type.value_type):
            table = table.set_column(index, name, jagged(flat_values(table[name]) * factor, batch.counts))
    return replace(batch, table=table, unit=unit)
