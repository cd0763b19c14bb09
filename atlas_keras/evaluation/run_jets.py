"""The jets that a run is evaluated on: those of any files, chunk by chunk, or the test split of its own data."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.entry_ranges import EntryRange
from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.events import EventBatch, InvalidPolicy
from atlas_keras.data.readers import PathLike, find_files
from atlas_keras.data.source import (
    Digests,
    digests_here,
    fingerprint,
    first_events,
    read_configured,
    read_table,
)
from atlas_keras.data.splitting import SPLITS, collect, lots_of_events, split_events
from atlas_keras.errors import NoEventsError, RunError
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.run import Run

CHUNK_JETS = 1 << 18  # that are counted at once, at least where there are more


@dataclass(frozen=True)
class TestJets:
    """What a run is evaluated on.

    Args:
        config: how files are read.
        paths: the files.
        files: `data_files` and `data_sha256`.
        max_events: read no more than the first so many; None means all.
        is_test_split: of the run itself; else all jets of the files.
    """

    config: DataConfig
    paths: tuple[Path, ...]
    files: dict[str, Any]
    max_events: int | None
    is_test_split: bool


def find_test_jets(
    run: Run,
    paths: PathLike | Sequence[PathLike] | None = None,
    *,
    source_unit: str | None = None,
    tree: str | None = None,
    objects: Sequence[str] | None = None,
    invalid: Literal["error", "drop"] | None = None,
    max_events: int | None = None,
    any_size: bool = False,
    digests: Digests = digests_here,
) -> TestJets:
    """Find the jets for a run, which are read in the unit of its model.

    Args:
        run: whose model will see them.
        paths: files, folders, patterns or URLs; None is the run's own data, of which the test split is taken.
        source_unit: unit of files that do not state theirs.
        tree: name of the tree in ROOT files; None takes the only one that holds jets.
        objects: ids that count as jets; None means those of the run.
        invalid: `error` or `drop`; None means as in the run.
        max_events: read no more than the first so many; None means all.
        any_size: read files whatever they unfold to in memory; the run's own data as the run was told.
        digests: computes the checksums of the files.

    Raises:
        JetDataError: no such files.
        RunError: the run's own data is no longer what it was trained on.
    """
    own = run.config.data
    config, given = own, paths is not None
    if given:
        config = replace(own, source_unit=source_unit, tree=tree, any_size=any_size)
    found = tuple(find_files(paths if given else own.paths))
    files = fingerprint(found, digests)
    config = replace(config, objects=tuple(objects or own.objects), invalid=invalid or own.invalid)
    if not given and files["data_sha256"] != run.record.data_sha256:
        names = [file["name"] for file in files["data_files"]]
        name = names[0] + (f" and {len(names) - 1} other files" if names[1:] else "")
        raise RunError(f"{run.path}: its data ({name}) has changed since the training; name files with --data")
    return TestJets(config, found, files, max_events if given else None, not given)


def read_test_split(run: Run, jets: TestJets, policy: InvalidPolicy) -> Iterator[Chunk]:
    """Read the test split of a run's own data, all at once or, of data on disk, chunk by chunk.

    Args:
        run: that has split them.
        jets: of `find_test_jets`.
        policy: what happens to bad input; it counts what was dropped.

    Raises:
        JetDataError: bad input, or no jets.
    """
    own, seed = run.config.data, run.config.training.seed
    if own.split == "permutation":
        positions = EventPositions()
        table = split_events(read_table(jets.config, policy, positions), own, seed)["test"]
        yield Chunk(table.jets, table.collection, table.event, table.n_events, positions)
        return
    for chunk in _chunks(read_configured(jets.config, policy), 0):
        is_test = lots_of_events(chunk.first, chunk.n_events, own, seed) == SPLITS.index("test")
        chosen = is_test[chunk.event - chunk.first]
        n_events = int(is_test.sum())
        yield replace(chunk, jets=chunk.jets[chosen], event=chunk.event[chosen], n_events=n_events)


def read_chunks(
    config: DataConfig, entries: EntryRange, part: int, policy: InvalidPolicy, max_events: int | None = None
) -> Iterator[Chunk]:
    """Read the jets of a file, or of a range of it; one without events is one chunk without any.

    Args:
        config: how files are read.
        entries: of the file.
        part: its number among all ranges of all files.
        policy: what happens to bad input; it counts what was dropped.
        max_events: read no more than the first so many; None means all.

    Raises:
        JetDataError: bad input.
    """
    batches = read_configured(config, policy, [entries.path], entries.start, entries.stop)
    if max_events is not None:
        batches = first_events(batches, max_events)
    try:
        yield from _chunks(batches, part)
    except NoEventsError:
        none = np.zeros((0, len(config.collection)), np.float32)
        yield Chunk(none, config.collection, np.zeros(0, np.int64), 0, EventPositions(), 0, part)


def _chunks(batches: Iterable[EventBatch], part: int) -> Iterator[Chunk]:
    """Make chunks of many jets."""
    first = 0
    for some in _gathered(batches):
        positions = EventPositions()
        table = collect(positions.watch(iter(some)))
        yield Chunk(table.jets, table.collection, first + table.event, table.n_events, positions, first, part)
        first += table.n_events


def _gathered(batches: Iterable[EventBatch]) -> Iterator[list[EventBatch]]:
    """Gather batches to lists of many jets, and cut those that have far more."""
    found: list[EventBatch] = []
    n_jets = 0
    for batch in batches:
        before = np.concatenate([[0], np.cumsum(batch.counts)])
        cuts = np.searchsorted(before, np.arange(CHUNK_JETS, before[-1], CHUNK_JETS))
        for start, stop in itertools.pairwise(sorted({0, *cuts.tolist(), batch.n_events})):
            piece = batch.table.slice(start, stop - start)
            found.append(replace(batch, table=piece, numbers=batch.numbers[start:stop]))
            n_jets += int(before[stop] - before[start])
            if n_jets >= CHUNK_JETS:
                yield found
                found, n_jets = [], 0
    if found:
        yield found
