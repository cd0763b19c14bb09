"""LiteRT (TFLite) files, for edge devices and triggers: built-in operations only.

A LiteRT file has room for named buffers of any content beside the model: ours is called `atlas_keras` and holds JSON.
Reading needs neither TensorFlow nor Keras.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.errors import reason_of
from atlas_keras.serving.export_format import Export, ExportFormat, Function, Source, in_batches
from atlas_keras.serving.metadata import NAME
from atlas_keras.serving.signatures import SIGNATURES

if TYPE_CHECKING:
    import keras

FILES = {"encoder": ("encode",), "decoder": ("decode",), "autoencoder": ("encode", "decode")}
ALIGNMENT = 16  # of weights in a file: whole vectors of the processor


def litert_bytes(model: keras.Model, signatures: Sequence[str], batch: int | None = None) -> bytes:
    """Convert an autoencoder to one LiteRT file, float32.

    Args:
        model: an autoencoder of ours.
        signatures: of `encode`, `decode` and `reconstruct`; the file has them under these names.
        batch: how many jets every call has; None means any number.
    """
    from atlas_keras.serving.saved_model import write_saved_model

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
    import tensorflow as tf  # takes seconds: reading does without

    converter = tf.lite.TFLiteConverter.from_saved_model(str(path), signature_keys=list(signatures))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


def add_to_litert(content: bytes, metadata: str) -> bytes:
    """Return a LiteRT file with the metadata inside.

    Args:
        content: of the file.
        metadata: a JSON object, whose `description` becomes that of the file.
    """
    import flatbuffers

    schema = litert_schema()

    class Builder(flatbuffers.Builder):
        def StartVector(self, size: int, n: int, alignment: int) -> Any:  # noqa: N802
            return super().StartVector(size, n, max(alignment, ALIGNMENT))

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(metadata.encode(), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    model.description = json.loads(metadata).get("description", NAME)
    builder = Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def metadata_of(content: bytes) -> bytes:
    """Find the metadata in the content of a LiteRT file.

    Raises:
        ValueError: no LiteRT file, or one without metadata of ours.
    """
    if content[4:8] != b"TFL3":
        raise ValueError("not a LiteRT file")
    schema, found = litert_schema(), None
    try:
        model = schema.Model.GetRootAs(content, 0)
        for entry in map(model.Metadata, range(model.MetadataLength())):
            if entry.Name() == NAME.encode():
                found = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    except Exception as error:  # offsets of a damaged file lead anywhere
        raise ValueError(f"a damaged LiteRT file: {reason_of(error)}") from error
    if found is None:
        raise ValueError("a LiteRT file without metadata")
    return found


def litert_schema() -> Any:
    """Import the module that knows the layout of LiteRT files.

    Raises:
        MissingExtraError: ai-edge-litert is not installed.
    """
    return extras.load("ai_edge_litert.schema_py_generated")


def _write(source: Source) -> Iterator[Export]:
    from atlas_keras.serving.quantization import quantize  # of an extra

    for part, signatures in FILES.items():
        exact = convert_saved_model(source.saved_model(source.batch), signatures)
        any_batch = None if source.batch is None else convert_saved_model(source.saved_model(None), signatures)
        inputs = {name: source.calibration[name] for name in signatures}
        for quantization in source.quantizations:
            content = quantize(exact, quantization, inputs, any_batch)
            name = f"{part}.tflite" if quantization == "none" else f"{part}.{quantization}.tflite"
            (source.folder / name).write_bytes(add_to_litert(content, source.metadata(quantization, source.batch)))
            yield Export(name, "tflite", quantization, signatures, source.batch)


def _open(path: Path, threads: int | None) -> dict[str, Function]:
    interpreter = extras.load("ai_edge_litert.interpreter").Interpreter(
        model_content=path.read_bytes(), num_threads=threads
    )

    def function(name: str) -> Function:
        signature, call = SIGNATURES[name], interpreter.get_signature_runner(name)
        batch = int(call.get_input_details()[signature.input]["shape_signature"][0])
        function = lambda rows: call(**{signature.input: np.asarray(rows, np.float32)})[signature.output]  # noqa: E731
        return in_batches(function, None if batch < 0 else batch)

    return {name: function(name) for name in SIGNATURES if name in interpreter.get_signature_list()}


def _constants(path: Path) -> list[NDArray]:
    schema = litert_schema()
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    tensors = [t for graph in model.subgraphs for t in graph.tensors if t.type == schema.TensorType.FLOAT32]
    buffers = [model.buffers[t.buffer].data for t in tensors]
    return [np.asarray(data, np.uint8).view("<f4") for data in buffers if data is not None]


LITERT = ExportFormat(
    "tflite",
    "LiteRT files",
    suffix=".tflite",
    packages=("ai_edge_litert",),
    quantized=True,
    write=_write,
    open=_open,
    constants=_constants,
    metadata=lambda path: metadata_of(path.read_bytes()),
)
