"""Count the jets of files as they come back through the model of a run, and perhaps through that of a second one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.entry_ranges import EntryRange, cut_files
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.remote import url_of
from atlas_keras.errors import AtlasKerasError
from atlas_keras.evaluation.addable import Addable
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.distribution_shift import ShiftTally
from atlas_keras.evaluation.run import Run
from atlas_keras.evaluation.run_jets import TestJets, read_chunks
from atlas_keras.evaluation.tally import AGAINST, MODEL, Tally

log = logging.getLogger(__name__)
MAX_TASKS = 256  # whose tallies travel: of more files, a task takes several


@dataclass(frozen=True)
class RunTally(Addable):
    """What is counted of jets for the evaluation of a run.

    Args:
        tallies: `jets`, where a file could be read.
        beside: of the jets beside the training split of the second run, under its key, if there is one.
        n_dropped: invalid events and jets that were left out, shape `(2,)`.
        errors: why files could not be read, by the number of the part.
    """

    tallies: dict[str, Tally]
    beside: dict[str, ShiftTally]
    n_dropped: NDArray[np.int64]
    errors: dict[int, str]

    @classmethod
    def of(cls, run: Run, rival: Run | None, chunks: Iterable[Chunk]) -> RunTally:
        """Count jets, chunk by chunk.

        Args:
            run: whose model they go through.
            rival: a second run, or None.
            chunks: at least one.
        """
        total = None
        for chunk in chunks:
            reconstructed, beside = {MODEL: run.reconstruct(chunk.jets, run.unit)}, {}
            if rival is not None:
                reconstructed[AGAINST] = rival.reconstruct(chunk.jets, run.unit)
                beside[AGAINST] = rival.shift_tally(chunk.jets, run.unit)
            one = cls({"jets": Tally.of(chunk, reconstructed, run.reference)}, beside, np.zeros(2, np.int64), {})
            total = one if total is None else total + one
        assert total is not None
        return total


Task = Mapping[str, Any]
Count = Callable[[Sequence[Task]], Iterator[tuple[int, RunTally]]]


def failed(errors: dict[int, str]) -> RunTally:
    """Return the tally of parts that cannot be read."""
    return RunTally({}, {}, np.zeros(2, np.int64), errors)


NOTHING = failed({})


def tasks_of(jets: TestJets) -> list[Task]:
    """Cut the files into tasks, plain data: one a file or a range of a large one, of very many files some a task.

    With `max_events` all are one task: how many events a file has is not known before.
    """
    if jets.max_events is None:
        found = list(cut_files(jets.paths, jets.config, MAX_TASKS))
    else:
        found = [EntryRange(url_of(path)) for path in jets.paths]
    about = {"config": jets.config.to_dict(), "max_events": jets.max_events}
    parts: list[dict[str, Any]] = [{"number": number, "entries": entries} for number, entries in enumerate(found)]
    whole = [part for part in parts if part["entries"].is_whole]
    ranges = [part for part in parts if not part["entries"].is_whole]
    n_shares = 1 if jets.max_events is not None else min(len(whole), max(MAX_TASKS - len(ranges), 1))
    shares = np.array_split(np.arange(len(whole)), n_shares) if whole else []
    return [{"parts": [whole[k] for k in share], "range_of": "", **about} for share in shares] + [
        {"parts": [part], "range_of": part["entries"].path, **about} for part in ranges
    ]


def count_task(run: Run, rival: Run | None, task: Task) -> RunTally:
    """Count the jets of a task; a file that cannot be read is told in `errors`.

    Args:
        run, rival: as of `RunTally.of`.
        task: of `tasks_of`.
    """
    config, left = DataConfig.from_dict(task["config"]), task["max_events"]
    total = NOTHING
    for part in task["parts"]:
        policy = InvalidPolicy(config.invalid)  # type: ignore[arg-type]
        if left == 0:
            break
        entries = EntryRange(*part["entries"])
        try:
            found = RunTally.of(run, rival, read_chunks(config, entries, part["number"], policy, left))
        except AtlasKerasError as error:
            total += failed({part["number"]: str(error)})
            continue
        if entries.is_whole and not found.tallies["jets"].n_jets:
            log.warning("%s holds no %s", entries.path, run.collection.title)
        total += found + RunTally({}, {}, np.array([policy.n_events, policy.n_jets]), {})
        left = None if left is None else left - sum(found.tallies["jets"].n_events.values())
    return total


def count_here(run: Run, rival: Run | None) -> Count:
    """Return what counts tasks one after the other in this process."""
    return lambda tasks: ((index, count_task(run, rival, task)) for index, task in enumerate(tasks))


def total_of(tasks: Sequence[Task], counted: Iterable[tuple[int, RunTally]]) -> RunTally:
    """Add up what was counted. A file of which one range cannot be read is left out as a whole, as it is in one piece.

    Args:
        tasks: of `tasks_of`.
        counted: of all of them, in any order, by their index.
    """
    total = NOTHING
    missing = Counter(task["range_of"] for task in tasks)
    of_file: dict[str, RunTally] = {}
    for index, found in counted:
        file = tasks[index]["range_of"]
        if file:
            of_file[file] = of_file.get(file, NOTHING) + found
            missing[file] -= 1
            if missing[file]:
                continue
            found = of_file.pop(file)
            if errors := found.errors:
                found = failed({min(errors): errors[min(errors)]})
        total += found
    return total
