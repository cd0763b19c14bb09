"""The constants that stand in an export, to see that the model's weights are among them, bit for bit.

Numbers that come out within rounding do not prove that all weights went in: a small network beside a linear map may
lose one in the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError
from atlas_keras.serving.metadata import litert_schema
from atlas_keras.serving.signatures import SIGNATURES

Array = NDArray[np.float32]


def check_weights(path: Path, model: keras.Model, signatures: Sequence[str]) -> None:
    """Refuse a float32 export that lacks a weight of the model.

    Args:
        path: a `.tflite` or `.onnx` file, or the folder of a SavedModel.
        model: the autoencoder that it was made from.
        signatures: that the export has; they tell which part of the model is in it.

    Raises:
        ExportError: names the layer whose weights are not in the file.
    """
    constants = READERS[path.suffix](path).view(np.int32)
    parts = {SIGNATURES[name].part for name in signatures}
    for part in ("encoder", "decoder"):
        if not parts & {part, None}:
            continue
        for weight in model.get_layer(part).weights:
            values = np.asarray(weight, np.float32).ravel()
            values = values[values != 0]  # a converter may drop what adds nothing
            n = int(np.sum(~np.isin(values.view(np.int32), constants)))
            if n:
                raise ExportError(
                    f"{path.name}: {n} of {values.size} weights {weight.path!r} of the {part} are not in the file: it "
                    f"was made from another model, or changed since"
                )


def _joined(arrays: list[NDArray]) -> Array:
    """Join float32 arrays of any shapes; others are left out."""
    return np.concatenate([np.zeros(1, np.float32), *(a.ravel() for a in arrays if a.dtype == np.float32)])


def _in_saved_model(path: Path) -> Array:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    return _joined([np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()])


def _in_litert(path: Path) -> Array:
    schema = litert_schema()
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    tensors = [t for graph in model.subgraphs for t in graph.tensors if t.type == schema.TensorType.FLOAT32]
    buffers = [model.buffers[t.buffer].data for t in tensors]
    return _joined([np.asarray(data, np.uint8).view("<f4") for data in buffers if data is not None])


def _in_onnx(path: Path) -> Array:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    nodes = [a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute if a.HasField("t")]
    return _joined([numpy_helper.to_array(tensor) for tensor in (*graph.initializer, *nodes)])


READERS: dict[str, Callable[[Path], Array]] = {"": _in_saved_model, ".tflite": _in_litert, ".onnx": _in_onnx}
