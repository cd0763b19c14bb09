"""tf.data pipelines of jets: shuffled, batched, prefetched, with static shapes.

The order of an epoch follows from seed and epoch alone, so that a resumed run sees the batches that it would have seen.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from atlas_keras.data.streamed_rows import StreamedRows

Rows = NDArray[np.float32] | StreamedRows


def make_dataset(
    rows: Rows, batch_size: int, *, seed: int, first_epoch: int = 0, steps: int | None = None
) -> tf.data.Dataset:
    """Make an endless dataset of training batches, each epoch in its own random order.

    Rows in memory are one tensor, and an epoch is one gather. What does not fill a batch is left out of an epoch, other
    rows each time, so that all batches have the same static shape (XLA compiles once).

    Args:
        rows: shape `(n, n_columns)`, or rows on disk.
        batch_size: at most n.
        seed: with the epoch's number it fixes the order of the epoch.
        first_epoch: where to start.
        steps: batches of an epoch; None takes as many as there are rows for.

    Returns:
        Batches (x, x) of shape `(batch_size, n_columns)`, float32.

    Raises:
        ValueError: a batch larger than the data.
    """
    n = len(rows)
    steps = steps or n // batch_size
    if steps == 0:
        raise ValueError(f"A batch of {batch_size} is larger than the data. Received: {n} rows")
    if isinstance(rows, StreamedRows):
        return rows.batches(batch_size, steps, seed=seed, first_epoch=first_epoch)
    n_columns = rows.shape[1]
    tensor = tf.constant(rows, tf.float32)

    def batches_of(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(n), seed=tf.stack([np.int64(seed), epoch]))
        shuffled = tf.gather(tensor, order[: steps * batch_size])
        return tf.data.Dataset.from_tensor_slices(tf.reshape(shuffled, (steps, batch_size, n_columns)))

    epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
    return epochs.flat_map(batches_of).map(lambda x: (x, x)).prefetch(tf.data.AUTOTUNE)


def whole_dataset(rows: Rows) -> tf.data.Dataset:
    """Make a dataset of all rows (x, x), in order: one batch of rows in memory, several of rows on disk."""
    return rows.in_order() if isinstance(rows, StreamedRows) else tf.data.Dataset.from_tensors((rows, rows))
