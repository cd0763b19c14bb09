"""Floats with as few bits as a bound allows, for bytes that are packed and not learned."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atlas_keras.schema import Bound


def rounded(values: NDArray, bound: Bound) -> NDArray:
    """Round floats within a bound: to the fewest bits of mantissa, or to multiples of a power of two.

    Args:
        values: of any type; whole numbers, half floats and what is not finite stay as they are.
        bound: of any kind; an exact one leaves all values.
    """
    if values.dtype.kind != "f" or not bound.size or values.dtype.itemsize == 2:
        return values
    size = values.dtype.itemsize
    with np.errstate(all="ignore"):
        if bound.kind == "relative":
            drop = (23 if size == 4 else 52) - max(0, int(np.ceil(-np.log2(bound.size) - 1)))
            if drop <= 0:
                return values
            bits = values.view(f"u{size}").astype(np.uint64)
            bits = (bits + np.uint64(1 << drop - 1)) & ~np.uint64((1 << drop) - 1)
            found = bits.astype(f"u{size}").view(values.dtype)
        else:
            step = 2.0 ** np.floor(np.log2(2 * bound.size))
            found = (np.rint(values.astype(np.float64) / step) * step).astype(values.dtype)
        return np.where(np.isfinite(values) & np.isfinite(found), found, values)
