"""Jets of any number on disk, as float32 rows that are mapped into memory: read once, split by event, and checked.

The folder holds the rows of each split, where the events of the test split stand in their files, and some rows of the
training split that were drawn. It is made anew where it is of other files, columns, seed or fractions.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.entry_ranges import EntryRange
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.lots import draw_lots
from atlas_keras.data.readers import no_jets
from atlas_keras.data.source import read_configured
from atlas_keras.data.splitting import SPLITS, collect, lots_of_events
from atlas_keras.errors import JetDataError, RunError
from atlas_keras.json_files import read_json
from atlas_keras.output import whole_folder, write_json
from atlas_keras.schema import Collection

MARKER, KIND = "cache.json", "cache of rows"
MAX_DRAWN = 1 << 19  # rows of the training split from which quantiles and the like are taken
PLACE = np.dtype([("event", "<i8"), ("number", "<i8"), ("file", "<i4"), ("counter", "<i4")])  # of a jet's event
COUNTERS = ("line", "event", "row")


@dataclass(frozen=True)
class EventRows:
    """Consecutive events of one file.

    Args:
        file: its name.
        counter: what `numbers` counts, one of `COUNTERS`.
        numbers: where each event stands in the file, shape `(n_events,)`.
        counts: jets of each event, the same shape.
        rows: their jets, shape `(n_jets, n_columns)`, float32.
    """

    file: str
    counter: str
    numbers: NDArray[np.int64]
    counts: NDArray[np.int64]
    rows: NDArray[np.float32]


Reading = Callable[[DataConfig, InvalidPolicy, Path], Iterator[EventRows]]


def read_here(config: DataConfig, policy: InvalidPolicy, folder: Path) -> Iterator[EventRows]:
    """Read all jets in this process, some events at a time.

    Args:
        config: which jets are read.
        policy: what happens to bad input; it counts what was dropped.
        folder: of the cache, where others that read leave what they have.
    """
    return event_rows(config, policy, None)


def event_rows(config: DataConfig, policy: InvalidPolicy, entries: EntryRange | None) -> Iterator[EventRows]:
    """Read the jets of a file, or of a range of it, or of all files that the configuration names (None)."""
    own = () if entries is None else ([entries.path], entries.start, entries.stop)
    for batch in read_configured(config, policy, *own):
        yield EventRows(batch.path.name, batch.counter, batch.numbers, batch.counts, collect([batch]).jets)


@dataclass(frozen=True)
class RowCache:
    """A cache.

    Args:
        folder: of the files.
        collection: what the columns are.
        n_jets, n_events: of each split.
        n_dropped: invalid events and jets that were left out.
        files: names of the data files.
    """

    folder: Path
    collection: Collection
    n_jets: dict[str, int]
    n_events: dict[str, int]
    n_dropped: dict[str, int]
    files: tuple[str, ...]

    def rows(self, split: str) -> NDArray[np.float32]:
        """Return the rows of a split, shape `(n_jets, n_columns)`, read from disk when they are looked at."""
        shape = (self.n_jets[split], len(self.collection))
        return np.memmap(self.folder / f"{split}.rows", np.float32, "r", shape=shape)

    @property
    def drawn(self) -> NDArray[np.float32]:
        """Rows of the training split: all, or 524,288 that were drawn."""
        found: NDArray[np.float32] = np.load(self.folder / "drawn.npy")
        return found

    @property
    def places(self) -> NDArray:
        """Where the event of each jet of the test split stands, as `PLACE` has it."""
        return np.memmap(self.folder / "test.places", PLACE, "r", shape=(self.n_jets["test"],))


def open_cache(
    folder: Path,
    config: DataConfig,
    seed: int,
    files: Mapping[str, Any],
    policy: InvalidPolicy,
    reading: Reading = read_here,
) -> RowCache:
    """Open a cache, and make it where there is none of these data.

    Args:
        folder: of the cache.
        config: which jets are read, and how they are split.
        seed: of the split.
        files: `data_files` and `data_sha256`.
        policy: what happens to bad input; it counts what was dropped.
        reading: what reads the jets; the cache does not depend on it.

    Raises:
        JetDataError: bad input, or a split without a jet.
        RunError: the folder is none of a cache, or another process makes it.
    """
    section = {key: value for key, value in config.to_dict().items() if key not in ("paths", "any_size")}
    depends_on = json.loads(json.dumps({"data": section, "seed": seed, **files}))
    with contextlib.suppress(RunError):
        about = read_json(folder / MARKER, RunError, "it is made anew")
        if about.get("depends_on") == depends_on:
            return _opened(folder, config, about)
    with whole_folder(folder, MARKER, KIND, force=True) as unfinished:
        about = _fill(unfinished, config, seed, policy, reading)
        write_json(unfinished / MARKER, {**about, "depends_on": depends_on})
    return _opened(folder, config, about)


def _opened(folder: Path, config: DataConfig, about: Mapping[str, Any]) -> RowCache:
    return RowCache(
        folder, config.collection, about["n_jets"], about["n_events"], about["n_dropped"], tuple(about["files"])
    )


def _fill(folder: Path, config: DataConfig, seed: int, policy: InvalidPolicy, reading: Reading) -> dict[str, Any]:
    """Read all jets into the files of a cache, some events at a time."""
    n_jets, n_events = dict.fromkeys(SPLITS, 0), dict.fromkeys(SPLITS, 0)
    files: dict[str, int] = {}
    drawn = _Drawn(len(config.collection), seed)
    with contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context((folder / f"{name}.rows").open("wb")) for name in SPLITS}
        places = stack.enter_context((folder / "test.places").open("wb"))
        for found in reading(config, policy, folder):
            first, event = sum(n_events.values()), np.repeat(np.arange(len(found.counts)), found.counts)
            split = lots_of_events(first, len(found.counts), config, seed)
            of_jets = split[event]
            for index, name in enumerate(SPLITS):
                rows = found.rows[of_jets == index]
                if name == "train":
                    drawn.look_at(rows, n_jets[name])
                streams[name].write(rows.tobytes())
                n_jets[name] += len(rows)
                n_events[name] += int(np.sum(split == index))
            file = files.setdefault(found.file, len(files))
            events = event[of_jets == SPLITS.index("test")]
            _write_places(places, first + events, found.numbers[events], file, COUNTERS.index(found.counter))
    for name, n in n_jets.items():
        if not n:
            total = sum(n_jets.values())
            if not total:
                title = config.collection.title
                raise no_jets(config.paths, sum(n_events.values()), config.objects, policy, title)
            raise JetDataError(f"The {name} split has no jets: {sum(n_events.values())} events are too few to split")
    np.save(folder / "drawn.npy", drawn.rows)
    n_dropped = {"events": policy.n_events, "jets": policy.n_jets}
    return {"n_jets": n_jets, "n_events": n_events, "n_dropped": n_dropped, "files": list(files)}


def _write_places(stream: BinaryIO, events: NDArray, numbers: NDArray, file: int, counter: int) -> None:
    places = np.empty(len(events), PLACE)
    places["event"], places["number"], places["file"], places["counter"] = events, numbers, file, counter
    stream.write(places.tobytes())


class _Drawn:
    """Rows with the smallest numbers by chance, in their order."""

    def __init__(self, n_columns: int, seed: int) -> None:
        self.seed, self.rows = seed, np.empty((0, n_columns), np.float32)
        self.lots = np.empty(0, np.uint64)

    def look_at(self, rows: NDArray[np.float32], first: int) -> None:
        """Draw from further rows, of which the first one has this number."""
        lots = draw_lots(np.arange(first, first + len(rows)), self.seed)
        if len(self.lots) == MAX_DRAWN:
            possible = lots < self.lots.max()
            rows, lots = rows[possible], lots[possible]
        self.rows, self.lots = np.concatenate([self.rows, rows]), np.concatenate([self.lots, lots])
        if len(self.lots) > MAX_DRAWN:
            kept = np.sort(np.argpartition(self.lots, MAX_DRAWN)[:MAX_DRAWN])
            self.rows, self.lots = self.rows[kept], self.lots[kept]
