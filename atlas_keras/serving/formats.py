"""All formats of exports, by name. Importing them imports no TensorFlow: the commands list them in their help."""

from __future__ import annotations

from pathlib import Path

from atlas_keras.serving.export_format import ExportFormat
from atlas_keras.serving.litert import LITERT
from atlas_keras.serving.onnx import ONNX
from atlas_keras.serving.saved_model import SAVED_MODEL

MARKER = "manifest.json"  # by which a folder of exports is known
FORMATS: dict[str, ExportFormat] = {form.name: form for form in (SAVED_MODEL, LITERT, ONNX)}


def format_of(path: Path) -> ExportFormat | None:
    """Find the format of an export by its ending; None where there is no such format."""
    suffix = "" if path.is_dir() else path.suffix
    return next((form for form in FORMATS.values() if form.suffix == suffix and (suffix or path.is_dir())), None)
