"""Write an autoencoder as a SavedModel that plain TensorFlow loads, without Keras and without this package."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import keras
import tensorflow as tf

SIGNATURES = {  # name of the signature: (which part of the autoencoder, name of the input, name of the output)
    "encode": ("encoder", "jets", "latent"),
    "decode": ("decoder", "latent", "jets"),
    "reconstruct": (None, "jets", "jets"),
}


def write_saved_model(model: keras.Model, path: str | Path) -> None:
    """Write the signatures `encode`, `decode` and `reconstruct`, for any number of jets.

    Args:
        model: an autoencoder of ours.
        path: folder to write.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for signature, (part, name_in, name_out) in SIGNATURES.items():
        layer = model.get_layer(part) if part else model
        spec = tf.TensorSpec(layer.input_shape, tf.float32, name=name_in)
        archive.add_endpoint(signature, _endpoint(layer, name_in, name_out), input_signature=[spec])
    with contextlib.redirect_stdout(io.StringIO()):  # Keras prints the endpoints
        archive.write_out(str(path))


def _endpoint(layer: keras.Model, name_in: str, name_out: str):  # type: ignore[no-untyped-def]
    def call(x):  # type: ignore[no-untyped-def]
        return {name_out: layer(x)}

    call.__name__ = f"{name_in}_to_{name_out}"
    return call
