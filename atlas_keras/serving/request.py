"""What can be asked of an export: formats and quantizations, checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from atlas_keras.errors import ConfigError
from atlas_keras.serving.formats import FORMATS
from atlas_keras.suggestions import suggest

MAX_BATCH = 1 << 16
QUANTIZATIONS = {
    "none": "float32",
    "float16": "weights in half precision",
    "dynamic": "weights in 8 bits, sums in 8 bits with a scale for each jet",
    "weight_only": "weights in 8 bits, sums in float32",
    "int8": "weights and activations in 8 bits, scales from the training split",
    "int16x8": "weights in 8 bits, activations in 16, scales from the training split",
}


def check_request(formats: Sequence[str], quantizations: Sequence[str], batch: int | None = None) -> None:
    """Refuse what there is not.

    Raises:
        ConfigError: an unknown or missing format or quantization, a quantization without LiteRT files, or a batch that
            is no number of jets or has no file to be in.
    """
    _check("format", formats, FORMATS)
    _check("quantization", quantizations, QUANTIZATIONS)
    asked = [name for name in quantizations if name != "none"]
    if asked and not any(FORMATS[name].quantized for name in formats):
        raise ConfigError(f"Quantization {asked[0]!r} is of LiteRT files alone; add tflite to the formats")
    if batch is None:
        return
    if not 1 <= batch <= MAX_BATCH:
        raise ConfigError(f"A batch has 1 to {MAX_BATCH} jets. Received: {batch}")
    if all(FORMATS[name].any_batch for name in formats):
        raise ConfigError("A batch is of LiteRT and ONNX files: add tflite or onnx to the formats")


def _check(kind: str, names: Sequence[str], known: Iterable[str]) -> None:
    known = list(known)
    if not names:
        raise ConfigError(f"Name at least one {kind} of: {', '.join(known)}")
    for name in names:
        if name not in known:
            raise ConfigError(f"Unknown {kind} {name!r}; {suggest(name, known)}")
