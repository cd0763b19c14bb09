"""A transform for each column, so that all of them spread evenly: logarithms, fractions, angles, or nothing at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer, columns, rows

TRANSFORMS = ("identity", "angle", "log", "signed_log", "logit")
TINY = 1e-30  # what is not positive counts as this in a logarithm
MARGIN = 1e-3  # by which a fraction may be 0 or 1 before its logit ends


@keras.saving.register_keras_serializable(package=PACKAGE)
class ColumnTransforms(InvertibleLayer):
    """Transform each column x by itself; with `invert`, undo it.

    `identity` is x / scale; `angle` too, and its inverse wraps to [-pi, pi]; `log` is ln(x / scale); `signed_log` is
    sgn(x) ln(1 + |x| / scale); `logit` is ln((f + m) / (1 - f + m)) of the fraction f = x / scale, with the margin
    m = 0.001 so that 0 and 1 have values.

    Args:
        transforms: of each column, of `TRANSFORMS`.
        scales: of each column, positive.
        invert: undo it.

    Raises:
        ValueError: an unknown transform, a scale that is not positive, or not as many of both.

    Example:
        >>> layer = ColumnTransforms(["log", "identity"], [1.0, 2.0])
        >>> keras.ops.convert_to_numpy(layer(keras.ops.array([[1.0, 4.0]]))).tolist()
        [[0.0, 2.0]]
    """

    def __init__(self, transforms: Sequence[str], scales: Sequence[float], invert: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.transforms, self.scales, self.invert = list(transforms), [float(s) for s in scales], invert
        if len(self.transforms) != len(self.scales) or not all(0 < s < math.inf for s in self.scales):
            raise ValueError(f"Each column has a transform and a positive scale. Received: {transforms}, {scales}")
        for transform in self.transforms:
            if transform not in TRANSFORMS:
                raise ValueError(f"A transform is one of {', '.join(TRANSFORMS)}. Received: {transform!r}")

    def call(self, x: Any) -> Any:
        """Transform x, shape `(n_jets, n_columns)`."""
        one = _undo if self.invert else _apply
        parts = zip(columns(x, len(self.scales)), self.transforms, self.scales, strict=True)
        return rows([one(column, transform, scale) for column, transform, scale in parts])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Return the input's shape."""
        return input_shape

    def inverse(self) -> ColumnTransforms:
        """Build the layer that undoes this one."""
        return self._inverted(invert=not self.invert)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"transforms": self.transforms, "scales": self.scales, "invert": self.invert}
        return {**super().get_config(), **own}


def _apply(x: Any, transform: str, scale: float) -> Any:
    x = x / scale
    if transform == "log":
        return ops.log(ops.maximum(x, TINY))
    if transform == "signed_log":
        return ops.sign(x) * ops.log(1 + ops.abs(x))
    if transform == "logit":
        return ops.log(ops.maximum(x + MARGIN, TINY)) - ops.log(ops.maximum(1 - x + MARGIN, TINY))
    return x


def _undo(y: Any, transform: str, scale: float) -> Any:
    if transform == "log":
        return ops.exp(y) * scale
    if transform == "signed_log":
        return ops.sign(y) * (ops.exp(ops.abs(y)) - 1) * scale
    if transform == "logit":
        odds = ops.exp(ops.minimum(y, 30.0))
        return (odds * (1 + MARGIN) - MARGIN) / (1 + odds) * scale
    if transform == "angle":
        angle = y * scale
        return angle - 2 * math.pi * ops.floor((angle + math.pi) / (2 * math.pi))
    return y * scale
