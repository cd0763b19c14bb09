"""The events of a split one by one, as builders of TFDS yield them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.splitting import SPLITS, JetTable, split_of_events


def split_examples(table: JetTable, split: str, seed: int = 0) -> Iterator[tuple[int, dict]]:
    """Yield the events of a split: number of the event, and its example.

    Args:
        table: of all events.
        split: `train`, `validation` or `test`, as `atlas_keras.train` splits with its usual fractions.
        seed: of the split.

    Yields:
        The number and `{"event": number, name of the collection: {column: values}}`.
    """
    ends = np.cumsum(np.bincount(table.event, minlength=table.n_events))
    for event in np.flatnonzero(split_of_events(table.n_events, DataConfig(), seed) == SPLITS.index(split)):
        start = ends[event - 1] if event else 0
        columns = dict(zip(table.collection.names, table.jets[start : ends[event]].T, strict=True))
        yield int(event), {"event": int(event), table.collection.name: columns}
