"""The rows of the training split, as builders of autoencoders look at them: in memory, or on disk in any number."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras.layers.statistics import Statistics, StatisticsOfRows


@dataclass(frozen=True)
class TrainingRows:
    """The training split.

    Args:
        drawn: rows for what does not add up, such as quantiles, and what is chosen by it (transforms, fillers, bins):
            all rows, or some of those on disk, shape `(n_drawn, n_columns)`, float32.
        stored: all rows, shape `(n, n_columns)`, float32; those on disk are mapped into memory.
        part: how many of them are looked at together.
    """

    drawn: NDArray[np.float32]
    stored: NDArray[np.float32]
    part: int

    @classmethod
    def of(cls, jets: ArrayLike | TrainingRows) -> TrainingRows:
        """Return rows in memory, which are looked at together, or the training split as it is given.

        Args:
            jets: rows, shape `(n_jets, n_columns)`, or a training split.
        """
        if isinstance(jets, TrainingRows):
            return jets
        rows = np.asarray(jets, np.float32)
        return cls(rows, rows, max(len(rows), 1))

    def statistics(self, transform: Callable[[NDArray[np.float32]], Any]) -> Statistics:
        """Compute the statistics of what a transform makes of all rows, in one pass.

        Args:
            transform: a layer, or another function that maps each row by itself, shape `(n, n_columns)`.
        """
        transformed = (keras.ops.convert_to_numpy(transform(part)) for part in parts_of(self.stored, self.part))
        return functools.reduce(operator.add, map(StatisticsOfRows, transformed))


def parts_of(rows: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield rows that may be on disk, so many at a time."""
    for start in range(0, len(rows), size):
        yield np.asarray(rows[start : start + size])
