"""The constants that stand in an export, to see that the model's weights are among them, bit for bit.

Numbers that come out within rounding do not prove that all weights went in: a small network beside a linear map may
lose one in the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from atlas_keras.errors import ExportError
from atlas_keras.serving.formats import format_of
from atlas_keras.serving.signatures import SIGNATURES


def check_weights(path: Path, model: keras.Model, signatures: Sequence[str]) -> None:
    """Refuse a float32 export that lacks a weight of the model.

    Args:
        path: a `.tflite` or `.onnx` file, or the folder of a SavedModel.
        model: the autoencoder that it was made from.
        signatures: that the export has; they tell which part of the model is in it.

    Raises:
        ExportError: names the layer whose weights are not in the file.
    """
    form = format_of(path)
    assert form is not None
    arrays = [array.ravel() for array in form.constants(path) if array.dtype == np.float32]
    constants = np.concatenate([np.zeros(1, np.float32), *arrays]).view(np.int32)
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
