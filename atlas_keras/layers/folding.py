"""The folded latent: phi on a grid, and the jet mass in what is left of the number that holds phi.

Four independent variables do not fit continuously into three. A float32 has more bits than phi needs, so phi is rounded
to a cell of a grid, and rho, mapped to (0, 1) by its conditional distribution, is kept as the position inside the cell:
a Shannon-Kotel'nikov mapping, scalar quantizer and linear coder (H. Coward, T. Ramstad, "Quantizing optimal nonlinear
mappings", IEEE 2000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer, columns, rows

FLOAT32_BITS = 24
MAX_OUTPUT = 30.0  # of a network that gives probabilities; exp of it stays in the range of float32


class Histogram(InvertibleLayer):
    """Base of layers that work with the bins of rho.

    Args:
        edges: of the bins, ascending, from 0; the bins do not depend on the jet, their probabilities do.

    Raises:
        ValueError: edges that do not ascend from 0.
    """

    def __init__(self, edges: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = tuple(float(e) for e in edges)
        self._edges = np.asarray(self.edges, self.compute_dtype)
        self._widths = np.diff(self._edges)
        self._share = self._widths / np.sum(self._widths)
        if len(self.edges) < 2 or self.edges[0] != 0 or not np.all(self._widths > 0):
            raise ValueError(f"Edges ascend from 0. Received: {edges}")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "edges": list(self.edges)}


@keras.saving.register_keras_serializable(package=PACKAGE)
class BinProbabilities(Histogram):
    """Turn the outputs of a network into probabilities of the bins: softmax, and a floor that is uniform in rho.

    The floor keeps a part of (0, 1) for jets unlike those of the training: their rho is coded less finely, never
    clipped to the range of the data.

    Args:
        edges: of the bins.
        floor: the part of the probability that is spread uniformly, in (0, 1).
    """

    def __init__(self, edges: Sequence[float], floor: float, **kwargs: Any) -> None:
        super().__init__(edges, **kwargs)
        if not 0 < floor < 1:
            raise ValueError(f"The floor is in (0, 1). Received: {floor}")
        self.floor = float(floor)
        # Softmax and floor as two matrix products: one sums the exponentials, one mixes them with the floor. On edges
        # this takes a tenth of the time of a softmax over rows as short as these.
        ones = np.ones((len(self._widths),) * 2, self.compute_dtype)
        self._sum = ones
        self._mix = (1 - self.floor) * np.eye(len(ones), dtype=ones.dtype) + self.floor * ones * self._share

    def call(self, x: Any) -> Any:
        """Compute the probabilities, shape `(n_jets, n_bins)`; each row's sum is 1."""
        weights = ops.exp(ops.clip(x, -MAX_OUTPUT, MAX_OUTPUT))
        return ops.matmul(weights, self._mix) / ops.matmul(weights, self._sum)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "floor": self.floor}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Fold(Histogram):
    """Map (ln pt, eta, phi, rho) and the probabilities of rho's bins to the three numbers (ln pt, eta, v).

    u = sum_j h_j clip((rho - e_j) / w_j, 0, 1) is the probability of a smaller rho, monotone in rho; phi lies in cell k
    of 2^bits; v = (k + u) 2^(1-bits) is in [-1, 1). The way back takes k and u apart, gives the center of the cell as
    phi and rho = sum_j w_j clip((u - C_j) / h_j, 0, 1), C the sum of the probabilities of the bins before.

    Precision: phi comes back within pi 2^-bits [rad]; u is kept in at least 25 - bits bits. A disturbance of v by d
    moves phi by pi d, rounded to a whole number of cells, and rho by whatever lies between the two u: below 2^-bits it
    costs a part of the mass, above it all of it. Half precision has 11 bits for v: phi survives to 2e-3, the mass does
    not.

    For training, phi's rounding counts as none (its gradient passes through).

    Args:
        edges: of the bins of rho; a larger rho counts as the last edge.
        bits: of phi's grid, 1 to 20.
        invert: undo it: (ln pt, eta, v) and the probabilities to (ln pt, eta, phi, rho).
    """

    def __init__(self, edges: Sequence[float], bits: int = 14, invert: bool = False, **kwargs: Any) -> None:
        super().__init__(edges, **kwargs)
        if not 1 <= bits <= 20:
            raise ValueError(f"bits is 1 to 20. Received: {bits}")
        self.bits, self.invert = int(bits), invert
        # Jets along the last axis: an operation then runs over all jets of a bin, much faster than over bins of a jet.
        self._low, self._width = self._edges[:-1, None], self._widths[:, None]
        self._before = np.triu(np.ones((len(self._widths),) * 2, self.compute_dtype), 1)  # sums the bins before
        self._cells = 2.0**bits
        # v = k + u is rounded to 24 bits, at the rim of the grid to multiples of this: u keeps off 0 and 1 by as much,
        # so that rounding never moves a jet into the next cell.
        self._margin = 2.0 ** (bits - FLOAT32_BITS - 1)

    def call(self, inputs: Any) -> Any:
        """Map coordinates `(n_jets, 4)` and probabilities `(n_jets, n_bins)` to the latent `(n_jets, 3)`, or back."""
        return self._unfold(*inputs) if self.invert else self._fold(*inputs)

    def _fold(self, x: Any, h: Any) -> Any:
        log_pt, eta, phi, rho = columns(x, 4)
        inside = ops.clip(ops.divide(ops.subtract(rho, self._low), self._width), 0.0, 1.0)
        u = ops.sum(ops.transpose(h) * inside, axis=0, keepdims=True)
        u = self._margin + (1 - 2 * self._margin) * ops.clip(u, 0.0, 1.0)
        cell = _floor(phi * (self._cells / (2 * math.pi)))
        cell = cell - self._cells * ops.stop_gradient(ops.floor(cell / self._cells + 0.5))  # pi and -pi are one cell
        return rows([log_pt, eta, (cell + u) * (2 / self._cells)])

    def _unfold(self, y: Any, h: Any) -> Any:
        log_pt, eta, v = columns(y, 3)
        v = v * (self._cells / 2)
        cell = ops.floor(v)
        u = ((v - cell) - self._margin) / (1 - 2 * self._margin)
        inside = ops.clip((u - ops.transpose(ops.matmul(h, self._before))) / ops.transpose(h), 0.0, 1.0)
        rho = ops.sum(ops.multiply(inside, self._width), axis=0, keepdims=True)
        phi = (_floor(v) + 0.5) * (2 * math.pi / self._cells)
        return rows([log_pt, eta, phi, rho])

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape `(n_jets, 3)`, of the inverse `(n_jets, 4)`."""
        return (input_shape[0][0], 4 if self.invert else 3)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "bits": self.bits, "invert": self.invert}


def _floor(x: Any) -> Any:
    """Round down, with the gradient of x itself; exact, because the difference of the two is."""
    return x + ops.stop_gradient(ops.floor(x) - x)
