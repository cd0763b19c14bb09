"""The decoder as a LiteRT file: words of 8 bytes in, jets in float32 out, and the check that it decodes as NumPy does.

LiteRT divides whole numbers of 32 bits alone, so words are divided as at school, byte by byte.
"""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.records import Check

NAME = "decoder.tflite"
N_BYTES = 8


def as_bytes(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return words as the file takes them, shape `(n_jets, 8)`, the lowest byte first."""
    return np.ascontiguousarray(words, "<u8").view(np.uint8).reshape(-1, N_BYTES)


def litert_decoder(packer: Packer) -> bytes:
    """Return a LiteRT file with the signature `decode`: from `words`, uint8 `(n_jets, 8)`, to `jets`, float32.

    Raises:
        MissingExtraError: ai-edge-litert is not installed.
    """
    import tensorflow as tf  # takes seconds, and no other part of a packer needs it

    from atlas_keras.serving.litert import add_to_litert, convert_saved_model

    fields = packer.hardware.fields
    tables = [
        tf.constant(field.values(code.decode(np.arange(code.n_codes)) + field.low), tf.float32)
        for field, code in zip(fields, packer.codes, strict=True)
    ]

    @tf.function(input_signature=[tf.TensorSpec((None, N_BYTES), tf.uint8, "words")])
    def decode(words: Any) -> dict[str, Any]:
        digits = [tf.cast(words[:, place], tf.int32) for place in reversed(range(N_BYTES))]
        columns = []
        for count, table in zip(packer.counts, tables, strict=True):
            rest, quotient = tf.zeros_like(digits[0]), []
            for digit in digits:
                value = rest * 256 + digit
                quotient.append(value // count)
                rest = value % count
            digits = quotient
            columns.append(tf.gather(table, tf.minimum(rest, len(table) - 1)))
        return {"jets": tf.stack(columns, axis=1)}

    module = tf.Module()
    module.decode = decode
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"decode": decode})
        content = convert_saved_model(Path(folder), ["decode"])
    told = {
        "description": f"{packer.hardware.title}: words of {packer.word_bits} bits to jets",
        "variables": [field.variable for field in fields],
        "units": [field.unit_of_variable for field in fields],
    }
    return add_to_litert(content, json.dumps(told))


def check_litert(path: Path, packer: Packer, words: NDArray[np.uint64]) -> Check:
    """Decode words by the file, and compare every number with the golden model, rounded to float32.

    Raises:
        ExportError: a number differs.
    """
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=path.read_bytes()).get_signature_runner("decode")
    found = runner(words=as_bytes(words))["jets"]
    wrong = np.flatnonzero((found != packer.decode(words).astype(np.float32)).any(axis=1))
    if len(wrong):
        raise ExportError(
            f"{NAME}: does not decode as the golden model does ({len(wrong)} of {len(words)} words, the first of them "
            f"{words[wrong[0]]:x})"
        )
    return Check("litert", "decoder", f"ai-edge-litert {version('ai-edge-litert')}", True, "", len(words))
