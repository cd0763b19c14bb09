"""Read the jets of many files for a cache: a task reads a file, or a range, and leaves its rows beside the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.entry_ranges import EntryRange, cut_files
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.files import find_files
from atlas_keras.data.row_cache import EventRows, Reading, event_rows, read_here
from atlas_keras.distributed.scheduling import LOOP, Task, in_order, naming, workers
from atlas_keras.errors import JetDataError, NoEventsError

MAX_RANGES = 1 << 12  # of large files
PART_EVENTS = 1 << 16  # that are looked at together


def reading_on(scheduler: str) -> Reading:
    """Return what reads the jets of a cache.

    Args:
        scheduler: as of `scheduling.workers`; the workers and this process share the folder of the cache.
    """
    if scheduler == LOOP:
        return read_here

    def read(config: DataConfig, policy: InvalidPolicy, folder: Path) -> Iterator[EventRows]:
        ranges = list(cut_files(find_files(config.paths), config, MAX_RANGES))
        targets = [str(folder.resolve() / f"part-{number}") for number in range(len(ranges))]
        shared = {"config": config.to_dict()}
        tasks = [{**shared, "entries": one, "target": target} for one, target in zip(ranges, targets, strict=True)]
        with workers(scheduler) as at_work:
            for number, outcome in in_order(at_work.run(read_part, tasks)):
                if outcome.error:
                    raise JetDataError(naming(ranges[number].path, outcome.error))
                policy.n_events += outcome.value["n_dropped"][0]
                policy.n_jets += outcome.value["n_dropped"][1]
                yield from _take(targets[number], outcome.value, len(config.collection))

    return read


def read_part(task: Task, luggage: Path) -> dict[str, Any]:
    """Read the jets of a range into `TARGET.rows`, and its events into `TARGET.counts` and `TARGET.numbers`.

    Args:
        task: `config`; `entries`, of an `EntryRange`; and `target`, the begin of the names of what is written.
        luggage: folder of files, of which none is needed.
    """
    config = DataConfig.from_dict(task["config"])
    policy = InvalidPolicy(config.invalid)  # type: ignore[arg-type]
    file, counter, n_events = "", "", 0
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(path.open("wb")) for path in _files(task["target"])]
        for found in _found(event_rows(config, policy, EntryRange(*task["entries"]))):
            file, counter, n_events = found.file, found.counter, n_events + len(found.counts)
            parts: tuple[NDArray, ...] = (found.rows, found.counts, found.numbers)
            for stream, values in zip(streams, parts, strict=True):
                stream.write(values.tobytes())
    return {"file": file, "counter": counter, "n_events": n_events, "n_dropped": (policy.n_events, policy.n_jets)}


def _found(events: Iterator[EventRows]) -> Iterator[EventRows]:
    """Pass on events: none of a file, or of a range, that has none, as others have some."""
    with contextlib.suppress(NoEventsError):
        yield from events


def _files(target: str) -> list[Path]:
    return [Path(f"{target}.{kind}") for kind in ("rows", "counts", "numbers")]


def _take(target: str, about: dict[str, Any], n_columns: int) -> Iterator[EventRows]:
    """Yield the events of a part, and delete it."""
    with contextlib.ExitStack() as stack:
        rows, counts, numbers = (stack.enter_context(path.open("rb")) for path in _files(target))
        for start in range(0, about["n_events"], PART_EVENTS):
            n = min(PART_EVENTS, about["n_events"] - start)
            n_jets, places = (np.frombuffer(stream.read(8 * n), np.int64) for stream in (counts, numbers))
            jets = np.frombuffer(rows.read(4 * n_columns * int(n_jets.sum())), np.float32).reshape(-1, n_columns)
            yield EventRows(about["file"], about["counter"], places, n_jets, jets)
    for path in _files(target):
        path.unlink()
