"""Sums: of two tensors of any number of rows, and of the many inputs of a dense layer with little rounding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import ops

from atlas_keras.layers.invertible import PACKAGE

PART = 50  # inputs in a part, at most


@keras.saving.register_keras_serializable(package=PACKAGE)
class Sum(keras.layers.Layer):
    """Add two tensors of the same shape, `(n, n_columns)`, n >= 0.

    `keras.layers.Add` takes a summand without rows for a bias in TensorFlow, and fails.
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        """Compute the sum, shape `(n, n_columns)`."""
        first, second = inputs
        return first + second

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of a summand."""
        return input_shape[0]


@keras.saving.register_keras_serializable(package=PACKAGE)
class DenseInParts(keras.layers.Dense):
    """A dense layer of two dimensions that sums its inputs in parts of equal length, and then the parts.

    Weights and function are those of `keras.layers.Dense`; the rounding of float32 is smaller. Each of the published
    network's outputs is a sum of 200 terms, and E is 10 to the power of one: summed one after the other, two libraries
    differ by 2e-5 of E and 7e-6 of eta, in four parts by a third of that. It also keeps LiteRT from merging the layer
    with the constants of the inverse standardization, after which the sums would start at log10 E instead of near 0.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Compute inputs @ kernel + bias, shape `(n, units)`."""
        n = int(self.kernel.shape[0])
        cuts = np.linspace(0, n, max(2, -(-n // PART)) + 1).astype(int).tolist()
        sums = [ops.matmul(inputs[:, a:b], self.kernel[a:b]) for a, b in pairwise(cuts)]
        while len(sums) > 1:
            sums = [sum(sums[i : i + 2][1:], sums[i]) for i in range(0, len(sums), 2)]
        return self.activation(sums[0] + self.bias if self.use_bias else sums[0])
