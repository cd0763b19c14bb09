"""A linear map to principal components, and a small network beside it that corrects what is not linear."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.layers.summation import Sum
from atlas_keras.models.architecture import ModelConfig
from atlas_keras.models.building import chain, dense_stack


class ResidualMap:
    """A linear map plus a multilayer perceptron, which starts at zero.

    Args:
        n_inputs, n_outputs: columns.
        config: widths and activation.
        name: `encoder` or `decoder`, which has the widths in reverse; begins the names of the layers.
    """

    def __init__(self, n_inputs: int, n_outputs: int, config: ModelConfig, name: str) -> None:
        widths = config.widths if name == "encoder" else tuple(reversed(config.widths))
        self.linear = keras.layers.Dense(n_outputs, use_bias=False, name=f"{name}_linear")
        self.network = dense_stack(n_inputs, widths, n_outputs, config.activation, name)
        self.sum = Sum(name=f"{name}_sum")

    def __call__(self, x: Any) -> Any:
        """Apply it."""
        return self.sum([self.linear(x), chain(x, self.network)])

    def start(self, kernel: NDArray[np.float32], shift: float | NDArray[np.float32] = 0.0) -> None:
        """Set the linear map, and let the network be a constant shift."""
        self.linear.set_weights([kernel])
        last = self.network[-1]
        weights, bias = last.get_weights()
        last.set_weights([np.zeros_like(weights), np.zeros_like(bias) + shift])


def principal_components(
    z: NDArray[np.floating], weights: NDArray[np.float32], n: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the linear maps to the first n principal components, of variance 1, and back.

    Args:
        z: standardized columns, shape `(n_jets, n_columns)`, or rows with the same mean of outer products.
        weights: what an error of each column counts, shape `(n_columns,)`; all positive.
        n: number of components.
    """
    _, singular, rows = np.linalg.svd(np.asarray(z * weights, np.float64), full_matrices=False)
    deviation = np.maximum(singular[:n] / np.sqrt(len(z)), 1e-6)
    down = weights[:, None] * rows[:n].T / deviation
    up = deviation[:, None] * rows[:n] / weights
    more = n - len(up)  # of fewer jets than components the others are nothing
    return np.pad(down, ((0, 0), (0, more))).astype(np.float32), np.pad(up, ((0, more), (0, 0))).astype(np.float32)
