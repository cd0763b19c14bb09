"""What is counted of jets before and after: tallies of parts add up to that of the whole, in any order.

All figures, tables and plots of an evaluation come from a tally. It holds fine histograms with exact sums and maxima,
the worst jets, and some events that are drawn: the numbers of few jets are those of the jets themselves, and of very
many jets as good as these, in memory that does not grow with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.addable import Addable
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.distribution_shift import ShiftTally, outside_of_range
from atlas_keras.evaluation.drawn_events import DrawnEvents
from atlas_keras.evaluation.fine_histogram import FineHistogram, usable
from atlas_keras.evaluation.method_tally import Histograms, MethodTally
from atlas_keras.evaluation.observables import Observables, residual
from atlas_keras.evaluation.reference import Reference
from atlas_keras.evaluation.worst import WorstJets

MODEL, AGAINST = "model", "against"  # the keys of the evaluated model and of the one beside it


@dataclass(frozen=True)
class Tally(Addable):
    """What is counted of the jets of an evaluation.

    Args:
        n_jets: number of jets.
        n_events: of each part of the data by its number, events without jets included.
        with_jets: how many events have one jet, and how many two or more, shape `(2,)`.
        before: by observable; the columns come with the relative errors by each method, in order.
        n_spacelike: jets before, beyond what float32 can tell apart.
        methods: by key, the baselines included.
        shift: beside the training split.
        errors: `inside` and `outside` of the range of the training, by observable: |residual|; under an empty name a
            number for each jet.
        drawn: events as they were and as they came back.
        worst: the jets that came back worst.
    """

    n_jets: int
    n_events: dict[int, int]
    with_jets: NDArray[np.int64]
    before: Histograms
    n_spacelike: int
    methods: dict[str, MethodTally]
    shift: ShiftTally
    errors: dict[str, Histograms]
    drawn: DrawnEvents
    worst: WorstJets

    @classmethod
    def of(cls, chunk: Chunk, reconstructed: Mapping[str, NDArray[np.float32]], reference: Reference) -> Tally:
        """Count jets.

        Args:
            chunk: of events.
            reconstructed: jets after, by the key of the method: `model`, perhaps `against`.
            reference: of the training split of the model.
        """
        x, collection = chunk.jets, chunk.collection
        before = Observables.of_events(x, collection, chunk.event)
        jets: dict[str, NDArray] = {**reconstructed, **{b.name: b(x) for b in reference.rivals}}
        after = {key: Observables(x_hat, collection, before.pairs) for key, x_hat in jets.items()}
        counts = np.unique(chunk.event, return_counts=True)[1]
        outside = outside_of_range(before, reference)
        return cls(
            len(x),
            {chunk.part: chunk.n_events},
            np.array([np.sum(counts == 1), np.sum(counts >= 2)]),
            {
                name: FineHistogram.of(before[name], _relative(before, after, name))
                if collection.has(name)
                else FineHistogram.of(usable(before[name]))
                for name in before.all
            },
            before.n_spacelike(),
            {key: MethodTally.of(before, one, reference.space, reference.principal) for key, one in after.items()},
            ShiftTally.of(before, reference),
            {
                position: _errors(before, after[MODEL], chosen)
                for position, chosen in (("inside", ~outside), ("outside", outside))
            },
            DrawnEvents.of(chunk, dict(reconstructed)),
            WorstJets.of(chunk, before, after[MODEL], reference),
        )

    @property
    def first_events(self) -> dict[int, int]:
        """The number of the first event of each part, counted over all parts in their order."""
        parts = sorted(self.n_events)
        starts = np.cumsum([0, *(self.n_events[part] for part in parts)])
        return {part: int(start) for part, start in zip(parts, starts, strict=False)}


def _relative(before: Observables, after: Mapping[str, Observables], name: str) -> list[NDArray[np.float64]]:
    """Compute the size of the relative errors of a column by each method, 0 where the column is."""
    size = np.abs(before[name])
    errors = [np.abs(residual(before, one, name)) for one in after.values()]
    if before.all[name].is_relative:
        return [np.nan_to_num(error) for error in errors]
    return [np.divide(error, size, out=np.zeros_like(error), where=size > 0) for error in errors]


def _errors(before: Observables, after: Observables, chosen: NDArray[np.bool_]) -> Histograms:
    """Count the |residual| of the chosen jets for each variable; under an empty name, they are counted."""
    sizes = {column.name: np.abs(residual(before, after, column.name)[chosen]) for column in before.of_jets}
    found = {name: FineHistogram.of(usable(size)) for name, size in sizes.items()}
    return {"": FineHistogram.of(np.zeros(int(chosen.sum()))), **found}
