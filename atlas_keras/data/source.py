"""The jets that a configuration names: all of them in memory, where their events stand, and the files' fingerprint."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.checksum import sha256_of
from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.events import EventBatch, InvalidPolicy
from atlas_keras.data.file_format import ReadOptions
from atlas_keras.data.readers import find_files, no_jets, read_batches
from atlas_keras.data.splitting import SPLITS, JetTable, collect, lots_of_events, split_events
from atlas_keras.errors import TooManyJetsError

log = logging.getLogger(__name__)
ENOUGH = 1 << 20  # jets of a split, to prove or calibrate something


def read_table(
    config: DataConfig, policy: InvalidPolicy, positions: EventPositions | None = None, *, max_bytes: int | None = None
) -> JetTable:
    """Read all jets that the configuration names into memory.

    Args:
        config: paths, units, objects, tree, any_size.
        policy: what happens to bad input; it counts what was dropped.
        positions: is told where the events stand.
        max_bytes: of the jets in memory, 4 for each value; None sets no limit.

    Raises:
        JetDataError: bad input, or files without a jet.
        TooManyJetsError: they take more than `max_bytes`.
    """
    batches = read_configured(config, policy)
    if max_bytes is not None:
        batches = _limited(batches, max_bytes)
    table = collect(positions.watch(batches) if positions else batches)
    if policy.n_events or policy.n_jets:
        word = config.collection.word
        log.warning("dropped %d events and %d %ss that were invalid", policy.n_events, policy.n_jets, word)
    if table.n_jets == 0:
        raise no_jets(config.paths, table.n_events, config.objects, policy, config.collection.title)
    return table


def read_splits(
    config: DataConfig, seed: int, policy: InvalidPolicy, names: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Read splits of the jets that the configuration names, of data that stay on disk the first million jets of each.

    Args:
        config: paths, units, objects, tree, any_size, split and its fractions.
        seed: of the split.
        policy: what happens to bad input.
        names: of the splits.

    Raises:
        JetDataError: bad input, or a split without a jet.
    """
    if config.split == "permutation":
        parts = split_events(read_table(config, policy), config, seed)
        return {name: parts[name].jets for name in names}
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    first = 0
    for batch in read_configured(config, policy):
        table = collect([batch])
        split = lots_of_events(first, table.n_events, config, seed)[table.event]
        for name in names:
            found[name].append(table.jets[split == SPLITS.index(name)])
        first += table.n_events
        if all(sum(map(len, parts)) >= ENOUGH for parts in found.values()):
            break
    return {name: np.concatenate(parts)[:ENOUGH] for name, parts in found.items()}


def _limited(batches: Iterable[EventBatch], max_bytes: int) -> Iterator[EventBatch]:
    """Pass on batches, as many as fit."""
    n_bytes = 0
    for batch in batches:
        n_bytes += 4 * len(batch.collection) * int(batch.counts.sum())
        if n_bytes > max_bytes:
            raise TooManyJetsError(f"{batch.path}: more jets than {max_bytes:,} bytes hold")
        yield batch


def read_configured(
    config: DataConfig,
    policy: InvalidPolicy,
    paths: Iterable[str | Path] | None = None,
    entry_start: int = 0,
    entry_stop: int | None = None,
) -> Iterator[EventBatch]:
    """Read the jets that a configuration names, as `read_events` does.

    Args:
        config: paths, units, objects, tree, any_size.
        policy: what happens to bad input; it counts what was dropped.
        paths: other ones than the configuration has; None means its own.
        entry_start, entry_stop: of each file, as of `read_events`.
    """
    options = replace(options_of(config, policy), entry_start=entry_start, entry_stop=entry_stop)
    return read_batches(config.paths if paths is None else paths, config.unit, options)


def options_of(config: DataConfig, policy: InvalidPolicy) -> ReadOptions:
    """Return what a configuration says of reading files: nothing is read but the columns of the collection."""
    return ReadOptions(
        config.collection,
        config.source_unit,
        policy,
        config.objects,
        tree=config.tree,
        others=False,
        any_size=config.any_size,
    )


def first_events(batches: Iterable[EventBatch], n: int) -> Iterator[EventBatch]:
    """Pass on batches until there are n events; the last one is cut."""
    for batch in batches:
        yield replace(batch, table=batch.table.slice(0, n), numbers=batch.numbers[:n])
        n -= batch.n_events
        if n <= 0:
            return


Digests = Callable[[Sequence[Path]], Iterable[str]]


def digests_here(paths: Sequence[Path]) -> Iterator[str]:
    """Compute the sha256 of files, one after the other in this process."""
    return map(sha256_of, paths)


def fingerprint(paths: Iterable[str | Path] | None, digests: Digests = digests_here) -> dict[str, Any]:
    """Compute `data_files` (name and sha256 of each) and `data_sha256`: of the one file, or of the list of digests.

    Args:
        paths: as of `read_events`.
        digests: computes the sha256 of each file, in their order.
    """
    found = find_files(paths)
    named = zip(found, digests(found), strict=True)
    files = [{"name": path.name, "sha256": digest} for path, digest in named]
    joined = hashlib.sha256("".join(file["sha256"] for file in files).encode()).hexdigest()
    return {"data_files": files, "data_sha256": files[0]["sha256"] if len(files) == 1 else joined}
