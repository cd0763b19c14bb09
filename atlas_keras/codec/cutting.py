"""Cut the events of a file into blocks of bounded size, and part their jets from their other columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from atlas_keras.codec.blocks import Block
from atlas_keras.data.events import EventBatch
from atlas_keras.density.context import MissingMomentum
from atlas_keras.density.learning import missing_momentum
from atlas_keras.schema import FOUR_MOMENTUM, unit_factor

BLOCK_JETS, BLOCK_EVENTS = 1 << 18, 1 << 17
DERIVED = "mass"  # follows from E and p: it is not stored, and not given back


def other_columns(table: pa.Table) -> pa.Table:
    """Select what is not stored as jets."""
    names = {*FOUR_MOMENTUM.names, DERIVED}
    return table.select([name for name in table.column_names if name not in names])


def cut_blocks(batches: Iterable[EventBatch], unit: str) -> Iterator[tuple[Block, pa.Table]]:
    """Cut batches into blocks of bounded numbers of jets and events, with their other columns."""
    waiting: list[EventBatch] = []
    for batch in batches:
        for part in _slices(batch):
            n_jets = sum(int(b.counts.sum()) for b in waiting) + int(part.counts.sum())
            n_events = sum(b.n_events for b in waiting) + part.n_events
            if waiting and (n_jets > BLOCK_JETS or n_events > BLOCK_EVENTS):
                yield _block(waiting, unit)
                waiting = []
            waiting.append(part)
    if waiting:
        yield _block(waiting, unit)


def _slices(batch: EventBatch) -> Iterator[EventBatch]:
    """Cut a batch where it is larger than a block; a single event may be."""
    jets = np.cumsum(batch.counts)
    start = 0
    while start < batch.n_events:
        before = jets[start - 1] if start else 0
        stop = max(int(np.searchsorted(jets, before + BLOCK_JETS, side="right")), start + 1)
        stop = min(stop, start + BLOCK_EVENTS, batch.n_events)
        table = batch.table.slice(start, stop - start)
        yield EventBatch(table, batch.unit, batch.path, batch.place, batch.numbers[start:stop])
        start = stop


def _block(parts: list[EventBatch], unit: str) -> tuple[Block, pa.Table]:
    missing = [missing_momentum(part) for part in parts]
    factor = unit_factor(unit, "MeV")
    met, phi = (np.concatenate([getattr(m, name) for m in missing]) for name in ("met", "phi"))
    block = Block(
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.jets() for part in parts]),
        MissingMomentum(met * factor, phi),
    )
    return block, pa.concat_tables([other_columns(part.table) for part in parts])
