"""The jets that come back worst, with the event and the place in it where each can be found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from atlas_keras.data.event_positions import EventPositions
from atlas_keras.evaluation.observables import Observables, residual


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
    errors = np.stack([np.nan_to_num(np.abs(residual(before, after, name))) for name in names], axis=1)
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
