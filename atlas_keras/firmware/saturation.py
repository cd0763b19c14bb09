"""The proof that nothing wraps: inputs of twice the range change a latent by no more than the weights allow."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from atlas_keras.errors import ExportError
from atlas_keras.firmware.encoder_records import Saturation
from atlas_keras.firmware.integer_network import quantized_layers, quantizers_of
from atlas_keras.firmware.trigger_encoder import Floats, TriggerEncoder, trace
from atlas_keras.models.prediction import Predictor

N_POINTS = 2001  # of a sweep of a quantizer
N_JETS = 4  # whose other fields stay as they are


def prove_saturation(encoder: TriggerEncoder, jets: Floats) -> Saturation:
    """Sweep every range of the network, and every input, from end to end of twice its width.

    Args:
        encoder: to be proved.
        jets: scaled codes, shape `(n_jets, n_fields)`, of which the first ones are varied.

    Raises:
        ExportError: a range wraps, or a number of the latent jumps.
    """
    quantizers = _check_quantizers(encoder)
    sweeps = [_sweep(jets[:N_JETS], index, code.code_bits) for index, code in enumerate(encoder.codes)]
    bits = np.array([code.code_bits for code in encoder.codes])
    logic = trace(encoder.network, bits, more=1)
    largest, constant, predict = 0.0, True, Predictor(encoder.network)
    for index, points in enumerate(sweeps):
        flat = points.reshape(-1, points.shape[-1])
        latent = logic.predict(flat, n_threads=1).reshape(*points.shape[:2], -1)
        if (predict(flat.astype(np.float32)).reshape(latent.shape) != latent).any():
            raise ExportError("alkaid and Keras differ beyond the range of the codes")
        allowed = _allowed(encoder, index, points[0, 1, index] - points[0, 0, index])
        largest = max(largest, float((np.abs(np.diff(latent, axis=1)) / allowed).max()))
        outside = np.searchsorted(points[0, :, index], (-2.0, 2.0))
        for part in np.split(latent, outside, axis=1)[::2]:
            constant &= bool((part == part[:, :1]).all())
    if largest > 1 or not constant:
        raise ExportError("a number of the latent jumps where an input leaves its range: something wraps")
    return Saturation(sum(points.shape[0] * points.shape[1] for points in sweeps), quantizers, largest, constant)


def _sweep(jets: Floats, index: int, bits: int) -> Floats:
    """Return jets with one input going through all of twice its range, shape `(n_jets, n_points, n_fields)`."""
    steps = np.arange(-(2**bits), 2**bits) * 2.0 ** (2 - bits)
    points = np.repeat(jets[:, None], len(steps), axis=1)
    points[:, :, index] = steps
    return points


def _check_quantizers(encoder: TriggerEncoder) -> int:
    """Find that all quantizers are monotone over twice their ranges; return how many ranges there are."""
    n = 0
    for layer in quantized_layers(encoder.network):
        for quantizer, size in zip(quantizers_of(layer), layer.kernel.shape, strict=False):
            ends = (ops.convert_to_numpy(end((1, size))) for end in (quantizer.min_, quantizer.max_))
            wide = 2 * np.maximum(*(np.abs(np.broadcast_to(end, (1, size))) for end in ends)) + 1e-3
            given = np.linspace(-1, 1, N_POINTS)[:, None] * wide
            back = ops.convert_to_numpy(quantizer(given.astype(np.float32)))
            if (np.diff(back, axis=0) < 0).any():
                raise ExportError(
                    f"{layer.name}: a range of the network wraps: beyond its end it jumps to the other one"
                )
            n += size
    return n


def _allowed(encoder: TriggerEncoder, index: int, step: float) -> Floats:
    """Return how far each number of the latent can go at most where one input goes on by a step.

    A range that saturates moves no farther than what enters it, and one step of its own for rounding.
    """
    moved = np.zeros(len(encoder.codes))
    moved[index] = step
    for layer in quantized_layers(encoder.network):
        moved = _rounded(layer.iq, moved)
        moved = moved @ np.abs(ops.convert_to_numpy(layer.qkernel)).astype(np.float64)
        if layer.enable_oq:
            moved = _rounded(layer.oq, moved)
    return np.maximum(moved, 1e-12)


def _rounded(quantizer: Any, moved: Floats) -> Floats:
    size = ops.convert_to_numpy(quantizer.epsilon_((1, len(moved)))).astype(np.float64)
    return np.where(moved > 0, moved + np.broadcast_to(size, (1, len(moved)))[0], 0.0)
