"""Write an autoencoder as a SavedModel that plain TensorFlow loads, without Keras and without this package."""

from __future__ import annotations

import contextlib
import errno
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from atlas_keras.serving.signatures import SIGNATURES


def write_saved_model(model: keras.Model, path: str | Path, batch: int | None = None) -> None:
    """Write the signatures `encode`, `decode` and `reconstruct`.

    Args:
        model: an autoencoder of ours.
        path: folder to write; TensorFlow Serving wants its last part to be a number, the version.
        batch: how many jets every call has; None means any number.

    Raises:
        OSError: the folder cannot be written to, or is full.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, signature in SIGNATURES.items():
        layer = model.get_layer(signature.part) if signature.part else model
        spec = tf.TensorSpec((batch, *layer.input_shape[1:]), tf.float32, name=signature.input)
        archive.add_endpoint(name, _endpoint(layer, signature.input, signature.output), input_signature=[spec])
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the endpoints
            archive.write_out(str(path))
    except tf.errors.OpError as error:  # TensorFlow's own file system does not raise OSError
        reason = error.message.strip().partition("\n")[0].rpartition("; ")[2].partition(" [Op:")[0]
        raise OSError(errno.EIO, reason, str(path)) from error


def _endpoint(layer: keras.Model, name_in: str, name_out: str) -> Callable[[Any], dict[str, Any]]:
    def call(x: Any) -> dict[str, Any]:
        return {name_out: layer(x)}

    call.__name__ = f"{name_in}_to_{name_out}"
    return call
