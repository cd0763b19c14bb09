"""The figures of the published notebooks by their own formula, mistakes included, for comparison alone.

The notebooks scale with the range of the whole data set, and their mean errors undo log10, /5 and /3 but not the
min-max: these are no physical errors, and those of eta and phi are relative to a value that passes through zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.schema import FOUR_MOMENTUM, Collection

NOTEBOOK_FIGURES = {"mse": 6.709e-7, "E": 0.00158, "pt": 0.00165, "eta": 0.00142, "phi": 0.0272}


@dataclass(frozen=True)
class PublishedSpace:
    """The space in which the notebooks measure: log10 E, log10 pt, eta/5, phi/3, min-max over the whole data.

    Args:
        low, high: range of the scaled variables, shape `(4,)`.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, jets: NDArray, collection: Collection) -> PublishedSpace | None:
        """Take the range from all jets of the data set, training and test alike, as the notebooks do.

        Args:
            jets: shape `(n_jets, n_columns)`.
            collection: what the columns are; None comes back where they are not those of the notebooks.
        """
        if collection.names != FOUR_MOMENTUM.names:
            return None
        scaled = _scale(jets)
        return cls(scaled.min(axis=0), scaled.max(axis=0))

    def coordinates(self, jets: NDArray) -> NDArray[np.float64]:
        """Map jets in the unit of the range to the space, shape `(n_jets, 4)`."""
        width = self.high - self.low
        return (_scale(jets) - self.low) / np.where(width > 0, width, 1.0)


def _scale(jets: NDArray) -> NDArray[np.float64]:
    jets = np.asarray(jets, np.float64)
    columns = []
    for index, column in enumerate(FOUR_MOMENTUM):
        values = np.log10(jets[:, index]) if column.is_logarithmic else jets[:, index]
        columns.append(values / column.published_scale)
    return np.stack(columns, axis=1)


def published_sums(x: NDArray, x_hat: NDArray, space: PublishedSpace) -> dict[str, NDArray[np.float64]]:
    """Sum up what the notebooks' MSE and their four mean errors are means of.

    A jet at the very edge of the range has the coordinate 0, by which the notebooks divide; it is left out of the mean
    errors of eta and phi.

    Args:
        x, x_hat: jets before and after, shape `(n_jets, 4)`.
        space: of the whole data set.

    Returns:
        The sum and the number of terms of each figure.
    """
    u, u_hat = space.coordinates(x), space.coordinates(x_hat)
    sums = {"mse": np.array([np.sum((u_hat - u) ** 2), u.size])}
    for index, column in enumerate(FOUR_MOMENTUM):
        before, after = u[:, index] * column.published_scale, u_hat[:, index] * column.published_scale
        if column.is_logarithmic:
            before, after = 10**before, 10**after
        usable = before != 0
        error = np.abs((after[usable] - before[usable]) / before[usable])
        sums[column.name] = np.array([error.sum(), error.size])
    return sums


def published_figures(x: NDArray, x_hat: NDArray, space: PublishedSpace) -> dict[str, float | None]:
    """Compute the notebooks' MSE and their four mean errors; the arguments are those of `published_sums`."""
    return published_means(published_sums(x, x_hat, space))


def published_means(sums: Mapping[str, NDArray[np.float64]]) -> dict[str, float | None]:
    """Compute the notebooks' figures, None where no jet has one, from `published_sums`."""
    return {name: float(total / n) if n else None for name, (total, n) in sums.items()}
