"""Histograms that are fine enough to stand for the values themselves, and add up, whatever range the values have.

A bin holds the float64 numbers with the same sign, exponent and first twelve bits of the mantissa: a relative width of
0.012 to 0.024 %, some 13,600 bins a decade, and zero has its own. Only bins with values are kept. Each has the sum of
its values, so that its mean stands for them: a number that is alone in its bin, or that repeats, comes back as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
MANTISSA_BITS = 12
SHIFT = 52 - MANTISSA_BITS
MAX_DENSE = 1 << 22  # bins that are counted without sorting


def usable(values: Array) -> Array:
    """Return the values that there are: no NaN."""
    return values[~np.isnan(values)]


@dataclass(frozen=True)
class FineHistogram:
    """Values, counted.

    Args:
        codes: of the bins with values, ascending as the values do, shape `(n_bins,)`, int64.
        counts: of values in each.
        sums: of the values in each.
        sum_squares: of all values.
        low, high: the smallest and the largest value; inf and -inf where there are none.
        weights: sums of further numbers that came with the values, shape `(n_weights, n_bins)`.
    """

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: Array
    sum_squares: float
    low: float
    high: float
    weights: Array

    @classmethod
    def of(cls, values: ArrayLike, weights: Iterable[ArrayLike] = ()) -> FineHistogram:
        """Count values.

        Args:
            values: numbers, no NaN, shape `(n,)`.
            weights: numbers that come with each value, each of the same shape.
        """
        x = np.asarray(values, np.float64)
        extra = [np.asarray(weight, np.float64) for weight in weights]
        if not len(x):
            none = np.zeros(0)
            whole = np.zeros(0, np.int64)
            return cls(whole, whole, none, 0.0, np.inf, -np.inf, np.zeros((len(extra), 0)))
        codes, index = _grouped(_codes(x))
        n = len(codes)
        return cls(
            codes,
            np.bincount(index, minlength=n),
            np.bincount(index, x, n).astype(np.float64),
            _sum_of_squares(x),
            float(x.min()),
            float(x.max()),
            np.array([np.bincount(index, one, n) for one in extra]).reshape(len(extra), n),
        )

    @classmethod
    def _joined(
        cls, codes: NDArray, counts: NDArray, sums: Array, weights: Array, sum_squares: float, low: float, high: float
    ) -> FineHistogram:
        """Join bins that have the same code; there may be none."""
        order = np.argsort(codes, kind="stable")  # codes come in ascending runs, which this kind merges
        codes = codes[order]
        first = np.flatnonzero(np.diff(codes, prepend=codes[:1] - 1))
        joined = [np.add.reduceat(one[order], first) if len(first) else one for one in (counts, sums, *weights)]
        extra = np.array(joined[2:]).reshape(len(weights), len(first))
        return cls(codes[first], joined[0], joined[1], sum_squares, low, high, extra)

    def __add__(self, other: FineHistogram) -> FineHistogram:
        """Count the values of both."""
        return self._joined(
            np.concatenate([self.codes, other.codes]),
            np.concatenate([self.counts, other.counts]),
            np.concatenate([self.sums, other.sums]),
            np.concatenate([self.weights, other.weights], axis=1),
            self.sum_squares + other.sum_squares,
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @cached_property
    def sizes(self) -> FineHistogram:
        """The histogram of the absolute values."""
        ends = (abs(self.low), abs(self.high))
        crosses = self.low < 0 < self.high
        low = float(np.abs(self.values).min()) if crosses else min(ends)
        return self._joined(
            np.abs(self.codes), self.counts, np.abs(self.sums), self.weights, self.sum_squares, low, max(ends)
        )

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    @cached_property
    def values(self) -> Array:
        """What stands for the values of each bin, their mean; ascending, shape `(n_bins,)`."""
        return self.sums / self.counts

    @property
    def total(self) -> float:
        """Sum of all values."""
        return float(self.sums.sum())

    def ranked(self, ranks: ArrayLike) -> Array:
        """Return the values with these ranks, from 0 for the smallest, each as its bin has it; the ends are exact."""
        ranks = np.asarray(ranks)
        found = self.values[np.searchsorted(self._cumulated, ranks, "right") - 1]
        result: Array = np.where(ranks <= 0, self.low, np.where(ranks >= self.n - 1, self.high, found))
        return result

    def quantiles(self, fractions: ArrayLike) -> Array:
        """Compute quantiles as `numpy.quantile` does, from the values that stand for the bins."""
        position = np.asarray(fractions) * (self.n - 1)
        below = np.floor(position).astype(np.int64)
        low, high = self.ranked(below), self.ranked(np.minimum(below + 1, self.n - 1))
        with np.errstate(invalid="ignore"):
            result: Array = np.where(low == high, low, low + (high - low) * (position - below))
        return result

    def counts_below(self, points: ArrayLike, side: Literal["left", "right"]) -> NDArray[np.int64]:
        """Count the values below points (side `left`), or below and at them (`right`)."""
        found: NDArray[np.int64] = self._cumulated[np.searchsorted(self.values, points, side)]
        return found

    @cached_property
    def _cumulated(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.counts)])


def _sum_of_squares(x: Array) -> float:
    with np.errstate(over="ignore"):
        return float(np.dot(x, x))


def _codes(x: Array) -> NDArray[np.int64]:
    """Number the bins so that they ascend as the values do: 0 for zero, negative ones for negative values."""
    size = (np.abs(x).view(np.int64) >> SHIFT) + 1
    size[x == 0] = 0
    return np.where(x < 0, -size, size)


def _grouped(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the different codes, ascending, and which of them each value has."""
    size, negative = np.abs(codes), codes < 0
    nonzero = size[size > 0]
    first = int(nonzero.min()) if len(nonzero) else 1
    width = int(size.max()) - first + 1
    if width > MAX_DENSE:
        return np.unique(codes, return_inverse=True)
    # The same without sorting: sizes have few octaves, but negative and positive codes lie far apart.
    dense = np.where(negative, first + width - 1 - size, width + np.where(size > 0, size - first + 1, 0))
    there = np.flatnonzero(np.bincount(dense, minlength=2 * width + 1))
    place = np.zeros(2 * width + 1, np.int64)
    place[there] = np.arange(len(there))
    known = np.where(there < width, there - (first + width - 1), np.where(there > width, there - width + first - 1, 0))
    return known, place[dense]
