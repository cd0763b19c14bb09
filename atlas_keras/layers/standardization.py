"""Standardization of columns: to mean 0 and variance 1, or to the range [0, 1]."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer
from atlas_keras.layers.statistics import Statistics


def deviations(data: ArrayLike, least: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Compute the standard deviation of each column; of a constant one nobody knows it, and it is 1.

    Args:
        data: shape `(n_jets, n_columns)`, n_jets >= 1.
        least: what none is below, of all columns or of each: values that hardly differ in the data would be infinitely
            far from any other.
    """
    return _usable(np.asarray(data, np.float64).std(axis=0), least)


def _usable(found: NDArray[np.float64], least: ArrayLike) -> NDArray[np.float64]:
    return np.maximum(np.where(found > 0, found, 1.0), least)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Standardization(InvertibleLayer):
    """Compute (x - mean) / sqrt(variance) with constants that are part of the configuration.

    With `invert`, compute x sqrt(variance) + mean. A column that is constant in the data has variance 1. It is not
    Keras' Normalization, whose statistics an `adapt` can change: here they are arguments, the same in the inverse.

    Args:
        mean: of each column.
        variance: of each column; all positive.
        invert: undo it.

    Raises:
        ValueError: a variance that is not positive and finite.
    """

    def __init__(self, mean: ArrayLike, variance: ArrayLike, invert: bool = False, **kwargs: Any) -> None:
        mean, variance = np.asarray(mean, np.float64), np.asarray(variance, np.float64)
        if not (np.all(np.isfinite(mean)) and np.all(np.isfinite(variance)) and np.all(variance > 0)):
            raise ValueError(f"mean is finite and variance is positive. Received: mean={mean}, variance={variance}")
        super().__init__(**kwargs)
        self.mean, self.variance, self.invert = mean, variance, invert

    @classmethod
    def adapted(
        cls, data: ArrayLike | Statistics, kind: str = "mean-variance", least: ArrayLike = 0.0, **kwargs: Any
    ) -> Standardization:
        """Build the layer from the statistics of data; give it the training split alone.

        Args:
            data: shape `(n_jets, n_columns)`, n_jets >= 1, or statistics of it.
            kind: `mean-variance`, or `min-max`, which maps the range of the data to [0, 1].
            least: what no deviation is below, of all columns or of each, see `deviations`.
            kwargs: further arguments of the layer.

        Raises:
            ValueError: no data, or an unknown kind.
        """
        statistics = Statistics.of(data)
        if kind == "min-max":
            mean, deviation = statistics.low, _usable(statistics.high - statistics.low, 0.0)
        elif kind == "mean-variance":
            mean, deviation = statistics.mean(), _usable(statistics.deviation, least)
        else:
            raise ValueError(f"kind is 'min-max' or 'mean-variance'. Received: {kind!r}")
        return cls(mean, deviation**2, **kwargs)

    def call(self, x: Any) -> Any:
        """Standardize x, shape `(n_jets, n_columns)`, or undo it."""
        # Rows: LiteRT's converter would fold constants of one dimension into the weights of a layer behind them.
        # float32 in every precision: a model in float64 has the same constants.
        mean, variance = (a[None].astype("float32").astype(self.compute_dtype) for a in (self.mean, self.variance))
        mean, deviation = ops.convert_to_tensor(mean), ops.convert_to_tensor(np.sqrt(variance))
        if not self.invert:
            return ops.divide(ops.subtract(x, mean), deviation)
        # Not a sum: a converter would turn it into a BiasAdd, which fails on an empty batch.
        return ops.subtract(ops.multiply(x, deviation), -mean)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"mean": self.mean.tolist(), "variance": self.variance.tolist(), "invert": self.invert}
        return {**super().get_config(), **own}
