"""The jets that a configuration names: all of them in memory, where their events stand, and the files' fingerprint."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlas_keras.checksum import sha256_of
from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.events import EventBatch, InvalidPolicy
from atlas_keras.data.readers import find_files, no_jets, read_events
from atlas_keras.data.splitting import JetTable, collect

log = logging.getLogger(__name__)


def read_table(
    config: DataConfig, policy: InvalidPolicy, positions: EventPositions | None = None, max_events: int | None = None
) -> JetTable:
    """Read all jets that the configuration names into memory.

    Args:
        config: paths, units, objects, tree, any_size.
        policy: what happens to bad input; it counts what was dropped.
        positions: is told where the events stand.
        max_events: read no more than the first so many.

    Raises:
        JetDataError: bad input, or files without a jet.
    """
    batches = read_events(
        config.paths,
        collection=config.collection,
        unit=config.unit,
        source_unit=config.source_unit,
        objects=config.objects,
        policy=policy,
        tree=config.tree,
        others=False,
        any_size=config.any_size,
    )
    if max_events is not None:
        batches = first_events(batches, max_events)
    table = collect(positions.watch(batches) if positions else batches)
    if policy.n_events or policy.n_jets:
        word = config.collection.word
        log.warning("dropped %d events and %d %ss that were invalid", policy.n_events, policy.n_jets, word)
    if table.n_jets == 0:
        raise no_jets(config.paths, table.n_events, config.objects, policy, config.collection.title)
    return table


def first_events(batches: Iterable[EventBatch], n: int) -> Iterator[EventBatch]:
    """Pass on batches until there are n events; the last one is cut."""
    for batch in batches:
        yield replace(batch, table=batch.table.slice(0, n), numbers=batch.numbers[:n])
        n -= batch.n_events
        if n <= 0:
            return


def fingerprint(paths: Iterable[str | Path] | None) -> dict[str, Any]:
    """Compute `data_files` (name and sha256 of each) and `data_sha256`: of the one file, or of the list of digests."""
    files = [{"name": path.name, "sha256": sha256_of(path)} for path in find_files(paths)]
    joined = hashlib.sha256("".join(file["sha256"] for file in files).encode()).hexdigest()
    return {"data_files": files, "data_sha256": files[0]["sha256"] if len(files) == 1 else joined}
