"""Run a model over an array of any length in large batches, with little overhead and bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

BATCH = 65_536


class Predictor:
    """A model made ready for arrays of any length; it is traced once, at the first call.

    `keras.Model.predict` with its batches of 32 takes a hundred times as long on jets.

    Args:
        model: a Keras model with one input and one output.
        batch_size: rows at a time.
    """

    def __init__(self, model: keras.Model, batch_size: int = BATCH) -> None:
        self._apply = _traced(model) if keras.backend.backend() == "tensorflow" else model.predict_on_batch
        self.batch_size = batch_size

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply the model to rows, shape `(n, n_inputs)`; the result has shape `(n, n_outputs)`, float32."""
        rows = np.asarray(rows, np.float32)
        starts = range(0, max(len(rows), 1), self.batch_size)
        return np.concatenate([np.asarray(self._apply(rows[s : s + self.batch_size])) for s in starts])


def _traced(model: keras.Model) -> Callable[[NDArray[np.float32]], Any]:
    """Trace a model once for any number of rows, and take arrays."""
    import tensorflow as tf  # other backends do without

    apply = tf.function(lambda x: model(x), input_signature=[tf.TensorSpec(model.input_shape, tf.float32)])
    return lambda rows: apply(tf.constant(rows)).numpy()


def predict(model: keras.Model, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply a model to rows once; who does so again and again keeps a `Predictor`."""
    return Predictor(model)(rows)
