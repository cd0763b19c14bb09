"""What a tree may look at when it codes a column: the columns of the same rows before it, and the place in the list."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# Numbers of features: place in the list, rows behind it, what is predicted of the row, distance in eta from the row
# before; then the leaves of the file.
RANK, LEFT, PREDICTED, DISTANCE, FIRST_LEAF = range(5)
N_CUTS = 31  # thresholds of a feature that are tried
MAX_PLACE = 1 << 14


@dataclass(frozen=True)
class Rows:
    """The rows of lists.

    Args:
        counts: rows of each list; one list of all rows where they are in none.
    """

    counts: NDArray[np.int64]

    @cached_property
    def n(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    @cached_property
    def first(self) -> NDArray[np.uint8]:
        """Whether each row is the first one of its list."""
        result = np.zeros(self.n, np.uint8)
        starts = np.cumsum(self.counts) - self.counts
        result[starts[self.counts > 0]] = 1
        return result

    @cached_property
    def rank(self) -> NDArray[np.int16]:
        """The place of each row in its list, from 0 on."""
        starts = np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        return np.minimum(np.arange(self.n) - starts, MAX_PLACE).astype(np.int16)

    @cached_property
    def left(self) -> NDArray[np.int16]:
        """How many rows follow in the same list, with the row itself."""
        ends = np.repeat(np.cumsum(self.counts), self.counts)
        return np.minimum(ends - np.arange(self.n), MAX_PLACE).astype(np.int16)


def feature_of(leaf: int) -> int:
    """Return the number of a leaf of the file as a feature."""
    return FIRST_LEAF + leaf


def leaf_of(feature: int) -> int:
    """Return the leaf that a feature from FIRST_LEAF on is of."""
    return feature - FIRST_LEAF


@dataclass
class Candidate:
    """A feature with the thresholds that a tree may choose, found on a sample.

    Args:
        number: of the feature; -1 less its place for what only the walk along the rows tells.
        values: shape `(n,)`.
        thresholds: values above one go right; the roundest that part the sample in the same way.
        ranks: how many thresholds are below each value, shape `(n,)`.
    """

    number: int
    values: NDArray[np.int16]
    thresholds: list[int] = field(init=False)
    ranks: NDArray[np.uint8] = field(init=False)

    def __post_init__(self) -> None:
        ordered = np.sort(self.values)
        at = np.arange(1, N_CUTS + 1) * len(ordered) // (N_CUTS + 1)
        different = np.unique(ordered)
        below = np.unique(ordered[at]) if len(ordered) else ordered
        below = different[:-1] if len(different) <= N_CUTS + 1 else below[below < different[-1]]
        above = different[np.searchsorted(different, below, side="right")]
        self.thresholds = [roundest(int(low), int(high)) for low, high in zip(below, above, strict=True)]
        self.ranks = np.searchsorted(np.array(self.thresholds, np.int16), self.values).astype(np.uint8)


def roundest(low: int, high: int) -> int:
    """Find the number from `low` on, below `high`, that ends with the most zero bits."""
    for shift in range(16, -1, -1):
        number = -(-low >> shift) << shift
        if number < high:
            return number
    return low
