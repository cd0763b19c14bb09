"""The jets that come back worst, with the event and the place in it where each can be found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.observables import Observables, residual

MAX_WORST = 100


@dataclass(frozen=True)
class WorstJets:
    """The worst jets, those with the largest error first.

    Args:
        table: `file`, `position` (line or event, from 1), `id` of the event, `part`, `event` (from 0 in its part),
            `jet` (its number in the event, from 1), `variable` and `error` of the largest error, all observables
            before, the same with `_after`.
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, chunk: Chunk, before: Observables, after: Observables) -> WorstJets:
        """Find the jets with the largest residual in any column, relative or absolute as the column has it.

        Args:
            chunk: of events.
            before, after: observables of its jets.
        """
        names = before.collection.names
        errors = np.stack([np.nan_to_num(np.abs(residual(before, after, name))) for name in names], axis=1)
        largest = errors.max(axis=1)
        chosen = np.argsort(-largest, kind="stable")[:MAX_WORST]
        event = chunk.event[chosen]
        places = [chunk.positions.describe(int(e) - chunk.first) for e in event]
        rows = pd.DataFrame(places, columns=["file", "position", "id"])
        rows["part"], rows["event"] = chunk.part, event
        rows["jet"] = chosen - np.searchsorted(chunk.event, event) + 1
        rows["variable"] = [names[k] for k in errors[chosen].argmax(axis=1)]
        rows["error"] = largest[chosen]
        values = {
            column.name + suffix: observables[column.name][chosen]
            for suffix, observables in (("", before), ("_after", after))
            for column in observables.of_jets
        }
        return cls(pd.concat([rows, pd.DataFrame(values, index=rows.index)], axis=1))

    def __add__(self, other: WorstJets) -> WorstJets:
        """Find the worst of both."""
        if not len(self.table) or not len(other.table):  # pandas would guess types of nothing
            return self if len(self.table) else other
        both = pd.concat([self.table, other.table], ignore_index=True)
        ordered = both.sort_values(["error", "part", "event", "jet"], ascending=[False, True, True, True])
        return WorstJets(ordered.head(MAX_WORST).reset_index(drop=True))

    def counted(self, first: Mapping[int, int], n: int) -> pd.DataFrame:
        """Return the worst, their events counted over all parts.

        Args:
            first: number of the first event of each part.
            n: how many, at most.
        """
        table = self.table.head(n).copy()
        table["event"] += table["part"].map(first)
        return table.drop(columns="part")
