"""Residuals x_hat - x of jets in physical units, and the numbers that sum them up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.observables import Observables, residual
from atlas_keras.schema import FOUR_MOMENTUM

Array = NDArray[np.float64]
NO_PAIRS = np.empty((0, 2), np.int64)
SUMMARY = ("mean_abs", "median_abs", "rms", "p68", "p95", "p99", "max", "bias")


def residuals(x: NDArray, x_hat: NDArray) -> dict[str, Array]:
    """Compute the residual of each variable: relative for E and pt, absolute for eta and phi, phi wrapped [rad].

    Args:
        x, x_hat: jets before and after, shape `(n_jets, 4)`.
    """
    before, after = Observables(x, NO_PAIRS), Observables(x_hat, NO_PAIRS)
    return {name: residual(before, after, name) for name in FOUR_MOMENTUM.names}


def summarise(residual: Array) -> dict[str, float | None]:
    """Summarise a residual by moments and by quantiles of its absolute value; all None where there is none.

    `mean_abs`, `median_abs`, `rms`, `p68`, `p95`, `p99` (68, 95, 99 % of the jets err less), `max`, `bias` (mean).
    """
    if residual.size == 0:
        return dict.fromkeys(SUMMARY)
    size = np.abs(residual)
    p50, p68, p95, p99 = np.quantile(size, (0.5, 0.68, 0.95, 0.99))
    rms = np.sqrt(np.mean(residual**2))
    values = (np.mean(size), p50, rms, p68, p95, p99, np.max(size), np.mean(residual))
    return {name: float(value) for name, value in zip(SUMMARY, values, strict=True)}
