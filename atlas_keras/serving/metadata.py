"""What an export tells about itself: units, order of columns, preset and fingerprint, inside the file.

A LiteRT file has room for named buffers of any content beside the model: ours is called `atlas_keras` and holds JSON.
An ONNX file holds the same JSON among its `metadata_props`, a SavedModel in `assets.extra/atlas_keras.json`. Reading
needs neither TensorFlow nor Keras.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from atlas_keras.errors import ExportError, MissingExtraError, reason_of
from atlas_keras.json_files import parse_json

NAME = "atlas_keras"
ASSET = Path("assets.extra") / f"{NAME}.json"
SAID = {"columns": list, "fingerprint": str, "n_latent": int, "preset": str, "quantization": str, "unit": str}
ALIGNMENT = 16  # of weights in a LiteRT file: whole vectors of the processor


def add_to_litert(content: bytes, metadata: dict[str, Any]) -> bytes:
    """Return a LiteRT file with the metadata inside.

    Args:
        content: of the file.
        metadata: anything that JSON can hold; its `description` becomes that of the file.
    """
    import flatbuffers

    schema = litert_schema()

    class Builder(flatbuffers.Builder):
        def StartVector(self, size: int, n: int, alignment: int) -> Any:  # noqa: N802
            return super().StartVector(size, n, max(alignment, ALIGNMENT))

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(json.dumps(metadata, sort_keys=True).encode(), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    model.description = metadata.get("description", NAME)
    builder = Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of an export: a `.tflite` or `.onnx` file, or the folder of a SavedModel.

    Raises:
        ExportError: a file that cannot be read, or that is no export of ours.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _parse((path / ASSET).read_bytes())
        content = path.read_bytes()
        return read_from_onnx(content) if path.suffix == ".onnx" else read_from_litert(content)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ExportError(f"{path}: no export of atlas_keras ({reason_of(error)})") from error


def read_from_litert(content: bytes) -> dict[str, Any]:
    """Read the metadata of a LiteRT file.

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
    return _parse(found)


def read_from_onnx(content: bytes) -> dict[str, Any]:
    """Read the metadata of an ONNX file.

    Raises:
        ValueError: no ONNX file, or one without metadata of ours.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("ONNX", "onnx") from error
    try:
        properties = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    except Exception as error:  # protobuf has an error class of its own
        raise ValueError("not an ONNX file") from error
    if NAME not in properties:
        raise ValueError("an ONNX file without metadata")
    return _parse(properties[NAME])


def _parse(text: str | bytes) -> dict[str, Any]:
    values = parse_json(text)
    if not isinstance(values, dict):
        raise ValueError("its metadata is no JSON object")
    for key, kind in SAID.items():
        if type(values.get(key)) is not kind:
            raise ValueError(f"its metadata has no {key}")
    if not all(isinstance(name, str) for name in values["columns"]):
        raise ValueError("its metadata has no names of columns")
    return values


def litert_schema() -> Any:
    """Import the module that knows the layout of LiteRT files.

    Raises:
        MissingExtraError: ai-edge-litert is not installed.
    """
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise MissingExtraError("LiteRT", "edge") from error
    return schema_py_generated
