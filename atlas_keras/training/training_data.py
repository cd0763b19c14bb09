"""What a training and its evaluation are given of the data: jets in memory, or jets of any number on disk."""

from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.config import RunConfig
from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.pipeline import Rows
from atlas_keras.data.row_cache import COUNTERS, RowCache, open_cache
from atlas_keras.data.source import read_table
from atlas_keras.data.splitting import LOTS_RULE, RULE, split_events
from atlas_keras.data.streamed_rows import StreamedRows
from atlas_keras.distributed.row_parts import reading_on
from atlas_keras.errors import TooManyJetsError
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.principal_components import PrincipalComponents
from atlas_keras.evaluation.reference import Reference
from atlas_keras.models.prediction import Predictor, predict
from atlas_keras.models.training_rows import TrainingRows, parts_of

log = logging.getLogger(__name__)
MAX_IN_MEMORY = 1 << 26  # bytes of jets, 16 of a four-momentum; a training takes some thirty times as much
PART = 1 << 18  # rows on disk that are looked at together
STATISTICS_PART = 1 << 16  # and of which statistics are added up, with some copies in float64


class TrainingData(ABC):
    """The jets of a configuration, split by event.

    Args:
        n_jets, n_events: of each split.
        n_dropped: invalid events and jets that were left out.
        split: how events are split, as of `DataConfig`.
        rule: how the split is reproduced.
        train: the training split, as models are adapted to it.
    """

    n_jets: dict[str, int]
    n_events: dict[str, int]
    n_dropped: dict[str, int]
    split: Literal["permutation", "lots"]
    rule: str
    train: TrainingRows

    @abstractmethod
    def rows(self, split: str, normalize: keras.Model) -> Rows:
        """Return the normalized rows of a split."""

    @abstractmethod
    def reference(self, unit: str, principal: PrincipalComponents | None) -> Reference:
        """Describe the training split in numbers."""

    @abstractmethod
    def test_chunks(self) -> Iterator[Chunk]:
        """Return the jets of the test split."""


class DataInMemory(TrainingData):
    """Jets in memory."""

    split: Literal["permutation", "lots"] = "permutation"
    rule = RULE

    def __init__(self, config: RunConfig, policy: InvalidPolicy) -> None:
        self.positions = EventPositions()
        self.table = read_table(config.data, policy, self.positions, max_bytes=MAX_IN_MEMORY)
        self.parts = split_events(self.table, config.data, config.training.seed)
        self.n_jets = {name: part.n_jets for name, part in self.parts.items()}
        self.n_events = {name: part.n_events for name, part in self.parts.items()}
        self.n_dropped = {"events": policy.n_events, "jets": policy.n_jets}
        self.train = TrainingRows.of(self.parts["train"].jets)

    def rows(self, split: str, normalize: keras.Model) -> Rows:
        """Return the normalized rows of a split."""
        return predict(normalize, self.parts[split].jets)

    def reference(self, unit: str, principal: PrincipalComponents | None) -> Reference:
        """Describe the training split in numbers."""
        train = self.train.stored
        return Reference.of([train], train, self.table.jets, self.table.collection, unit, principal)

    def test_chunks(self) -> Iterator[Chunk]:
        """Return the jets of the test split, all at once."""
        test = self.parts["test"]
        yield Chunk(test.jets, test.collection, test.event, test.n_events, self.positions)


class DataOnDisk(TrainingData):
    """Jets in a cache."""

    split: Literal["permutation", "lots"] = "lots"
    rule = LOTS_RULE

    def __init__(self, cache: RowCache) -> None:
        self.cache, self.n_dropped = cache, cache.n_dropped
        self.n_jets, self.n_events = cache.n_jets, cache.n_events
        self.train = TrainingRows(cache.drawn, cache.rows("train"), STATISTICS_PART)

    def rows(self, split: str, normalize: keras.Model) -> Rows:
        """Return the normalized rows of a split, on disk."""
        return StreamedRows(self.cache.rows(split), Predictor(normalize))

    def reference(self, unit: str, principal: PrincipalComponents | None) -> Reference:
        """Describe the training split in numbers."""
        parts = (part for name in self.n_jets for part in parts_of(self.cache.rows(name), PART))
        ends = [end for part in parts for end in (part.min(axis=0), part.max(axis=0))]
        train = parts_of(self.train.stored, PART)
        return Reference.of(train, self.train.drawn, np.array(ends), self.cache.collection, unit, principal)

    def test_chunks(self) -> Iterator[Chunk]:
        """Return the jets of the test split, some whole events at a time."""
        yield from cached_chunks(self.cache)


def cached_chunks(cache: RowCache) -> Iterator[Chunk]:
    """Return the jets of the test split of a cache, some whole events at a time."""
    rows, places, left = cache.rows("test"), cache.places, cache.n_events["test"]
    start = 0
    while start < len(rows):
        stop = min(start + PART, len(rows))
        while stop < len(rows) and places["event"][stop] == places["event"][stop - 1]:
            stop += 1
        some = np.asarray(places[start:stop])
        # Events without jets have no place: the last chunk counts them.
        n_events = left if stop == len(rows) else len(np.unique(some["event"]))
        left -= n_events
        yield Chunk(
            np.asarray(rows[start:stop]), cache.collection, some["event"], n_events, CachedPositions(cache, some)
        )
        start = stop


class CachedPositions(EventPositions):
    """Where events of a cache stand in their files.

    Args:
        cache: of the events.
        places: of their jets, in order.
    """

    def __init__(self, cache: RowCache, places: NDArray) -> None:
        super().__init__()
        self.cache, self.places = cache, places

    def describe(self, event: int) -> dict[str, str]:
        """Say where an event stands; what identifies it in its file is not in the cache."""
        place = self.places[np.searchsorted(self.places["event"], event)]
        position = f"{COUNTERS[place['counter']]} {place['number']}"
        return {"file": self.cache.files[place["file"]], "position": position, "id": ""}


def read_training_data(config: RunConfig, files: dict[str, Any], cache: Path, scheduler: str) -> TrainingData:
    """Read the jets of a configuration into memory, or of more than 64 MiB, or where it says so, to disk.

    Args:
        config: of the training.
        files: `data_files` and `data_sha256`.
        cache: folder for jets that stay on disk.
        scheduler: what reads them, as of `scheduling.workers`.

    Raises:
        JetDataError: bad input, or a split without jets.
    """
    data = config.data
    if data.split == "permutation":
        with contextlib.suppress(TooManyJetsError):
            return DataInMemory(config, InvalidPolicy(data.invalid))  # type: ignore[arg-type]
        log.info("more than %d MiB of jets: they stay on disk, in %s", MAX_IN_MEMORY >> 20, cache)
        data = replace(data, split="lots")
    policy = InvalidPolicy(data.invalid)  # type: ignore[arg-type]
    return DataOnDisk(open_cache(cache, data, config.training.seed, files, policy, reading_on(scheduler)))
