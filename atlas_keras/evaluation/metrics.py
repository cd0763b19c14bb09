"""All figures of an evaluation in one dictionary: what `metrics.json` holds about a set of jets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.baselines import Baseline
from atlas_keras.evaluation.observables import ALL, Observables, difference, residual
from atlas_keras.evaluation.published import PublishedSpace, published_figures
from atlas_keras.evaluation.residuals import summarise
from atlas_keras.kinematics import leading_pairs
from atlas_keras.schema import FOUR_MOMENTUM


def evaluate_jets(
    x: NDArray, x_hat: NDArray, event: NDArray[np.int64], space: PublishedSpace, baselines: Iterable[Baseline]
) -> dict[str, Any]:
    """Compute the figures of jets that went through a model, and of the baselines on the same jets.

    Args:
        x, x_hat: jets before and after, shape `(n_jets, 4)`.
        event: which event each jet belongs to, shape `(n_jets,)`.
        space: in which the published figures are measured.
        baselines: fitted on the training split.

    Returns:
        As `figures_of`, and `baselines` with the same for each baseline and its `formula`.
    """
    before = Observables(x, leading_pairs(x[:, 1], event))
    figures = figures_of(before, Observables(x_hat, before.pairs), space)
    figures["baselines"] = {
        b.name: {"formula": b.formula, **figures_of(before, Observables(b(x), before.pairs), space)} for b in baselines
    }
    return figures


def figures_of(before: Observables, after: Observables, space: PublishedSpace) -> dict[str, Any]:
    """Compute the figures of one method.

    Returns:
        `test` (residuals of E, pt, eta, phi), `mass`, `dijet_mass` (relative residuals), `absolute` (residuals of the
        energies and masses in their unit), `spacelike_fraction`, `published`.
    """
    absolute = [name for name, variable in ALL.items() if variable.bound == "relative"]
    return {
        "test": {name: summarise(residual(before, after, name)) for name in FOUR_MOMENTUM.names},
        "mass": _mass_summary(before, after, "mass"),
        "dijet_mass": _mass_summary(before, after, "dijet_mass"),
        "absolute": {name: summarise(difference(before, after, name)) for name in absolute},
        "spacelike_fraction": after.spacelike_fraction(),
        "spacelike_fraction_before": before.spacelike_fraction(),
        "published": published_figures(before.jets, after.jets, space),
    }


def _mass_summary(before: Observables, after: Observables, name: str) -> dict[str, Any]:
    """Summarise the relative residual of a mass, where it is positive before."""
    relative = residual(before, after, name)
    usable = relative[~np.isnan(relative)]
    return {**summarise(usable), "n": len(usable), "n_not_positive": len(relative) - len(usable)}
