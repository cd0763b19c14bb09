"""Write an autoencoder as LiteRT (TFLite) files, for edge devices and triggers: built-in operations only."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from atlas_keras.serving.saved_model import write_saved_model


def litert_bytes(model: keras.Model, signatures: Sequence[str], batch: int | None = None) -> bytes:
    """Convert an autoencoder to one LiteRT file, float32.

    Args:
        model: an autoencoder of ours.
        signatures: of `encode`, `decode` and `reconstruct`; the file has them under these names.
        batch: how many jets every call has; None means any number.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        write_saved_model(model, path, batch)
        return convert_saved_model(path, signatures)


def convert_saved_model(path: Path, signatures: Sequence[str]) -> bytes:
    """Convert a SavedModel of ours; every other way of TensorFlow's converter loses names or weights.

    Args:
        path: folder of the SavedModel.
        signatures: that the file gets.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path), signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()
