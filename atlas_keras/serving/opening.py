"""Open an export as functions of arrays, with the library that its users have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError, MissingExtraError, reason_of
from atlas_keras.serving.signatures import SIGNATURES

Function = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def open_export(path: str | Path, threads: int | None = None) -> dict[str, Function]:
    """Open a SavedModel, a `.tflite` or an `.onnx` file.

    Args:
        path: file, or folder of a SavedModel.
        threads: that one call may use; a SavedModel takes those of TensorFlow's configuration instead.

    Returns:
        For each signature of the export a function from an array `(n, n_inputs)` to an array `(n, n_outputs)`, float32.
        Where every call of the export has the same number of rows, rows of zeros fill the last one.

    Raises:
        ExportError: no export.
        MissingExtraError: the library that runs it is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise ExportError(f"{path}: no such file or folder")
    try:
        if path.is_dir():
            return _open_saved_model(path)
        if path.suffix == ".tflite":
            return _open_litert(path, threads)
        if path.suffix == ".onnx":
            return _open_onnx(path, threads)
    except MissingExtraError:
        raise
    except Exception as error:  # each library has errors of its own
        raise ExportError(f"{path}: cannot be opened ({reason_of(error)})") from error
    raise ExportError(f"{path}: no export; give a .tflite or .onnx file, or the folder of a SavedModel")


def _open_saved_model(path: Path) -> dict[str, Function]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))

    def function(name: str) -> Function:
        signature, call = SIGNATURES[name], loaded.signatures[name]
        return lambda rows: call(**{signature.input: tf.constant(rows)})[signature.output].numpy()

    return {name: function(name) for name in SIGNATURES if name in loaded.signatures}


def _open_litert(path: Path, threads: int | None) -> dict[str, Function]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingExtraError("LiteRT", "edge") from error
    interpreter = Interpreter(model_content=path.read_bytes(), num_threads=threads)

    def function(name: str) -> Function:
        signature, call = SIGNATURES[name], interpreter.get_signature_runner(name)
        batch = int(call.get_input_details()[signature.input]["shape_signature"][0])
        function = lambda rows: call(**{signature.input: np.asarray(rows, np.float32)})[signature.output]  # noqa: E731
        return in_batches(function, None if batch < 0 else batch)

    return {name: function(name) for name in SIGNATURES if name in interpreter.get_signature_list()}


def _open_onnx(path: Path, threads: int | None) -> dict[str, Function]:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("ONNX", "onnx") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session: Any = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = session.get_inputs()[0].name, session.get_outputs()[0].name
    batch = session.get_inputs()[0].shape[0]
    found = [name for name, s in SIGNATURES.items() if (s.input, s.output) == names]

    def function(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return session.run([names[1]], {names[0]: np.asarray(rows, np.float32)})[0]

    return dict.fromkeys(found, in_batches(function, batch if isinstance(batch, int) else None))


def in_batches(function: Function, batch: int | None) -> Function:
    """Return a function that takes any number of rows, from one that takes so many; None means any number already."""
    if batch is None:
        return function

    def call(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        n_calls = max(-(-len(rows) // batch), 1)  # one for no rows, too: it tells the width
        padded = np.zeros((n_calls * batch, rows.shape[1]), np.float32)
        padded[: len(rows)] = rows
        results = [function(padded[start : start + batch]) for start in range(0, len(padded), batch)]
        return np.concatenate(results)[: len(rows)]

    return call
