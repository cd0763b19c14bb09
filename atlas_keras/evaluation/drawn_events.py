"""Whole events that are drawn from all: every one has a number by chance, and those with the smallest are kept.

The number follows from the event's place in the data, so that the same events are drawn whatever parts are counted
first. Of no more jets than are kept, all are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.lots import draw_lots
from atlas_keras.evaluation.chunk import Chunk

MAX_JETS = 1 << 17


@dataclass(frozen=True)
class DrawnEvents:
    """Jets of drawn events, in the order of the data.

    Args:
        lots: the number of each jet's event by chance, shape `(n_jets,)`.
        part, event: the event of each jet.
        jets: before, shape `(n_jets, n_columns)`.
        reconstructed: after, by the key of the method.
    """

    lots: NDArray[np.uint64]
    part: NDArray[np.int64]
    event: NDArray[np.int64]
    jets: NDArray[np.float32]
    reconstructed: dict[str, NDArray[np.float32]]

    @classmethod
    def of(cls, chunk: Chunk, reconstructed: dict[str, NDArray[np.float32]]) -> DrawnEvents:
        """Draw events.

        Args:
            chunk: of events.
            reconstructed: its jets as they come back, by the key of the method.
        """
        part = np.full(len(chunk.jets), chunk.part)
        return cls(draw_lots((part << 40) + chunk.event), part, chunk.event, chunk.jets, reconstructed)._smallest()

    def __add__(self, other: DrawnEvents) -> DrawnEvents:
        """Draw from both."""
        both = DrawnEvents(
            np.concatenate([self.lots, other.lots]),
            np.concatenate([self.part, other.part]),
            np.concatenate([self.event, other.event]),
            np.concatenate([self.jets, other.jets]),
            {key: np.concatenate([jets, other.reconstructed[key]]) for key, jets in self.reconstructed.items()},
        )
        kept = both._smallest()
        return kept._taken(np.lexsort((kept.event, kept.part)))  # stable: the jets of an event keep their order

    def _smallest(self) -> DrawnEvents:
        """Keep the events with the smallest numbers, as many as have no more than `MAX_JETS` jets."""
        if len(self.lots) <= MAX_JETS:
            return self
        ordered = np.sort(self.lots)
        limit = ordered[MAX_JETS]  # of the first jet that is too many; its event goes as a whole
        return self._taken(self.lots < limit)

    def _taken(self, chosen: NDArray) -> DrawnEvents:
        reconstructed = {key: jets[chosen] for key, jets in self.reconstructed.items()}
        return DrawnEvents(self.lots[chosen], self.part[chosen], self.event[chosen], self.jets[chosen], reconstructed)
