"""The jets that come back worst, with the event and the place in it where each can be found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from atlas_keras.data.event_positions import EventPositions
from atlas_keras.evaluation.observables import DRAWN, Observables, residual

N_EVENTS = 3  # that are drawn


def worst_jets(
    before: Observables, after: Observables, event: NDArray[np.int64], positions: EventPositions, n: int
) -> pd.DataFrame:
    """List the jets with the largest residual in any column, relative or absolute as the column has it.

    Args:
        before, after: observables of the jets.
        event: which event each jet belongs to, ascending.
        positions: where the events stand.
        n: how many, at most.

    Returns:
        `file`, `position` (line or event, from 1), `id` of the event, `event` (from 0 over all files), `jet` (its
        number in the event, from 1), `variable` and `error` of the largest error, all observables before, the same with
        `_after`.
    """
    names = before.collection.names
    errors = _errors(before, after)
    largest = errors.max(axis=1)
    n = min(n, len(largest))
    chosen = np.argpartition(largest, len(largest) - n)[len(largest) - n :]
    chosen = chosen[np.argsort(-largest[chosen], kind="stable")]
    number = chosen - np.searchsorted(event, event[chosen]) + 1
    rows = pd.DataFrame([positions.describe(int(e)) for e in event[chosen]], columns=["file", "position", "id"])
    rows["event"], rows["jet"] = event[chosen], number
    rows["variable"] = [names[k] for k in errors[chosen].argmax(axis=1)]
    rows["error"] = largest[chosen]
    values = {
        column.name + suffix: observables[column.name][chosen]
        for suffix, observables in (("", before), ("_after", after))
        for column in observables.of_jets
    }
    return pd.concat([rows, pd.DataFrame(values, index=rows.index)], axis=1)


def worst_events(
    before: Observables, after: Observables, event: NDArray[np.int64], worst: pd.DataFrame
) -> pd.DataFrame:
    """Give all jets of the events of the worst jets, as pictures of the events need them.

    Args:
        before, after: observables of the jets.
        event: which event each jet belongs to, ascending.
        worst: the worst jets, of `worst_jets`.

    Returns:
        One row a jet of the first three of these events: `rank` (which event, from 1), `event`, `jet` (its number in
        the event, from 1), pt, eta and phi before, the same with `_after`, the largest `error`, and `worst`, whether it
        is the jet that the event is shown for. No row where jets have no pt, eta and phi.
    """
    columns = [*DRAWN, *(f"{name}_after" for name in DRAWN)]
    if not before.collection.has(*DRAWN):
        return pd.DataFrame(columns=["rank", "event", "jet", *columns, "error", "worst"])
    shown = worst.drop_duplicates("event").head(N_EVENTS)
    largest, parts = _errors(before, after).max(axis=1), []
    for rank, (number, jet) in enumerate(zip(shown["event"], shown["jet"], strict=True), 1):
        rows = np.flatnonzero(event == number)
        values = [observables[name][rows] for observables in (before, after) for name in DRAWN]
        part = pd.DataFrame(dict(zip(columns, values, strict=True)))
        part.insert(0, "jet", np.arange(1, len(rows) + 1))
        part.insert(0, "event", number)
        part.insert(0, "rank", rank)
        parts.append(part.assign(error=largest[rows], worst=part["jet"] == jet))
    return pd.concat(parts, ignore_index=True)


def _errors(before: Observables, after: Observables) -> NDArray[np.float64]:
    """Return the sizes of the residuals of all columns, shape `(n_jets, n_columns)`."""
    names = before.collection.names
    return np.stack([np.nan_to_num(np.abs(residual(before, after, name))) for name in names], axis=1)
