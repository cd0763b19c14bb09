"""Jets as an encoder takes them, and what its decoder makes of the words, beside packers."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.firmware.comparison import error_of, errors_of_codes, share, summarize
from atlas_keras.firmware.encoder_records import EncoderComparison
from atlas_keras.firmware.trigger_encoder import Integers, TriggerEncoder
from atlas_keras.models.hardware_codes import HardwareCodes
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.models.prediction import predict

Rows = NDArray[np.float32]


def hardware_rows(model: JetAutoencoder, jets: Rows) -> Integers:
    """Return the whole numbers that hardware has of jets, as the first layers of the encoder make them.

    Args:
        model: of the architecture `trigger`.
        jets: shape `(n_jets, n_columns)`.
    """
    layer = _codes(model)
    variables = predict(keras.Model(model.get_layer("encoder").input, layer.input), jets).astype(np.float64)
    return np.stack(
        [f.integers(column * layer.factor(f)) for f, column in zip(layer.hardware.fields, variables.T, strict=True)],
        axis=1,
    )


def compare_encoder(encoder: TriggerEncoder, model: JetAutoencoder, rows: Integers) -> EncoderComparison:
    """Compare what the decoder makes of the words with what packers do.

    Args:
        encoder: of the model.
        model: of the architecture `trigger`.
        rows: whole numbers of the hardware, shape `(n_jets, n_fields)`.
    """
    fields, bits, layer = encoder.hardware.fields, encoder.word.bits, _codes(model)
    decoder = model.get_layer("decoder")
    variables = keras.Model(decoder.input, decoder.get_layer("codes_inverse").output)
    back = predict(variables, encoder.latent(rows).astype(np.float32)).astype(np.float64)
    errors = []
    for field, column, integers in zip(fields, back.T, rows.T, strict=True):
        value = column * layer.factor(field)
        errors.append(error_of(field, integers, (value * np.abs(value) if field.square else value) / field.lsb))
    n_bits = sum(code.code_bits for code in encoder.codes)
    return EncoderComparison(
        n_jets=len(rows),
        encoder=summarize(fields, errors, bits),
        codes=errors_of_codes(fields, encoder.codes, rows, n_bits),
        truncation=errors_of_codes(fields, share(fields, bits, rows), rows, bits),
    )


def _codes(model: JetAutoencoder) -> HardwareCodes:
    layer = model.get_layer("encoder").get_layer("codes")
    assert isinstance(layer, HardwareCodes)
    return layer
