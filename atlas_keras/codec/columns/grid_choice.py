"""What of a sample decides the grid of its column: zero bits, values that repeat, and the bits that cells take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.ordered import bits_of

Cells = NDArray[np.int64]
NEARLY_ALL = 0.999
MAX_SPIKES = 64
AROUND = 24  # cells to each side that tell how often a value would be there by chance


def zero_bits(values: NDArray) -> int:
    """Count the bits at the end that are zero in nearly all values."""
    mantissa = {2: 10, 4: 23, 8: 52}[values.dtype.itemsize]
    bits = bits_of(values[np.isfinite(values) & (values != 0)])
    if not len(bits):
        return 0
    lowest = bits & (~bits + bits.dtype.type(1))
    for shift in range(mantissa, 0, -1):
        if np.mean(lowest >= bits.dtype.type(1 << shift)) >= NEARLY_ALL:
            return shift
    return 0


def repeated_values(values: NDArray, cells: Cells) -> tuple[int, ...]:
    """Find values that repeat far more often than their neighbors on the grid do, as ascending bits.

    Args:
        values: shape `(n,)`, of a type of floats.
        cells: of them, on a grid without spikes.
    """
    bits, first, counts = np.unique(bits_of(values), return_index=True, return_counts=True)
    place = cells[first]
    filled, total = np.unique(place, return_inverse=True)
    weight = np.append(0, np.cumsum(np.bincount(total, counts, len(filled))))
    low, high = np.searchsorted(filled, place - AROUND), np.searchsorted(filled, place + AROUND, side="right")
    near = np.maximum(weight[high] - weight[low] - counts, 0) / (2 * AROUND)
    odd = ~np.isfinite(values[first]) | (values[first] == 0)
    often = (counts >= max(12, len(values) / 4000)) & (counts > 5 * near + 6 * np.sqrt(near + 1))
    often |= odd & (counts >= 2) | (len(bits) == 1)
    chosen = np.flatnonzero(often)
    chosen = chosen[np.argsort(-counts[chosen], kind="stable")][:MAX_SPIKES]
    return tuple(sorted(int(b) for b in bits[chosen]))


def bits_of_cells(cells: Cells) -> float:
    """Estimate the bits of all cells, with those that tell which cells there are."""
    counts = np.unique(cells, return_counts=True)[1]
    return float(np.log2(len(cells) / counts) @ counts + (len(counts) - 1) * np.log2(max(len(cells), 2)) / 2)
