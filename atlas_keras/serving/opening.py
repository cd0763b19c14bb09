"""Open an export as functions of arrays, with the library that its users have, and read what it tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlas_keras.errors import ExportError, MissingExtraError, reason_of
from atlas_keras.serving.export_format import Function
from atlas_keras.serving.formats import FORMATS, format_of
from atlas_keras.serving.metadata import parse


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
    form = format_of(path)
    if not path.exists():
        raise ExportError(f"{path}: no such file or folder")
    if form is None:
        known = " or ".join(form.suffix for form in FORMATS.values() if form.suffix)
        raise ExportError(f"{path}: no export; give a {known} file, or the folder of a SavedModel")
    try:
        return form.open(path, threads)
    except MissingExtraError:
        raise
    except Exception as error:  # each library has errors of its own
        raise ExportError(f"{path}: cannot be opened ({reason_of(error)})") from error


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of an export: a `.tflite` or `.onnx` file, or the folder of a SavedModel.

    Raises:
        ExportError: a file that cannot be read, or that is no export of ours.
    """
    path = Path(path)
    form = format_of(path) or FORMATS["tflite"]
    try:
        return parse(form.metadata(path))
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise ExportError(f"{path}: no export of atlas_keras ({reason_of(error)})") from error
