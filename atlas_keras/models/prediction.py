"""Run a model over an array of any length in large batches, with little overhead and bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

BATCH = 65_536


def predict(model: Callable[[Any], Any], rows: NDArray[np.float32], batch_size: int = BATCH) -> NDArray[np.float32]:
    """Apply a model to rows.

    `keras.Model.predict` with its batches of 32 takes a hundred times as long on jets.

    Args:
        model: a Keras model with one input and one output.
        rows: shape `(n, n_inputs)`.
        batch_size: rows at a time.

    Returns:
        Shape `(n, n_outputs)`, float32.
    """
    rows = np.asarray(rows, np.float32)
    apply = tf.function(lambda x: model(x), input_signature=[tf.TensorSpec((None, rows.shape[1]), tf.float32)])
    starts = range(0, max(len(rows), 1), batch_size)
    return np.concatenate([apply(tf.constant(rows[start : start + batch_size])).numpy() for start in starts])
