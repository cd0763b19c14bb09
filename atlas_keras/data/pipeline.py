"""tf.data pipelines of jets: shuffled, batched, prefetched, with static shapes.

The order of an epoch follows from seed and epoch alone, so that a resumed run sees the batches that it would have seen.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def make_dataset(rows: NDArray[np.float32], batch_size: int, *, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
    """Make an endless dataset of training batches, each epoch in its own random order.

    The rows are one tensor in memory; an epoch is one gather. What does not fill a batch is left out of an epoch, other
    rows each time, so that all batches have the same static shape (XLA compiles once).

    Args:
        rows: shape `(n, n_columns)`.
        batch_size: at most n.
        seed: with the epoch's number it fixes the order of the epoch.
        first_epoch: where to start.

    Returns:
        Batches (x, x) of shape `(batch_size, n_columns)`, float32.

    Raises:
        ValueError: a batch larger than the data.
    """
    n, n_columns = rows.shape
    steps = n // batch_size
    if steps == 0:
        raise ValueError(f"A batch of {batch_size} is larger than the data. Received: {n} rows")
    tensor = tf.constant(rows, tf.float32)

    def batches_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=tf.stack([np.int64(seed), epoch]))
        shuffled = tf.gather(tensor, order[: steps * batch_size])
        return tf.data.Dataset.from_tensor_slices(tf.reshape(shuffled, (steps, batch_size, n_columns)))

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    return epochs.flat_map(batches_of).map(lambda x: (x, x)).prefetch(tf.data.AUTOTUNE)
