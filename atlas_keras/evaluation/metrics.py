"""All figures of an evaluation in one dictionary: what `metrics.json` holds about a set of jets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.baselines import Baseline
from atlas_keras.evaluation.published import PublishedSpace, published_figures
from atlas_keras.evaluation.residuals import dijet_masses, masses, relative, residuals, summarise
from atlas_keras.kinematics import momentum


def evaluate_jets(
    x: NDArray, x_hat: NDArray, event: NDArray[np.int64], space: PublishedSpace, baselines: list[Baseline]
) -> dict[str, Any]:
    """Compute the figures of jets that went through a model, and of the baselines on the same jets.

    Args:
        x, x_hat: jets before and after, shape `(n_jets, 4)`.
        event: which event each jet belongs to, shape `(n_jets,)`.
        space: in which the published figures are measured.
        baselines: fitted on the training split.

    Returns:
        `test` (residuals of E, pt, eta, phi), `mass`, `dijet_mass` (relative residuals), `spacelike_fraction`,
        `published`, and `baselines` with the same for each baseline and its `formula`.
    """
    figures = _figures(x, x_hat, event, space)
    figures["baselines"] = {b.name: {"formula": b.formula, **_figures(x, b(x), event, space)} for b in baselines}
    return figures


def _figures(x: NDArray, x_hat: NDArray, event: NDArray[np.int64], space: PublishedSpace) -> dict[str, Any]:
    return {
        "test": {name: summarise(residual) for name, residual in residuals(x, x_hat).items()},
        "mass": _mass_summary(*masses(x, x_hat)),
        "dijet_mass": _mass_summary(*dijet_masses(x, x_hat, event)),
        "spacelike_fraction": _spacelike_fraction(x_hat),
        "spacelike_fraction_before": _spacelike_fraction(x),
        "published": published_figures(x, x_hat, space),
    }


def _mass_summary(before: NDArray, after: NDArray) -> dict[str, Any]:
    """Summarise the relative residual of a mass, where it is positive before."""
    residual, n_excluded = relative(before, after)
    return {**summarise(residual), "n": len(residual), "n_not_positive": n_excluded}


def _spacelike_fraction(x: NDArray) -> float:
    """Compute the fraction of jets with E < p beyond what float32 can tell apart."""
    p = momentum(x[:, 1], x[:, 2])
    return float(np.mean(np.asarray(x[:, 0], np.float64) < p * (1 - 4 * np.finfo(np.float32).eps)))
