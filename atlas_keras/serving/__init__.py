"""Files for other programs: SavedModel, LiteRT and ONNX, each proved equal to the Keras model, and a runtime for edges.

Public names are resolved on first use: `JetEncoder` and `JetDecoder` need numpy and ai-edge-litert alone, and importing
them never imports TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "JetDecoder": "atlas_keras.serving.runtime",
    "JetEncoder": "atlas_keras.serving.runtime",
    "export_autoencoder": "atlas_keras.serving.artifacts",
    "litert_bytes": "atlas_keras.serving.litert",
    "onnx_bytes": "atlas_keras.serving.onnx",
    "open_export": "atlas_keras.serving.opening",
    "quantize": "atlas_keras.serving.quantization",
    "read_metadata": "atlas_keras.serving.opening",
    "write_saved_model": "atlas_keras.serving.saved_model",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'atlas_keras.serving' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
