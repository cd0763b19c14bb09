"""Numbers by chance that follow from a place in the data alone: whoever draws, in whatever order, draws the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_lots(places: NDArray[np.integer], seed: int = 0) -> NDArray[np.uint64]:
    """Draw a number for every place: the output of splitmix64 (S. Vigna), uniform in [0, 2^64).

    Args:
        places: numbers of events or rows, not negative, shape `(n,)`.
        seed: another one gives other numbers.
    """
    start = _mixed(np.array([seed], np.uint64))
    return _mixed(places.astype(np.uint64) + start)


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
