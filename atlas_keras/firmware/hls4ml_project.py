"""The network of an encoder as an HLS project by hls4ml, compiled and compared with Keras.

All types are given to hls4ml by name. Left to find them, version 1.3.0 narrows a range that saturates to the bits
behind the point of what enters it, and so moves its upper end: of sums in units of 2^-6, a number in [-4, 4 - 2^-9]
ends at 4 - 2^-6.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.errors import ExportError, reason_of
from atlas_keras.firmware.integer_network import IntegerLayer, hold, hull, quantized_layers, quantizers_of
from atlas_keras.firmware.latent_word import Number
from atlas_keras.firmware.records import Check
from atlas_keras.firmware.trigger_encoder import TriggerEncoder

MADE = ("firmware", "*.tcl", "hls4ml_config.yml")  # what is kept; the rest is for compiling it here
NOT_ASKED = Check("hls4ml", "hls", "", False, "not asked for: --formats verilog,hls", 0)


def write_hls4ml(
    encoder: TriggerEncoder, folder: Path, scratch: Path, scaled: NDArray[np.float64], latent: NDArray[np.float64]
) -> Check:
    """Write the project, and compare its emulation with Keras.

    Args:
        encoder: whose network it is.
        folder: to write; it does not exist.
        scratch: folder for compiling.
        scaled: inputs of the network, shape `(n, n_fields)`.
        latent: what Keras computes of them.

    Raises:
        ExportError: hls4ml fails, or another number comes out.
        MissingExtraError: hls4ml is not installed.
    """
    extras.require("hls4ml")
    import hls4ml  # takes its time, and is an optional package

    network = _without_negative_bits(encoder.network)
    try:
        project = hls4ml.converters.convert_from_keras_model(
            network,
            output_dir=str(scratch / "hls4ml"),
            project_name="network",
            backend="Vitis",
            io_type="io_parallel",
            bit_exact=False,
            hls_config=_configuration(encoder.layers, network),
        )
        project.compile()
        found = project.predict(np.ascontiguousarray(scaled, np.float32)).reshape(len(scaled), -1)
    except Exception as error:  # of whatever kind hls4ml and its compiler have
        raise ExportError(f"hls4ml cannot convert this encoder ({reason_of(error)})") from error
    if wrong := int((found != latent).any(axis=1).sum()):
        raise ExportError(f"hls4ml: its emulation is not what Keras computes ({wrong} of {len(latent)} words differ)")
    folder.mkdir(parents=True)
    for path in (path for pattern in MADE for path in (scratch / "hls4ml").glob(pattern)):
        shutil.copytree(path, folder / path.name) if path.is_dir() else shutil.copyfile(path, folder / path.name)
    for library in (folder / "firmware").glob("*.so"):
        library.unlink()
    return Check("hls4ml", "hls", f"hls4ml {hls4ml.__version__}, g++", True, "", len(scaled))


def _without_negative_bits(network: keras.Model) -> keras.Model:
    """Return the network with ranges of 0 bits where training has left fewer: hls4ml writes a type of each number."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    for layer in quantized_layers(copy):
        for quantizer in quantizers_of(layer):
            k, i, f = quantizer.quantizer.kif
            weight = next(weight for weight in quantizer.quantizer.weights if weight.name == "f")
            weight.assign(ops.maximum(f, -k - i))
    return copy


def _configuration(layers: Sequence[IntegerLayer], network: keras.Model) -> dict[str, Any]:
    """Return what hls4ml is told: the type of every number by the name of what computes it."""
    types = {network.inputs[0].name: {"result": _type(hull(layers[0].inputs), ",AP_RND,AP_SAT")}}
    for layer, dense in zip(layers, quantized_layers(network), strict=True):
        types |= _types_of(layer)
        for quantizer, ranges in zip(quantizers_of(dense), (layer.inputs, layer.outputs), strict=False):
            types[quantizer.name] = {"result": _type(hull(ranges))}
    widest = hull([number for layer in layers for number in (layer.sums, *layer.inputs, *layer.outputs)])
    return {
        "Model": {"Precision": _type(widest), "ReuseFactor": 1, "Strategy": "latency"},
        "LayerName": {name: {"Precision": found} for name, found in types.items()},
    }


def _types_of(layer: IntegerLayer) -> dict[str, dict[str, str]]:
    """Return the types of a dense layer, and of what hls4ml makes of its activation."""
    sums = layer.sums
    positive = replace(sums, bits=max(sums.bits - sums.signed, 1), signed=False)
    weights, bias = hold(layer.kernel, layer.fraction - layer.input_fraction), hold(layer.bias, layer.fraction)
    own = {"weight": weights, "bias": bias, "accum": sums, "result": sums}
    return {
        layer.name: {name: _type(number) for name, number in own.items()},
        f"{layer.name}_relu": {"result": _type(positive)},
        f"{layer.name}_linear": {"result": _type(sums)},
    }


def _type(number: Number, modes: str = "") -> str:
    return f"ap_{'' if number.signed else 'u'}fixed<{number.bits},{number.bits - number.fraction}{modes}>"
