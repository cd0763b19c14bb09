"""Convert an autoencoder to ONNX, by tf2onnx from a SavedModel: Keras' own export loses constants of the layers."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import keras

from atlas_keras.errors import MissingExtraError
from atlas_keras.serving.saved_model import write_saved_model

OPSET = 17


def onnx_bytes(model: keras.Model, signature: str, batch: int | None = None) -> bytes:
    """Convert one signature to an ONNX file, float32.

    Args:
        model: an autoencoder of ours.
        signature: `encode`, `decode` or `reconstruct`; input and output keep their names.
        batch: how many jets every call has; None means any number.

    Raises:
        MissingExtraError: tf2onnx is not installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        write_saved_model(model, path, batch)
        return convert_saved_model(path, signature)


def convert_saved_model(path: Path, signature: str, metadata: dict[str, str] | None = None) -> bytes:
    """Convert one signature of a SavedModel of ours.

    Args:
        path: folder of the SavedModel.
        signature: its name.
        metadata: put into the file as it is, under the names given.

    Raises:
        MissingExtraError: tf2onnx is not installed.
    """
    try:
        from tf2onnx import convert, tf_loader
    except ImportError as error:
        raise MissingExtraError("ONNX", "onnx") from error
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    graph, inputs, outputs, new_names = tf_loader.from_saved_model(
        str(path), None, None, signatures=[signature], return_tensors_to_rename=True
    )
    proto, _ = convert.from_graph_def(
        graph, signature, inputs, outputs, opset=OPSET, tensors_to_rename=new_names, large_model=False
    )
    for key, value in (metadata or {}).items():
        proto.metadata_props.add(key=key, value=value)
    return proto.SerializeToString()
