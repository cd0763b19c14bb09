"""The network of a quantized encoder as whole numbers: what its layers do, without the package that trained them.

The golden model that an export writes computes with these numbers, and the types of an HLS project follow from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from atlas_keras.errors import ExportError
from atlas_keras.firmware.field_code import Integers
from atlas_keras.firmware.latent_word import Number

MOST_BITS = 38  # of a sum: whole numbers of 64 bits hold it with 24 bits more behind its point


@dataclass(frozen=True)
class IntegerLayer:
    """A dense layer: each input is rounded to its own range and saturates there, weighted and summed up.

    Args:
        name: of the layer.
        inputs: ranges of what enters; one of no bits lets nothing through.
        input_fraction: bits behind the point that all of them are brought to.
        kernel: weights, shape `(n_inputs, n_outputs)`.
        bias: shape `(n_outputs,)`, in units of the sums.
        fraction: bits behind the point of the sums.
        relu: whether negative sums become 0.
        outputs: ranges of what leaves; none where sums leave as they are.
    """

    name: str
    inputs: tuple[Number, ...]
    input_fraction: int
    kernel: Integers
    bias: Integers
    fraction: int
    relu: bool
    outputs: tuple[Number, ...] = ()

    @property
    def sums(self) -> Number:
        """The range that holds every sum."""
        given = np.array([[n.low, n.low + (1 << n.bits) - 1] for n in self.inputs], np.int64)
        given <<= np.array([[self.input_fraction - n.fraction] for n in self.inputs])
        parts = given[:, :, None] * self.kernel[:, None]
        return hold([parts.min(1).sum(0) + self.bias, parts.max(1).sum(0) + self.bias], self.fraction)


def hold(values: Any, fraction: int) -> Number:
    """Return the smallest range that holds whole numbers in units of 2^-fraction."""
    low, high = int(np.min(values)), int(np.max(values))
    bits = max(high, -1 - low, 0).bit_length() + (low < 0)
    return Number(max(bits, 1), fraction, low < 0)


def hull(numbers: Sequence[Number]) -> Number:
    """Return the smallest range that holds all numbers of some; of those that have bits."""
    held = [n for n in numbers if n.bits] or [Number(1, 0, False)]
    signed, fraction = any(n.signed for n in held), max(n.fraction for n in held)
    whole = max(n.bits - n.signed - n.fraction for n in held)
    return Number(max(signed + whole + fraction, 1), fraction, signed)


def quantized_layers(network: keras.Model) -> list[Any]:
    """Return the dense layers of a network, whose weights are quantized."""
    return [layer for layer in network.layers if hasattr(layer, "kq")]


def quantizers_of(layer: Any) -> list[Any]:
    """Return the quantizers of what goes through a layer: of its inputs, and of its outputs where it has one."""
    return [layer.iq, *([layer.oq] if layer.enable_oq else [])]


def integer_layers(network: keras.Model) -> tuple[IntegerLayer, ...]:
    """Return the layers of a network, from scaled codes to the latent.

    Raises:
        ExportError: a sum has more bits than whole numbers of 64 bits hold.
    """
    return tuple(map(_layer, quantized_layers(network)))


def _layer(layer: Any) -> IntegerLayer:
    kernel, bias = (ops.convert_to_numpy(part).astype(np.float64) for part in (layer.qkernel, layer.qbias))
    ranges = _ranges(layer.iq, kernel.shape[0])
    input_fraction = hull(ranges).fraction
    inputs = tuple(n if n.bits else replace(n, fraction=input_fraction) for n in ranges)
    fraction = max(_fraction(kernel) + input_fraction, _fraction(bias))
    found = IntegerLayer(
        name=layer.name,
        inputs=inputs,
        input_fraction=input_fraction,
        kernel=(kernel * 2.0 ** (fraction - input_fraction)).astype(np.int64),
        bias=(bias * 2.0**fraction).astype(np.int64),
        fraction=fraction,
        relu=layer.activation is keras.activations.relu,
        outputs=_ranges(layer.oq, kernel.shape[1]) if layer.enable_oq else (),
    )
    if (bits := found.sums.bits) > MOST_BITS:
        raise ExportError(f"{layer.name}: a sum of {bits} bits; at most {MOST_BITS} can be computed")
    return found


def _ranges(quantizer: Any, size: int) -> tuple[Number, ...]:
    """Return the range of each number that goes through a quantizer, of 0 bits where nothing does."""
    kif = (np.broadcast_to(ops.convert_to_numpy(part), (1, size))[0] for part in quantizer.quantizer.kif)
    return tuple(
        Number(k + i + f, f, bool(k)) if k + i + f > 0 else Number(0, 0, False)
        for k, i, f in zip(*(part.astype(int).tolist() for part in kif), strict=True)
    )


def _fraction(values: NDArray[np.float64]) -> int:
    """Return how many bits behind the point hold numbers exactly; fewer than none where they are even."""
    mantissa, exponent = np.frexp(values[values != 0])
    if not len(mantissa):
        return 0
    whole = (np.abs(mantissa) * 2.0**53).astype(np.int64)  # whose lowest bit is of 2^(exponent - 53)
    lowest = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return int((53 - exponent - lowest).max())
