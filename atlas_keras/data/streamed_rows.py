"""Rows that stay on disk: blocks of them are taken in random order, some at a time, and shuffled together.

The order of an epoch follows from seed and epoch alone, as that of rows in memory does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

BLOCK = 1 << 12  # rows that lie together on disk
SHARD_BLOCKS = 64  # that are in memory together, from all over the file
WHOLE_BATCH = 1 << 16  # rows at a time where the order does not matter


@dataclass(frozen=True)
class StreamedRows:
    """Normalized rows of a file that is mapped into memory.

    Args:
        stored: rows as they are on disk, shape `(n, n_columns)`, float32.
        normalize: what makes the rows of them that a model is trained on.
    """

    stored: NDArray[np.float32]
    normalize: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.stored)

    def batches(self, batch_size: int, steps: int, *, seed: int, first_epoch: int = 0) -> tf.data.Dataset:
        """Make an endless dataset of training batches (x, x), as `make_dataset` does.

        Args:
            batch_size, seed, first_epoch: as of `make_dataset`.
            steps: batches of an epoch.
        """
        n_columns = self.normalize(self.stored[:1]).shape[1]
        shards = tf.TensorSpec((None, batch_size, n_columns), tf.float32)

        def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            return tf.data.Dataset.from_generator(
                lambda number: self._shards(int(number), batch_size, seed), args=(epoch,), output_signature=shards
            ).flat_map(tf.data.Dataset.from_tensor_slices).take(steps)  # fmt: skip

        epochs = tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max)
        return epochs.flat_map(of_epoch).map(lambda x: (x, x)).prefetch(tf.data.AUTOTUNE)

    def _shards(self, epoch: int, batch_size: int, seed: int) -> Iterator[NDArray[np.float32]]:
        """Yield batches of an epoch, many at a time; rows that fill none wait for the next ones."""
        rng = np.random.default_rng((seed, epoch))
        blocks = rng.permutation(-(-len(self) // BLOCK))
        waiting: list[NDArray[np.float32]] = []
        for start in range(0, len(blocks), SHARD_BLOCKS):
            chosen = np.sort(blocks[start : start + SHARD_BLOCKS])
            rows = np.concatenate([self.stored[b * BLOCK : (b + 1) * BLOCK] for b in chosen])
            rows = np.concatenate([*waiting, self.normalize(rng.permutation(rows))])
            n = len(rows) // batch_size * batch_size
            waiting = [rows[n:]]
            yield rows[:n].reshape(-1, batch_size, rows.shape[1])

    def in_order(self) -> tf.data.Dataset:
        """Make a dataset of all rows (x, x), once, in large batches."""
        n_columns = self.normalize(self.stored[:1]).shape[1]
        starts = range(0, len(self), WHOLE_BATCH)
        parts = tf.data.Dataset.from_generator(
            lambda: (self.normalize(self.stored[start : start + WHOLE_BATCH]) for start in starts),
            output_signature=tf.TensorSpec((None, n_columns), tf.float32),
        )
        counted = parts.apply(tf.data.experimental.assert_cardinality(len(starts)))
        return counted.map(lambda x: (x, x)).prefetch(1)
