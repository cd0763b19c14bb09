"""The decoder of a quantized encoder as a LiteRT file: words of its firmware in, jets out, as Keras has them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError
from atlas_keras.firmware.latent_word import LatentWord
from atlas_keras.firmware.litert_decoder import NAME, words_to_litert
from atlas_keras.firmware.records import Check
from atlas_keras.kinematics import delta_phi
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.models.prediction import predict
from atlas_keras.sections import require

MAX_DIGIT = 22  # bits of a part of a word: 256 times as much is whole in 32 bits
MAX_DEVIATION = 1e-4  # a hundred times what float32 rounds, and a hundredth of a narrow bound


def litert_of_latent(model: JetAutoencoder, word: LatentWord) -> bytes:
    """Return a LiteRT file that decodes the words of a quantized encoder, as `litert_decoder` does those of a packer.

    Raises:
        ConfigError: a number of the latent has more bits than LiteRT divides.
        MissingExtraError: ai-edge-litert is not installed.
    """
    import tensorflow as tf

    most = max(number.bits for number in word.numbers)
    require(most <= MAX_DIGIT, f"LiteRT takes numbers of {MAX_DIGIT} bits at most, and this latent has one of {most}")
    decoder, facts = model.get_layer("decoder"), model.facts

    def jets_of(digits: Sequence[Any]) -> Any:
        columns = []
        for digit, number in zip(digits, word.numbers, strict=True):
            negative = digit >= number.low + (1 << number.bits)
            integers = tf.where(negative, digit - (1 << number.bits), digit)
            columns.append(tf.cast(integers, tf.float32) * 2.0**-number.fraction)
        return decoder(tf.stack(columns, axis=1), training=False)

    told = {
        "description": f"{facts.preset}: words of {word.bits} bits to jets",
        "columns": list(facts.collection.names),
        "unit": facts.unit,
        "word_bits": word.bits,
        "preset": facts.preset,
        "fingerprint": fingerprint(model),
    }
    return words_to_litert([1 << number.bits for number in word.numbers], jets_of, told, decoder)


def check_latent(path: Path, model: JetAutoencoder, word: LatentWord, latent: NDArray) -> Check:
    """Decode the words of a latent by the file, and compare the jets with those of Keras.

    Raises:
        ExportError: a jet differs by more than float32 rounds.
    """
    from atlas_keras.serving.runtime import JetDecoder

    found = JetDecoder(path).decode(word.pack(latent))
    expected = predict(model.get_layer("decoder"), latent.astype(np.float32))
    apart = np.abs(found.astype(np.float64) - expected)
    for index, column in enumerate(model.facts.collection):
        if column.periodic:
            apart[:, index] = np.abs(delta_phi(found[:, index], expected[:, index]))
    worst = float(np.max(apart / np.maximum(np.abs(expected), 1)))
    if not worst <= MAX_DEVIATION:
        raise ExportError(f"{NAME}: does not decode as Keras does (a jet differs by {worst:.1e})")
    return Check("litert", "decoder", f"ai-edge-litert {version('ai-edge-litert')}", True, "", len(latent))
