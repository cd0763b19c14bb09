"""The decoder as a LiteRT file: words of 8 bytes in, jets in float32 out, and the check that it decodes as NumPy does.

LiteRT divides whole numbers of 32 bits alone, so words are divided as at school, byte by byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.records import Check
from atlas_keras.schema import UNITS_IN_MEV

NAME = "decoder.tflite"


def litert_decoder(packer: Packer) -> bytes:
    """Return a LiteRT file that `JetDecoder` reads.

    Its signature `decode` goes from `latent`, uint8 `(n_jets, 8)`, a word's bytes with the lowest one first, to `jets`,
    float32.

    Raises:
        MissingExtraError: ai-edge-litert is not installed.
    """
    import tensorflow as tf  # takes seconds, and no other part of a packer needs it

    fields = packer.hardware.fields
    tables = [
        tf.constant(field.values(code.decode(np.arange(code.n_codes)) + field.low), tf.float32)
        for field, code in zip(fields, packer.codes, strict=True)
    ]

    def jets_of(codes: Sequence[Any]) -> Any:
        found = [tf.gather(t, tf.minimum(c, len(t) - 1)) for t, c in zip(tables, codes, strict=True)]
        return tf.stack(found, axis=1)

    told = {
        "description": f"{packer.hardware.title}: words of {packer.word_bits} bits to jets",
        "columns": [field.variable for field in fields],
        "units": [field.unit_of_variable for field in fields],
        "unit": next((unit for unit in UNITS_IN_MEV if any(unit == f.unit_of_variable for f in fields)), ""),
        "word_bits": packer.word_bits,
        "preset": "packer",
        "fingerprint": hashlib.sha256(json.dumps(packer.to_dict()).encode()).hexdigest(),
    }
    return words_to_litert(packer.counts, jets_of, told)


def words_to_litert(
    counts: Sequence[int], jets_of: Callable[[Sequence[Any]], Any], told: dict[str, Any], model: Any = None
) -> bytes:
    """Return a LiteRT file that divides words, the lowest part first, and makes jets of the parts.

    Args:
        counts: how many values each part has.
        jets_of: from the parts, whole numbers of shape `(n_jets,)`, to jets.
        told: metadata of its own.
        model: of Keras, whose weights `jets_of` takes; None where it takes none.
    """
    import keras
    import tensorflow as tf

    from atlas_keras.serving.litert import add_to_litert, convert_saved_model
    from atlas_keras.serving.runtime import WORD_BYTES

    @tf.function(input_signature=[tf.TensorSpec((None, WORD_BYTES), tf.uint8, "latent")])
    def decode(latent: Any) -> dict[str, Any]:
        digits, parts = [tf.cast(latent[:, place], tf.int32) for place in reversed(range(WORD_BYTES))], []
        for count in counts:
            rest, quotient = tf.zeros_like(digits[0]), []
            for digit in digits:
                value = rest * 256 + digit
                quotient.append(value // count)
                rest = value % count
            digits = quotient
            parts.append(rest)
        return {"jets": jets_of(parts)}

    archive = keras.export.ExportArchive()
    if model is not None:
        archive.track(model)
    archive.add_endpoint("decode", decode)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):  # Keras prints endpoints
        archive.write_out(folder)
        content = convert_saved_model(Path(folder), ["decode"])
    return add_to_litert(content, json.dumps({**told, "n_latent": WORD_BYTES, "quantization": "none"}))


def check_litert(path: Path, packer: Packer, words: NDArray[np.uint64]) -> Check:
    """Decode words by the file, and compare every number with the golden model, rounded to float32.

    Raises:
        ExportError: a number differs, or the file has words of other bits.
    """
    from atlas_keras.serving.runtime import JetDecoder

    decoder = JetDecoder(path)
    if decoder.word_bits != packer.word_bits:
        raise ExportError(f"{NAME}: takes words of {decoder.word_bits} bits, and the packer has {packer.word_bits}")
    found = decoder.decode(words)
    wrong = np.flatnonzero((found != packer.decode(words).astype(np.float32)).any(axis=1))
    if len(wrong):
        raise ExportError(
            f"{NAME}: does not decode as the golden model does ({len(wrong)} of {len(words)} words, the first of them "
            f"{words[wrong[0]]:x})"
        )
    return Check("litert", "decoder", f"ai-edge-litert {version('ai-edge-litert')}", True, "", len(words))
