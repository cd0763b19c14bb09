"""Bins of histograms and profiles: one choice for all tables and plots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.fine_histogram import Array, FineHistogram
from atlas_keras.schema import Column

N_BINS = 50
MIN_WIDTH = 1e-6  # of a range, relative to its size: a variable that is constant still gets bins


def bin_edges(column: Column, low: float, high: float, n_bins: int = N_BINS) -> Array:
    """Choose bins over a range: of equal ratio for energies that are positive, else of equal width.

    Masses have bins of equal width: they may be zero, or negative for spacelike jets.
    """
    width = MIN_WIDTH * max(abs(low), abs(high), 1e-6)
    if high - low < width:
        low, high = low - width / 2, low + width / 2
    logarithmic = column.is_logarithmic and low > 0
    return np.geomspace(low, high, n_bins + 1) if logarithmic else np.linspace(low, high, n_bins + 1)


def count(values: FineHistogram, edges: Array) -> NDArray[np.int64]:
    """Count values in bins; what falls outside goes to the first or the last one."""
    inside = np.clip(values.values, edges[0], edges[-1])
    found: NDArray[np.int64] = np.histogram(inside, edges, weights=values.counts)[0]
    return found


def equal_bins(values: Array, column: Column, n_bins: int, least: int) -> Array:
    """Choose bins of equal width (or ratio) over the central 99.8 %, the outer ones wide enough for `least` jets each.

    Args:
        values: of the variable.
        column: what the variable is.
        n_bins: at most.
        least: jets in the first and in the last bin; fewer where there are fewer jets in all.
    """
    low, high = (float(q) for q in np.quantile(values, (0.001, 0.999)))
    inner = bin_edges(column, low, high, n_bins)[1:-1]
    ordered = np.sort(values)
    k = min(least, max(len(values) // 4, 1))
    inner = inner[(inner >= ordered[k - 1]) & (inner <= ordered[-k])]
    first, last = float(ordered[0]), float(ordered[-1])
    return np.concatenate([[first], inner[(inner > first) & (inner < last)], [max(last, np.nextafter(first, np.inf))]])
