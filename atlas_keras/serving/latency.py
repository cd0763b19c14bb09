"""How long one jet takes in a LiteRT encoder, as on a trigger: one thread, one jet at a time."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.serving.litert import litert_bytes
from atlas_keras.serving.speed import prepared_call, seconds_of

ROUNDS, CALLS = 20, 200


def encoder_latency(model: keras.Model, jet: NDArray[np.float32]) -> float:
    """Measure the time of encoding one jet [us], the fastest of 20 rounds of 200 calls.

    The fastest, as other work on the machine only ever adds to the time.

    Args:
        model: an autoencoder of ours; its weights do not matter.
        jet: shape `(1, 4)`.

    Raises:
        MissingExtraError: LiteRT is not installed.
    """
    encode = prepared_call(litert_bytes(model, ["encode"]), jet, threads=1)
    return min(seconds_of(encode, ROUNDS, CALLS)) * 1e6
