"""All figures of an evaluation in one dictionary: what `metrics.json` holds about a set of jets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.baselines import Baseline
from atlas_keras.evaluation.observables import Observables, derived_of, difference, residual
from atlas_keras.evaluation.published_figures import PublishedSpace, published_figures
from atlas_keras.evaluation.records import DerivedSummary, Figures
from atlas_keras.evaluation.residuals import summarize
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

    def figures(jets: NDArray) -> dict[str, Any]:
        return figures_of(before, Observables(jets, collection, before.pairs), space).to_dict()

    others = {b.name: {"formula": b.formula, **figures(b(x))} for b in baselines}
    return {**figures(x_hat), "baselines": others}


def figures_of(before: Observables, after: Observables, space: PublishedSpace | None) -> Figures:
    """Compute the figures of one method.

    Args:
        before, after: the jets.
        space: in which the published figures are measured; None where the columns are others than theirs.
    """
    fraction = after.spacelike_fraction()
    exact = {
        column.name: float(np.mean(np.rint(after[column.name]) == before[column.name]))
        for column in before.collection
        if column.is_whole and len(before.jets)
    }
    return Figures(
        test={name: summarize(_usable(residual(before, after, name))) for name in before.collection.names},
        derived={d.column.name: _summary(before, after, d.column.name) for d in derived_of(before.collection)},
        absolute={name: summarize(difference(before, after, name)) for name, c in before.all.items() if c.is_energy},
        spacelike_fraction=fraction,
        spacelike_fraction_before=None if fraction is None else before.spacelike_fraction(),
        published=None if space is None else published_figures(before.jets, after.jets, space),
        exact_fraction=exact or None,
    )


def _usable(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    return residual[~np.isnan(residual)]


def _summary(before: Observables, after: Observables, name: str) -> DerivedSummary:
    """Summarize the residual of a derived observable, where it has one; count where it has none."""
    relative = residual(before, after, name)
    usable = _usable(relative)
    return DerivedSummary(**asdict(summarize(usable)), n=len(usable), n_not_positive=len(relative) - len(usable))
