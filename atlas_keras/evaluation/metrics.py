"""All figures of an evaluation in one dictionary: what `metrics.json` holds about a set of jets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.baselines import Baseline
from atlas_keras.evaluation.observables import Observables, derived_of, difference, residual
from atlas_keras.evaluation.published_figures import PublishedSpace, published_figures
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
        As `figures_of`, and `baselines` with the same for each baseline and its `formula`.
    """
    before = Observables.of_events(x, collection, event)
    figures = figures_of(before, Observables(x_hat, collection, before.pairs), space)
    figures["baselines"] = {
        b.name: {"formula": b.formula, **figures_of(before, Observables(b(x), collection, before.pairs), space)}
        for b in baselines
    }
    return figures


def figures_of(before: Observables, after: Observables, space: PublishedSpace | None) -> dict[str, Any]:
    """Compute the figures of one method.

    Returns:
        `test` (residuals of the columns), each derived observable by its name (`mass`, `dijet_mass`: relative
        residuals), `absolute` (residuals of the energies and masses in their unit); `spacelike_fraction` and
        `published` where the columns allow them.
    """
    figures: dict[str, Any] = {
        "test": {name: summarize(_usable(residual(before, after, name))) for name in before.collection.names},
        **{d.column.name: _summary(before, after, d.column.name) for d in derived_of(before.collection)},
        "absolute": {name: summarize(difference(before, after, name)) for name, c in before.all.items() if c.is_energy},
    }
    if (fraction := after.spacelike_fraction()) is not None:
        figures["spacelike_fraction"] = fraction
        figures["spacelike_fraction_before"] = before.spacelike_fraction()
    if space is not None:
        figures["published"] = published_figures(before.jets, after.jets, space)
    return figures


def _usable(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    return residual[~np.isnan(residual)]


def _summary(before: Observables, after: Observables, name: str) -> dict[str, Any]:
    """Summarize the residual of a derived observable, where it has one; count where it has none."""
    relative = residual(before, after, name)
    usable = _usable(relative)
    return {**summarize(usable), "n": len(usable), "n_not_positive": len(relative) - len(usable)}
