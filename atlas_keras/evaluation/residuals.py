"""Residuals x_hat - x of jets in physical units, and the numbers that sum them up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.fine_histogram import FineHistogram
from atlas_keras.evaluation.observables import Observables, residual
from atlas_keras.evaluation.records import SUMMARY, Summary
from atlas_keras.schema import Collection

Array = NDArray[np.float64]


def residuals(x: NDArray, x_hat: NDArray, collection: Collection) -> dict[str, Array]:
    """Compute the residual of each column: relative for energies, absolute for eta and angles, which are wrapped [rad].

    Args:
        x, x_hat: jets before and after, shape `(n_jets, n_columns)`.
        collection: what the columns are.
    """
    before, after = Observables(x, collection), Observables(x_hat, collection)
    return {name: residual(before, after, name) for name in collection.names}


def summarize(residual: FineHistogram) -> Summary:
    """Summarize a residual by moments and by quantiles of its absolute value; all None where it is empty."""
    n, size = residual.n, residual.sizes
    if n == 0:
        return Summary(*[None] * len(SUMMARY))
    p50, p68, p95, p99 = map(float, size.quantiles((0.5, 0.68, 0.95, 0.99)))
    rms = float(np.sqrt(residual.sum_squares / n))
    return Summary(size.total / n, p50, rms, p68, p95, p99, size.high, residual.total / n)
