"""Layers whose weights and activations have few bits, learned with them, by HGQ2; every range saturates and none wraps.

HGQ2's own defaults wrap outside of the range that data has had: a latent then jumps from one end to the other, alike in
every simulation and wrong in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from atlas_keras import extras

BEYOND = "SAT"  # what a number does beyond its range: it stays at the end
WEIGHT_INTEGERS = 3  # bits before the point that a weight begins with
LATENT_INTEGERS = 2  # bits before the point: a number of the latent is in [-4, 4)


def import_hgq() -> Any:
    """Import HGQ2, whose layers a quantized encoder is made of.

    Raises:
        MissingExtraError: it is not installed.
    """
    extras.require("hgq")
    import hgq.layers  # takes its time, and is an optional package

    return hgq


def quantized_stack(
    input_bits: int, widths: Sequence[int], n_outputs: int, output_bits: int, *, weight_bits: int, bit_weight: float
) -> list[Any]:
    """Build the layers of a quantized multilayer perceptron with ReLU.

    Args:
        input_bits: of the inputs, fixed-point numbers in [-2, 2); the first layer takes them as they are.
        widths: units of the hidden layers.
        n_outputs: units of the last one.
        output_bits: of each output, a fixed-point number in [-4, 4) at whose ends it saturates.
        weight_bits: that a weight begins with.
        bit_weight: what a bit operation counts in the loss.

    Raises:
        MissingExtraError: HGQ2 is not installed.
    """
    hgq = import_hgq()
    QuantizerConfig = hgq.config.QuantizerConfig

    def dense(units: int, name: str, **options: Any) -> Any:
        kernel = QuantizerConfig("kbi", "weight", k0=1, b0=weight_bits, i0=WEIGHT_INTEGERS, overflow_mode="SAT_SYM")
        bias = QuantizerConfig("kbi", "bias", k0=1, b0=10, i0=3, overflow_mode="SAT_SYM")
        return hgq.layers.QDense(
            units, name=name, kq_conf=kernel, bq_conf=bias, beta0=bit_weight, enable_ebops=True, **options
        )

    layers, inputs = [], QuantizerConfig(**fixed_point(1, input_bits))
    for index, width in enumerate(widths):
        layers.append(dense(width, f"encoder_{index + 1}", iq_conf=inputs, activation="relu"))
        inputs = QuantizerConfig("kif", "datalane", k0=0, i0=3, f0=6, overflow_mode=BEYOND, round_mode="RND")
    last = {"enable_oq": True, "oq_conf": QuantizerConfig(**fixed_point(LATENT_INTEGERS, output_bits))}
    return [*layers, dense(n_outputs, "encoder_output", iq_conf=inputs, **last)]


def fixed_point(integers: int, bits: int) -> dict[str, Any]:
    """Return the arguments of a quantizer that is not trained: a signed number with so many bits before the point."""
    place = {"k0": 1, "i0": integers, "f0": bits - 1 - integers}
    return {"q_type": "kif", **place, "trainable": False, "overflow_mode": BEYOND, "round_mode": "RND"}


def start_linear(layers: Sequence[Any], kernel: NDArray[np.float32], mean: NDArray[np.float32]) -> None:
    """Let a built stack begin as a linear map, (x - mean) kernel, as far as it has two units for each of its columns.

    A number passes a layer with ReLU as its positive and its negative part.

    Args:
        layers: of `quantized_stack`.
        kernel: shape `(n_inputs, n_columns)`; the first outputs are its columns.
        mean: of the inputs, shape `(n_inputs,)`.
    """
    n = kernel.shape[1]
    if any(layer.units < 2 * n for layer in layers[:-1]) or len(layers) == 1:
        return
    both = np.concatenate([np.eye(n), -np.eye(n)], axis=1).astype(np.float32)
    for index, layer in enumerate(layers):
        weights, bias = (np.copy(ops.convert_to_numpy(part)) for part in (layer.kernel, layer.bias))
        if index == 0:
            weights[:, : 2 * n] = kernel @ both
            bias[: 2 * n] = -mean @ kernel @ both
        elif layer is not layers[-1]:
            weights[: 2 * n] = 0
            weights[:, : 2 * n] = 0
            weights[: 2 * n, : 2 * n] = np.eye(2 * n)
        else:
            weights[:, :n] = 0
            weights[: 2 * n, :n] = both.T
        layer.kernel.assign(weights)
        layer.bias.assign(bias)
