"""Split events, never jets, into training, validation and test: a jet's neighbors in its event stay with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.events import EventBatch
from atlas_keras.data.lots import draw_lots
from atlas_keras.errors import JetDataError
from atlas_keras.schema import Collection

SPLITS = ("train", "validation", "test")
LOTS_RULE = (
    "splitmix64 of the number of the event + splitmix64(seed), / 2^64: below test_fraction it is test, below "
    "test_fraction + validation_fraction validation, else train"
)
RULE = "numpy.random.default_rng(seed).permutation(n_events): the first ones are train, then validation, then test"


@dataclass(frozen=True)
class JetTable:
    """Jets in memory, with the events that they belong to.

    Args:
        jets: shape `(n_jets, n_columns)`, float32.
        event: shape `(n_jets,)`, which event of the files, from 0, ascending.
        n_events: number of events, those without jets included.
        collection: what the columns are.
    """

    jets: NDArray[np.float32]
    event: NDArray[np.int64]
    n_events: int
    collection: Collection

    @property
    def n_jets(self) -> int:
        """Number of jets."""
        return len(self.jets)


def collect(batches: Iterable[EventBatch]) -> JetTable:
    """Gather the jets of all batches in memory (4 bytes for each column of a jet, and 8 for its event).

    Args:
        batches: of one collection, as `read_events` gives them, at least one.

    Raises:
        JetDataError: a number that is none of float32, in which models compute.
    """
    jets, events, n_events = [], [], 0
    for batch in batches:
        event = np.repeat(np.arange(batch.n_events), batch.counts)
        jets.append(_in_float32(batch, event))
        events.append(n_events + event)
        n_events += batch.n_events
    return JetTable(np.concatenate(jets), np.concatenate(events), n_events, batch.collection)


def _in_float32(batch: EventBatch, event: NDArray[np.int64]) -> NDArray[np.float32]:
    exact = batch.jets()
    with np.errstate(over="ignore", under="ignore"):
        jets = exact.astype(np.float32)
    for index, column in enumerate(batch.collection):
        lost = column.valid(exact[:, index]) & ~column.valid(jets[:, index])
        if lost.any():
            row = int(np.argmax(lost))
            value = f"{exact[row, index]:g} {batch.unit if column.is_energy else ''}".rstrip()
            raise JetDataError(
                f"{batch.path}: {batch.counter} {batch.numbers[event[row]]}, column {column.name}: "
                f"{value} is beyond float32, in which models compute; leave that event out"
            )
    return jets


def split_sizes(n_events: int, config: DataConfig) -> dict[str, int]:
    """Compute how many events each split has; rounding goes to training."""
    validation, test = int(n_events * config.validation_fraction), int(n_events * config.test_fraction)
    return {"train": n_events - validation - test, "validation": validation, "test": test}


def split_of_events(n_events: int, config: DataConfig, seed: int) -> NDArray[np.int8]:
    """Draw for every event which split it belongs to: an index into `SPLITS`, shape `(n_events,)`."""
    order = np.random.default_rng(seed).permutation(n_events)
    split = np.empty(n_events, np.int8)
    split[order] = np.repeat(np.arange(len(SPLITS)), list(split_sizes(n_events, config).values()))
    return split


def lots_of_events(first: int, n_events: int, config: DataConfig, seed: int) -> NDArray[np.int8]:
    """Draw the split of consecutive events, each by itself: an index into `SPLITS`, shape `(n_events,)`.

    Args:
        first: number of the first event in the whole data.
        n_events: how many.
        config: with the fractions of validation and test.
        seed: fixes the split.
    """
    lots = draw_lots(np.arange(first, first + n_events), seed) / 2.0**64
    split = np.full(n_events, SPLITS.index("train"), np.int8)
    split[lots < config.test_fraction + config.validation_fraction] = SPLITS.index("validation")
    split[lots < config.test_fraction] = SPLITS.index("test")
    return split


def split_events(table: JetTable, config: DataConfig, seed: int) -> dict[str, JetTable]:
    """Split the table by event at random; jets keep their order within a split.

    Args:
        table: all jets.
        config: with the fractions of validation and test.
        seed: fixes the split.

    Returns:
        A table for each of `train`, `validation` and `test`; `event` still counts in the whole data.

    Raises:
        JetDataError: a split without a jet.
    """
    sizes = split_sizes(table.n_events, config)
    split = split_of_events(table.n_events, config, seed)[table.event]
    parts = {}
    for index, name in enumerate(SPLITS):
        chosen = split == index
        if not chosen.any():
            raise JetDataError(
                f"The {name} split has no jets: {table.n_events} events with {table.n_jets} jets are too few to split"
            )
        parts[name] = replace(table, jets=table.jets[chosen], event=table.event[chosen], n_events=sizes[name])
    return parts


def split_examples(table: JetTable, split: str, seed: int = 0) -> Iterator[tuple[int, dict]]:
    """Yield the events of a split one by one, as builders of TFDS do: number of the event, and its example.

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
