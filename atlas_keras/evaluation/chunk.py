"""Consecutive events of some data, small enough for the memory: what evaluations count at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.event_positions import EventPositions
from atlas_keras.schema import Collection


@dataclass(frozen=True)
class Chunk:
    """Jets of consecutive events.

    Args:
        jets: shape `(n_jets, n_columns)`, float32.
        collection: what the columns are.
        event: which event of the part each jet belongs to, shape `(n_jets,)`, ascending.
        n_events: how many events the chunk has, those without jets included.
        positions: where the events stand in their file.
        first: number of the first event, in the part, that `positions` knows.
        part: number of the file, or of what else the data are made of.
    """

    jets: NDArray[np.float32]
    collection: Collection
    event: NDArray[np.int64]
    n_events: int
    positions: EventPositions
    first: int = 0
    part: int = 0
