"""Figures and residuals of jets in memory, by the formulas of evaluations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.baselines import Baseline
from atlas_keras.evaluation.method_tally import MethodTally
from atlas_keras.evaluation.metrics import figures_of
from atlas_keras.evaluation.observables import Observables, residual
from atlas_keras.evaluation.published_figures import PublishedSpace
from atlas_keras.schema import Collection


def evaluate_jets(
    x: NDArray,
    x_hat: NDArray,
    collection: Collection,
    event: NDArray[np.int64],
    space: PublishedSpace | None,
    baselines: Iterable[Baseline],
) -> dict[str, Any]:
    """Compute the figures of jets that went through a model, and of the baselines on the same jets.

    Args:
        x, x_hat: jets before and after, shape `(n_jets, n_columns)`.
        collection: what the columns are.
        event: which event each jet belongs to, shape `(n_jets,)`.
        space: in which the published figures are measured; None where the columns are others than theirs.
        baselines: fitted on the training split.

    Returns:
        The dictionary form of `Figures`, and `baselines` with the same for each baseline and its `formula`.
    """
    before = Observables.of_events(x, collection, event)
    n_spacelike = before.n_spacelike()

    def figures(jets: NDArray) -> dict[str, Any]:
        after = Observables(jets, collection, before.pairs)
        return figures_of(MethodTally.of(before, after, space), collection, n_spacelike).to_dict()

    others = {b.name: {"formula": b.formula, **figures(b(x))} for b in baselines}
    return {**figures(x_hat), "baselines": others}


def residuals(x: NDArray, x_hat: NDArray, collection: Collection) -> dict[str, NDArray[np.float64]]:
    """Compute the residual of each column: relative for energies, absolute for eta and angles, which are wrapped [rad].

    Args:
        x, x_hat: jets before and after, shape `(n_jets, n_columns)`.
        collection: what the columns are.
    """
    before, after = Observables(x, collection), Observables(x_hat, collection)
    return {name: residual(before, after, name) for name in collection.names}
