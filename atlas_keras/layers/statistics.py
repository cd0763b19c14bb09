"""Statistics of rows, to which layers are adapted: of rows in memory, and of parts of any number of rows, which add up.

Quantiles are not among them: those of parts do not give that of the whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Statistics(ABC):
    """Mean, deviation, range and scatter of rows of shape `(n, n_columns)`; `+` gives those of all rows of both.

    Args:
        n: number of rows.
        low, high: the smallest and the largest value of each column.
    """

    n: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @staticmethod
    def of(data: ArrayLike | Statistics) -> Statistics:
        """Return the statistics of rows in memory, or statistics as they are given.

        Args:
            data: rows, shape `(n, n_columns)`, n >= 1, or their statistics.

        Raises:
            ValueError: no rows.
        """
        if isinstance(data, Statistics):
            return data
        rows = np.asarray(data, np.float64)
        if rows.ndim != 2 or len(rows) == 0:
            raise ValueError(f"Statistics need at least one row. Received: data of shape {rows.shape}")
        return StatisticsOfRows(rows)

    @abstractmethod
    def mean(self, dtype: type[np.floating] = np.float64) -> NDArray:
        """Return the mean of each column.

        Args:
            dtype: of the result. Rows in memory are summed up in it, parts always in float64.
        """

    @property
    @abstractmethod
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of each column."""

    @abstractmethod
    def about(self, point: NDArray | float) -> NDArray:
        """Return rows less a point: all of them, or in their place few rows with the same mean of outer products.

        So they have the same principal components, and a linear map of them has the same mean square.

        Args:
            point: shape `(n_columns,)`, or one number for all columns.
        """

    @abstractmethod
    def in_parts(self) -> StatisticsOfParts:
        """Return what adds up."""

    def __add__(self, other: Statistics) -> StatisticsOfParts:
        """Return the statistics of the rows of both."""
        a, b = self.in_parts(), other.in_parts()
        n, between = a.n + b.n, b.center - a.center
        share = b.n / max(n, 1)
        # The scatter of both about the common mean is that about their own means, and that of these.
        factors = [a.factor, b.factor, np.sqrt(a.n * share) * between[None]]
        return StatisticsOfParts(
            n,
            np.minimum(a.low, b.low),
            np.maximum(a.high, b.high),
            a.center + share * between,
            _triangle(np.concatenate(factors)),
        )


class StatisticsOfRows(Statistics):
    """Statistics of rows that are in memory together.

    Args:
        rows: shape `(n, n_columns)`.
    """

    def __init__(self, rows: NDArray) -> None:
        self.rows, self.n = rows, len(rows)
        self.low = rows.min(axis=0, initial=np.inf).astype(np.float64)
        self.high = rows.max(axis=0, initial=-np.inf).astype(np.float64)

    def mean(self, dtype: type[np.floating] = np.float64) -> NDArray:
        """Return the mean of each column, summed up in `dtype`."""
        return self.rows.astype(dtype, copy=False).mean(axis=0)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of each column."""
        return self.rows.astype(np.float64, copy=False).std(axis=0)

    def about(self, point: NDArray | float) -> NDArray:
        """Return the rows less a point."""
        return self.rows - point

    def in_parts(self) -> StatisticsOfParts:
        """Return what adds up."""
        center = self.mean() if self.n else np.zeros(self.rows.shape[1])
        return StatisticsOfParts(self.n, self.low, self.high, center, _triangle(self.about(center)))


@dataclass(frozen=True)
class StatisticsOfParts(Statistics):
    """Statistics of any number of rows, in float64; of the rows themselves a factor of their scatter is left.

    It is the triangle of a QR decomposition: the matrix of squares and products would lose half of the digits. See
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance" (1983), and J. Demmel et
    al., "Communication-optimal parallel and sequential QR and LU factorizations" (2012).

    Args:
        n, low, high: as of `Statistics`.
        center: the mean of each column.
        factor: R, at most `n_columns` rows; R^T R is the sum of outer products of the rows less their mean.
    """

    n: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    center: NDArray[np.float64]
    factor: NDArray[np.float64]

    def mean(self, dtype: type[np.floating] = np.float64) -> NDArray:
        """Return the mean of each column."""
        return self.center.astype(dtype)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of each column; 0 of a constant one, whatever rounding has left of it."""
        return np.where(self.low < self.high, np.sqrt(np.sum(self.factor**2, axis=0) / self.n), 0.0)

    def about(self, point: NDArray | float) -> NDArray:
        """Return few rows with the same mean of outer products as all rows less a point."""
        rows = np.concatenate([self.factor, np.sqrt(self.n) * (self.center - point)[None]])
        return rows * np.sqrt(len(rows) / self.n)

    def in_parts(self) -> StatisticsOfParts:
        """Return them as they are."""
        return self


def _triangle(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.qr(rows, mode="r"))
