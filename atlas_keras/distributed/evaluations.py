"""Count the jets of many files for the evaluation of a run: a task loads the run that has travelled, once a process."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_keras.distributed.progress import FileProgress
from atlas_keras.distributed.scheduling import Loop, naming
from atlas_keras.system import silence

if TYPE_CHECKING:
    from atlas_keras.evaluation.run import Run
    from atlas_keras.evaluation.run_tally import Count, RunTally, Task

RUN_FILES = ("config.json", "metrics.json", "reference.json", "model.keras")  # that an evaluation needs


def count_on(at_work: Loop, run: Run, rival: Run | None) -> Count:
    """Return what counts tasks on the workers of a cluster.

    Args:
        at_work: of `scheduling.workers`.
        run: whose model the jets go through.
        rival: a second run, or None.
    """
    runs = {"run": run, **({} if rival is None else {"rival": rival})}
    files = {f"{key}/{name}": one.path / name for key, one in runs.items() for name in RUN_FILES}

    def count(tasks: Sequence[Task]) -> Iterator[tuple[int, RunTally]]:
        for index, outcome in at_work.run(count_job, tasks, files):
            yield index, _lost(tasks[index], outcome.error) if outcome.error else outcome.value

    return count


def _lost(task: Task, error: str) -> RunTally:
    """Tell that a task came to nothing, as one does whose file needs more memory than any worker has."""
    from atlas_keras.evaluation.run_tally import failed

    return failed({part["number"]: naming(part["entries"].path, error) for part in task["parts"]})


def showing(count: Count, progress: bool | None = None) -> Count:
    """Return what counts tasks and shows how far it is.

    Args:
        count: what counts them, here or on a cluster.
        progress: False hides the progress bar; None shows it on a terminal.
    """

    def shown_count(tasks: Sequence[Task]) -> Iterator[tuple[int, RunTally]]:
        missing = Counter(part["entries"].path for task in tasks for part in task["parts"])
        with FileProgress(len(missing), progress) as shown:
            for index, found in count(tasks):
                paths = [part["entries"].path for part in tasks[index]["parts"]]
                missing.subtract(paths)
                rows = sum(tally.n_jets for tally in found.tallies.values())
                shown.update(sum(missing[path] == 0 for path in paths), rows=rows, failed=len(found.errors))
                yield index, found

    return shown_count


def count_job(task: Task, luggage: Path) -> Any:
    """Count the jets of some files.

    Args:
        task: of `run_tally.tasks_of`.
        luggage: folder of the runs.
    """
    _begin()
    from atlas_keras.evaluation.run_tally import count_task

    rival = luggage / "rival"
    return count_task(_loaded(luggage / "run"), _loaded(rival) if rival.is_dir() else None, task)


@functools.cache
def _begin() -> None:
    """Import TensorFlow, and let it keep to as many threads as the worker has."""
    from distributed import get_worker

    with silence():
        import tensorflow as tf

    n_threads = get_worker().state.nthreads
    with contextlib.suppress(RuntimeError):  # it is at work in this process already
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
        tf.config.threading.set_inter_op_parallelism_threads(n_threads)


@functools.lru_cache(maxsize=4)
def _loaded(folder: Path) -> Run:
    from atlas_keras.evaluation.run import load_run

    with silence():
        return load_run(folder)
