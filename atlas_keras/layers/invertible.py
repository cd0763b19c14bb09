"""The base law of preprocessing: a layer knows the layer that undoes it, and never computes in half precision."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

PACKAGE = "atlas_keras"


class InvertibleLayer(keras.layers.Layer):
    """Base of all preprocessing layers: `layer.inverse()(layer(x))` is x, but for rounding.

    A preprocessing layer computes in float32 whatever the global policy is (or in float64 on request): energies in MeV
    leave the range of float16, and ln(E/p) of a light jet lives in the last bits of float32.

    A layer with an inverse takes the argument `invert`, and keeps it. The output has the shape of the input, where a
    layer does not say otherwise.

    Raises:
        ValueError: another dtype than float32 or float64.
    """

    invert: bool

    def __init__(self, *, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        if self.compute_dtype not in ("float32", "float64"):
            raise ValueError(
                f"{type(self).__name__} computes in float32 or float64: half precision cannot hold energies in MeV. "
                f"Received: dtype={dtype!r}"
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def inverse(self) -> Self:
        """Build the layer that undoes this one, of an inverse the forward one; the name says which way it goes."""
        name = self.name.removesuffix("_inverse") if self.name.endswith("_inverse") else f"{self.name}_inverse"
        return type(self).from_config({**self.get_config(), "name": name, "invert": not self.invert})


def columns(x: Any, n: int) -> list[Any]:
    """Take the columns of x apart, each of shape `(1, n_jets)`; one transpose is faster on edges than n slices."""
    return ops.split(ops.transpose(x), n, axis=0)


def rows(parts: list[Any]) -> Any:
    """Put columns together again, shape `(n_jets, n)`."""
    return ops.transpose(ops.concatenate(parts, axis=0))
