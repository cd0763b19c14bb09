"""Limits of columns, as a layer: what lies beyond counts as the limit."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.layers.statistics import Statistics


@keras.saving.register_keras_serializable(package=PACKAGE)
class Limits(keras.layers.Layer):
    """Let every column lie between two numbers, rows of shape `(n, n_columns)`; NaN stays NaN.

    A single value that is like none before, 1e25 where others are near 1, would spoil all columns of its row: what
    encodes the row sums over them.

    Args:
        low: of each column.
        high: of each column, above `low`.

    Raises:
        ValueError: limits that are not finite, or not in order.
    """

    def __init__(self, low: ArrayLike, high: ArrayLike, **kwargs: Any) -> None:
        low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
        if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high)) and np.all(low < high)):
            raise ValueError(f"low is below high, both are finite. Received: low={low}, high={high}")
        super().__init__(**kwargs)
        self.low, self.high = low, high

    @classmethod
    def around(cls, data: ArrayLike | Statistics, least: ArrayLike, **kwargs: Any) -> Limits:
        """Build the layer from data: a column may leave their range by as much as this is wide.

        Args:
            data: shape `(n_jets, n_columns)`, n_jets >= 1, or statistics of it.
            least: the width of a range that is narrower, of all columns or of each.
            kwargs: further arguments of the layer.
        """
        statistics = Statistics.of(data)
        low, high = statistics.low, statistics.high
        width = np.maximum(high - low, least)
        return cls(low - width, high + width, **kwargs)

    def call(self, x: Any) -> Any:
        """Replace what lies beyond."""
        # float32 in every precision, and a choice: the smaller of NaN and a number may be the number in an export.
        low, high = (ops.convert_to_tensor(a[None].astype("float32"), dtype=x.dtype) for a in (self.low, self.high))
        x = ops.where(ops.less(x, low), low, x)
        return ops.where(ops.greater(x, high), high, x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "low": self.low.tolist(), "high": self.high.tolist()}
