"""Cut the events of a file into blocks of bounded size, and part their jets from their other columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from atlas_keras.codec.blocks import Block
from atlas_keras.codec.entropy_model.fitting import missing_momentum
from atlas_keras.data.events import EventBatch

BLOCK_JETS, BLOCK_EVENTS, BLOCK_BYTES = 1 << 18, 1 << 17, 1 << 28


def other_columns(table: pa.Table, drop: set[str]) -> pa.Table:
    """Select what is not stored as jets."""
    return table.select([name for name in table.column_names if name not in drop])


def cut_blocks(batches: Iterable[EventBatch], unit: str, drop: set[str]) -> Iterator[tuple[Block, pa.Table]]:
    """Cut batches into blocks of bounded numbers of jets and events, with their other columns.

    Args:
        batches: of a file.
        unit: of the file's energies.
        drop: columns that are stored as jets.
    """
    waiting: list[EventBatch] = []
    size = np.zeros(3, np.int64)  # of what waits: jets, events, bytes
    for batch in batches:
        for part in _slices(batch):
            added = np.array([part.counts.sum(), part.n_events, part.table.nbytes])
            if waiting and np.any(size + added > (BLOCK_JETS, BLOCK_EVENTS, BLOCK_BYTES)):
                yield _block(waiting, unit, drop)
                waiting, size = [], np.zeros(3, np.int64)
            waiting.append(part)
            size += added
    if waiting:
        yield _block(waiting, unit, drop)


def _slices(batch: EventBatch) -> Iterator[EventBatch]:
    """Cut a batch where it is larger than a block; a single event may be."""
    jets = np.cumsum(batch.counts)
    bytes_of_event = batch.table.nbytes / max(batch.n_events, 1)
    most_events = max(int(min(BLOCK_EVENTS, BLOCK_BYTES / max(bytes_of_event, 1))), 1)
    start = 0
    while start < batch.n_events:
        before = jets[start - 1] if start else 0
        stop = max(int(np.searchsorted(jets, before + BLOCK_JETS, side="right")), start + 1)
        stop = min(stop, start + most_events, batch.n_events)
        yield replace(batch, table=batch.table.slice(start, stop - start), numbers=batch.numbers[start:stop])
        start = stop


def _block(parts: list[EventBatch], unit: str, drop: set[str]) -> tuple[Block, pa.Table]:
    others = pa.concat_tables([other_columns(part.table, drop) for part in parts])
    block = Block(
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.jets() for part in parts]),
        missing_momentum(pa.concat_tables([part.table for part in parts]), unit),
    )
    return block, others
