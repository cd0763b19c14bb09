"""The table of events that every reader yields: one row an event, its jets as lists, its other columns beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlas_keras.data.arrow_types import is_number
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import momentum
from atlas_keras.schema import FOUR_MOMENTUM, PHI_MAX, unit_factor

Array = NDArray[np.float64]
RULES = ("has to be positive", "has to be positive", "has to be finite", "has to lie in [-pi, pi]")


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
        table: one row an event; E, pt, eta, phi are lists of float64; other columns as the file has them, in plain
            types (`arrow_types.plain`).
        jet_columns: names of the table's columns that hold a value for each jet, E, pt, eta and phi among them; the
            reader declares them, as the lengths of lists do not tell what they belong to.
        unit: of E and pt.
        path: the file.
        place: what `numbers` counts, `line` (text) or `event` (others), from 1.
        numbers: where each event stands in the file, shape `(n_events,)`.
        sources: how the file calls a column of the table, where it has another name for it or another quantity in its
            place: {"pt": "Jet_pt", "mass": "Jet_mass", "E": "Jet_mass"} of a file that stores the mass, from which the
            reader computes E. Messages speak of these.
        unclear: names of columns with lists of which nobody has said whether they belong to the jets.
    """

    table: pa.Table
    jet_columns: tuple[str, ...]
    unit: str
    path: Path
    place: Literal["line", "event"]
    numbers: NDArray[np.int64]
    sources: Mapping[str, str] = field(default_factory=dict)
    unclear: tuple[str, ...] = ()

    @property
    def n_events(self) -> int:
        """Number of events, those without jets included."""
        return self.table.num_rows

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of jets of each event."""
        return pc.list_value_length(self.table["pt"]).to_numpy().astype(np.int64)

    def jets(self) -> Array:
        """Stack the jets of all events: shape `(n_jets, 4)`, float64, in `unit`."""
        columns = [pc.list_flatten(self.table[name]).to_numpy() for name in FOUR_MOMENTUM.names]
        return np.stack(columns, axis=1) if columns[0].size else np.empty((0, 4))


def jagged(
    values: NDArray | pa.Array | pa.ChunkedArray, counts: NDArray[np.int64], absent: pa.Array | None = None
) -> pa.ListArray:
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


def lengths(column: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Compute how many values each list of a column has; an empty value has none."""
    return pc.list_value_length(column).fill_null(0).to_numpy().astype(np.int64)


def validate(batch: EventBatch, policy: InvalidPolicy) -> EventBatch:
    """Check every jet: finite, E > 0, pt > 0, phi in [-pi, pi] as files round it; E slightly below p is legal.

    Raises:
        JetDataError: names file, line or event, jet and column of the first bad value, unless the policy drops it; or a
            column of which nobody has said whether it belongs to the jets that are dropped.
    """
    if policy.invalid == "keep":
        return batch
    jets = batch.jets()
    finite = np.isfinite(jets)
    with np.errstate(invalid="ignore"):
        ok = finite & (jets > 0)
        ok[:, 2] = finite[:, 2]
        ok[:, 3] = np.abs(jets[:, 3]) <= PHI_MAX
    good: NDArray[np.bool_] = np.all(ok, axis=1)
    if good.all():
        return batch
    counts = batch.counts
    event = np.repeat(np.arange(batch.n_events), counts)
    row = int(np.argmin(good))
    number = row - int(np.sum(counts[: event[row]])) + 1
    policy.report(
        f"{batch.path}: {batch.place} {batch.numbers[event[row]]}, jet {number}, column "
        f"{_fault(batch, jets[row], ok[row], row)}",
        n_jets=int(np.sum(~good)),
    )
    return _keep_jets(batch, good, event)


def _fault(batch: EventBatch, jet: Array, ok: NDArray[np.bool_], row: int) -> str:
    """Say what is wrong with a jet: a column as the file calls it, its value, and the rule that it breaks."""
    source = batch.sources.get("E", "E")
    masses = [name for name in batch.jet_columns if name != "E" and batch.sources.get(name, name) == source]
    # A bad pt, eta or phi makes a computed E bad: it comes last.
    column = next(index for index in ((1, 2, 3, 0) if masses else range(4)) if not ok[index])
    name = FOUR_MOMENTUM.names[column]
    if column or not masses:
        return f"{batch.sources.get(name, name)}: {jet[column]:g} {RULES[column]}"
    with np.errstate(over="ignore"):
        fits = np.isfinite(momentum(jet[1], jet[2]) ** 2)
    name = masses[0] if fits else "eta"
    value = pc.list_flatten(batch.table[name])[row].as_py()
    value = np.nan if value is None else value
    rule = "gives no positive, finite energy" if np.isfinite(value) else "has to be finite"
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
    """Convert E, pt and mass of the jets to another unit; the other columns stay as the file has them."""
    factor = unit_factor(batch.unit, unit)
    if factor == 1.0:
        return batch
    table = batch.table
    energies = {"mass", *(column.name for column in FOUR_MOMENTUM if column.is_energy)}
    for index, name in enumerate(table.column_names):
        if name in energies & set(batch.jet_columns) and is_number(table[name].type.value_type):
            values = pc.list_flatten(table[name]).to_numpy() * factor
            table = table.set_column(index, name, jagged(values, batch.counts))
    return replace(batch, table=table, unit=unit)
