"""The jets that come back worst, with the event and the place in it where each can be found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.observables import DRAWN, Observables, residual
from atlas_keras.evaluation.reference import Reference

MAX_WORST = 100
N_EVENTS = 3  # of the worst jets, that are drawn


@dataclass(frozen=True)
class WorstJets:
    """The worst jets, those with the largest error first.

    Args:
        table: `file`, `position` (line or event, from 1), `id` of the event, `part`, `event` (from 0 in its part),
            `jet` (its number in the event, from 1), `variable` and `error` of the largest error, as `Reference.size_of`
            measures it, all observables before, the same with `_after`.
        events: all jets of the events of the worst three of them, in different events: `part`, `event`, `jet`, pt, eta
            and phi before, the same with `_after`; no row where jets have no pt, eta and phi.
    """

    table: pd.DataFrame
    events: pd.DataFrame

    @classmethod
    def of(cls, chunk: Chunk, before: Observables, after: Observables, reference: Reference) -> WorstJets:
        """Find the jets with the largest residual in any column, each in its own measure.

        Args:
            chunk: of events.
            before, after: observables of its jets.
            reference: of the training split, which tells how large an error is.
        """
        names = before.collection.names
        sizes = [reference.size_of(column) for column in before.collection]
        errors = np.stack([np.nan_to_num(np.abs(residual(before, after, name))) for name in names], axis=1) / sizes
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
        table = pd.concat([rows, pd.DataFrame(values, index=rows.index)], axis=1)
        return cls(table, _jets_of(_shown(table)["event"], chunk, before, after))

    def __add__(self, other: WorstJets) -> WorstJets:
        """Find the worst of both."""
        if not len(self.table) or not len(other.table):  # pandas would guess types of nothing
            return self if len(self.table) else other
        both = pd.concat([self.table, other.table], ignore_index=True)
        ordered = both.sort_values(["error", "part", "event", "jet"], ascending=[False, True, True, True])
        table = ordered.head(MAX_WORST).reset_index(drop=True)
        events = pd.concat([self.events, other.events], ignore_index=True)
        kept = events.merge(_shown(table)[["part", "event"]], on=["part", "event"])
        return WorstJets(table, kept if len(events) else events)

    def counted(self, first: Mapping[int, int], n: int) -> pd.DataFrame:
        """Return the worst, their events counted over all parts.

        Args:
            first: number of the first event of each part.
            n: how many, at most.
        """
        table = self.table.head(n).copy()
        table["event"] += table["part"].map(first)
        return table.drop(columns="part")

    def drawn(self) -> pd.DataFrame:
        """Return all jets of the events that are drawn.

        Returns:
            One row a jet: `rank` of the event (from 1), its `position`, `jet` (number in the event, from 1), pt, eta
            and phi before, the same with `_after`, and `worst`, whether it is the jet that the event is shown for.
        """
        shown = _shown(self.table).assign(rank=range(1, len(_shown(self.table)) + 1))
        shown = shown[["part", "event", "rank", "jet", "position"]].rename(columns={"jet": "chosen"})
        table = self.events.merge(shown, on=["part", "event"]).sort_values(["rank", "jet"], ignore_index=True)
        table["worst"] = table["jet"] == table["chosen"]
        return table.drop(columns=["part", "event", "chosen"])


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the worst jets in different events, as many as are drawn."""
    return table.drop_duplicates(["part", "event"]).head(N_EVENTS)


def _jets_of(events: pd.Series, chunk: Chunk, before: Observables, after: Observables) -> pd.DataFrame:
    """Return all jets of some events of a chunk, see `WorstJets`."""
    names = {name + suffix: (name, o) for suffix, o in (("", before), ("_after", after)) for name in DRAWN}
    drawn = before.collection.has(*DRAWN)
    rows = np.flatnonzero(np.isin(chunk.event, events)) if drawn else np.empty(0, np.int64)
    number = rows - np.searchsorted(chunk.event, chunk.event[rows]) + 1
    table = pd.DataFrame({"part": chunk.part, "event": chunk.event[rows], "jet": number})
    values = {key: o[name][rows] if drawn else np.empty(0) for key, (name, o) in names.items()}
    return pd.concat([table, pd.DataFrame(values, index=table.index)], axis=1)
