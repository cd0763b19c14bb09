"""Files for other programs: SavedModel, LiteRT and ONNX, each proved equal to the Keras model, and a runtime for edges.

Public names are resolved on first use: `JetEncoder` and `JetDecoder` need numpy and ai-edge-litert alone, and importing
them never imports TensorFlow.
"""

from __future__ import annotations

from atlas_keras.public_names import on_first_use

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
__getattr__ = on_first_use(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
