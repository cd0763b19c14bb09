"""ONNX files, by tf2onnx from a SavedModel: Keras' own export loses constants of the layers."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.serving.export_format import Export, ExportFormat, Function, Source, in_batches
from atlas_keras.serving.metadata import NAME
from atlas_keras.serving.signatures import SIGNATURES

if TYPE_CHECKING:
    import keras

OPSET = 17
FILES = {"encoder": "encode", "decoder": "decode"}


def onnx_bytes(model: keras.Model, signature: str, batch: int | None = None) -> bytes:
    """Convert one signature to an ONNX file, float32.

    Args:
        model: an autoencoder of ours.
        signature: `encode`, `decode` or `reconstruct`; input and output keep their names.
        batch: how many jets every call has; None means any number.

    Raises:
        MissingExtraError: tf2onnx is not installed.
    """
    from atlas_keras.serving.saved_model import write_saved_model

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
    convert, tf_loader = (extras.load(f"tf2onnx.{name}") for name in ("convert", "tf_loader"))
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


def _write(source: Source) -> Iterator[Export]:
    inside = {NAME: source.metadata("none", source.batch)}
    for part, signature in FILES.items():
        content = convert_saved_model(source.saved_model(source.batch), signature, inside)
        (source.folder / f"{part}.onnx").write_bytes(content)
        yield Export(f"{part}.onnx", "onnx", "none", (signature,), source.batch)


def _open(path: Path, threads: int | None) -> dict[str, Function]:
    onnxruntime = extras.load("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session: Any = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = session.get_inputs()[0].name, session.get_outputs()[0].name
    batch = session.get_inputs()[0].shape[0]
    found = [name for name, s in SIGNATURES.items() if (s.input, s.output) == names]

    def function(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return session.run([names[1]], {names[0]: np.asarray(rows, np.float32)})[0]

    return dict.fromkeys(found, in_batches(function, batch if isinstance(batch, int) else None))


def _constants(path: Path) -> list[NDArray]:
    onnx = extras.load("onnx")
    graph = onnx.load(path).graph
    nodes = [a.t for node in graph.node if node.op_type == "Constant" for a in node.attribute if a.HasField("t")]
    return [onnx.numpy_helper.to_array(tensor) for tensor in (*graph.initializer, *nodes)]


def _metadata(path: Path) -> str:
    content, onnx = path.read_bytes(), extras.load("onnx")
    try:
        properties = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    except Exception as error:  # protobuf has an error class of its own
        raise ValueError("not an ONNX file") from error
    if NAME not in properties:
        raise ValueError("an ONNX file without metadata")
    return properties[NAME]


ONNX = ExportFormat(
    "onnx",
    "ONNX files",
    suffix=".onnx",
    packages=("tf2onnx", "onnxruntime"),
    write=_write,
    open=_open,
    constants=_constants,
    metadata=_metadata,
)
