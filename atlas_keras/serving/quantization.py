"""Quantize the dense core of a LiteRT file; what turns physical units into its inputs and back stays in float32.

The core is the network's matrix products and their tanh. Logarithms, exponentials and standardization stay as they are,
because raw energies in 8 bits would be worthless; so does the linear map beside the network of `kinematic`, 12 numbers
that carry pt, eta and phi.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.errors import ExportError
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.jet_autoencoder import JetAutoencoder

CORE = r"^(?!.*_linear).*$"  # names of the tensors that the core's operations give
MAX_CALIBRATION = 65_536  # jets; they go through the network as one batch
CALIBRATED = ("int8", "int16x8")


def check_quantization(model: JetAutoencoder, name: str) -> None:
    """Refuse a quantization that a model does not survive.

    Raises:
        ExportError: names the reason and the preset that can be quantized.
    """
    architecture = ARCHITECTURES[model.facts.architecture]
    if name != "none" and name not in architecture.quantized:
        raise ExportError(f"Quantization {name!r} {architecture.unquantizable}")


def quantize(
    content: bytes,
    name: str,
    calibration: Mapping[str, Mapping[str, NDArray[np.float32]]],
    any_batch: bytes | None = None,
) -> bytes:
    """Quantize a LiteRT file.

    Args:
        content: of a float32 file of ours.
        name: one of `request.QUANTIZATIONS`.
        calibration: for each signature of the file its input by name, from the training split; of use for `int8` and
            `int16x8`. They see the range of these jets and saturate outside of it.
        any_batch: the same file for any number of jets, where every call of this one has the same.

    Raises:
        MissingExtraError: ai-edge-quantizer is not installed.
    """
    if name == "none":
        return content
    quantizer = extras.load("ai_edge_quantizer.quantizer")
    # It prints its progress, whatever the level of its logger.
    silence = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with silence[0], silence[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("absl").setLevel(logging.ERROR)
        work = quantizer.Quantizer(content)
        _choose(work, name)
        statistics = None
        if name in CALIBRATED:
            watched = quantizer.Quantizer(any_batch or content)
            _choose(watched, name)
            # One batch: statistics of several are averaged, which cuts the largest values off.
            batches = {signature: [_thin_out(inputs)] for signature, inputs in calibration.items()}
            statistics = watched.calibrate(batches)
        return bytes(work.quantize(statistics).quantized_model)


def _choose(work: Any, name: str) -> None:
    from ai_edge_quantizer import algorithm_manager, qtyping

    dense, tanh = qtyping.TFLOperationName.FULLY_CONNECTED, qtyping.TFLOperationName.TANH
    if name == "float16":
        casting = algorithm_manager.AlgorithmName.FLOAT_CASTING
        work.add_weight_only_config(CORE, dense, num_bits=16, algorithm_key=casting)
    elif name == "dynamic":
        work.add_dynamic_config(CORE, dense, num_bits=8)
    elif name == "weight_only":
        work.add_weight_only_config(CORE, dense, num_bits=8)
    else:
        bits = 8 if name == "int8" else 16
        for operation in (dense, tanh):
            work.add_static_config(CORE, operation, activation_num_bits=bits, weight_num_bits=8)


def _thin_out(inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Take every so manieth jet, so that the memory of the calibration is bounded."""
    return {name: rows[:: -(-len(rows) // MAX_CALIBRATION)] for name, rows in inputs.items()}
