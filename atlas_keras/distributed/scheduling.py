"""Do one job for many tasks: one after the other in this process, or on the workers of a Dask cluster.

A job is a function of a module of ours, and tasks are plain data: nothing that a user has typed is pickled as code.
Dask does the scheduling, and gives a task whose worker is lost to another one.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from atlas_keras import extras
from atlas_keras.distributed.luggage import pack, unpack
from atlas_keras.errors import AtlasKerasError, ConfigError, RunError, reason_of
from atlas_keras.system import n_cores, peak_memory, using_threads

log = logging.getLogger(__name__)
LOOP, LOCAL = "loop", "local"
CONNECT_SECONDS = 30
# Of workers that are begun here. Dask lets them give every array back to the system at once; to ask for it again takes
# a fifth to a third of the CPU time of `compress` on two workers.
KEEP_MEMORY = {
    f"distributed.nanny.pre-spawn-environ.{name}": 1 << 25
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
}
Task = Mapping[str, Any]
Job = Callable[[Task, Path], Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Args:
        value: what the job returned; None where it failed.
        error: why it failed, in a sentence; empty where it did not.
        seconds: that it took.
        memory: the most that its process has had in memory so far [bytes]; 0 where the system does not tell.
    """

    value: Any
    error: str = ""
    seconds: float = 0.0
    memory: int = 0


class Loop:
    """This process, which does one task after the other."""

    def run(
        self, job: Job, tasks: Sequence[Task], files: Mapping[str, Path] | None = None
    ) -> Iterator[tuple[int, Outcome]]:
        """Do a job for all tasks; one that fails does not stop the others.

        Args:
            job: a function of a module of ours, of a task and the folder of the files.
            tasks: plain data: strings, numbers, lists and dictionaries of them.
            files: that the job needs, such as a model, by the name that they have in that folder; they travel once.

        Yields:
            The index of a task, and its outcome, in the order in which they are done.

        Raises:
            OSError: a file cannot be read.
            RunError: a cluster is lost.
        """
        content = pack(files or {})
        for index, task in enumerate(tasks):
            yield index, attempt(job, task, content)


class Step(NamedTuple):
    """Something to be done.

    Args:
        number: of what it is done for; of smaller ones the steps are done first.
        job, task: as of `Loop.run`.
    """

    number: int
    job: Job
    task: Task


class Cluster(Loop):
    """The workers of a Dask cluster, each of which does as many tasks at a time as it has threads.

    Args:
        client: of Dask.
        address: of the scheduler, for messages.
    """

    def __init__(self, client: Any, address: str) -> None:
        self.client, self.address = client, address

    def run(
        self, job: Job, tasks: Sequence[Task], files: Mapping[str, Path] | None = None
    ) -> Iterator[tuple[int, Outcome]]:
        """Do a job for all tasks, as a loop does."""
        for step, outcome in self.follow([Step(index, job, task) for index, task in enumerate(tasks)], files):
            yield step.number, outcome

    def follow(
        self,
        steps: Sequence[Step],
        files: Mapping[str, Path] | None = None,
        then: Callable[[Step, Outcome], Sequence[Step]] = lambda step, outcome: (),
    ) -> Iterator[tuple[Step, Outcome]]:
        """Do steps, and what follows from them.

        Args:
            steps: with which it begins.
            files: as of `run`.
            then: tells what is to be done when a step is done.

        Yields:
            A step, and its outcome, in the order in which they are done.

        Raises:
            OSError, RunError: as `run`.
        """
        from distributed import as_completed

        # A task and no `scatter`: where all workers that have the files are lost, the scheduler makes them again.
        content = self.client.submit(dict, pack(files or {}), pure=False)

        def begun(step: Step) -> Any:
            return self.client.submit(attempt, step.job, step.task, content, pure=False, priority=-step.number)

        waiting = {begun(step): step for step in steps}
        done = as_completed(list(waiting))
        for future in done:
            step, outcome = waiting.pop(future), self._outcome(future)
            future.release()
            for further in then(step, outcome):
                follows = begun(further)
                waiting[follows] = further
                done.add(follows)
            yield step, outcome

    def _outcome(self, future: Any) -> Outcome:
        from distributed import KilledWorker

        try:
            outcome: Outcome = future.result()
        except KilledWorker as error:
            lost = f"{error.allowed_failures + 1} workers were lost with this file, perhaps for want of memory"
            return Outcome(None, lost)
        except (CancelledError, OSError, TimeoutError) as error:
            raise RunError(
                f"{self.address}: the scheduler is lost; the same command does what is left once there is one again"
            ) from error
        return outcome


def naming(source: str, error: str) -> str:
    """Put the file in front of an error that does not name it, such as that of a worker that was lost."""
    return error if Path(source).name in error else f"{source}: {error}"


def in_order(outcomes: Iterator[tuple[int, Outcome]]) -> Iterator[tuple[int, Outcome]]:
    """Yield the outcomes in the order of the tasks, each as soon as those before it are there."""
    waiting: dict[int, Outcome] = {}
    number = 0
    for index, outcome in outcomes:
        waiting[index] = outcome
        while number in waiting:
            yield number, waiting.pop(number)
            number += 1


@contextlib.contextmanager
def workers(scheduler: str = LOOP) -> Iterator[Loop]:
    """Find what does many tasks.

    Args:
        scheduler: `loop`, `local`, `local:N` (a cluster of N processes on this machine that ends with the block) or the
            address of a cluster.

    Raises:
        ConfigError: no such scheduler.
        MissingExtraError: Dask is needed, and not installed.
        RunError: there is no cluster at the address.
    """
    if scheduler == LOOP:
        yield Loop()
        return
    extras.require("distributed")
    with _client(scheduler) as client:
        log.info("dashboard: %s", client.dashboard_link)
        yield Cluster(client, scheduler)


def attempt(job: Job, task: Task, content: Mapping[str, bytes]) -> Outcome:
    """Do a job, and tell of any error in a sentence: among thousands of files one that is bad is no surprise.

    Args:
        job, task: as of `Loop.run`.
        content: of the files that the job needs.
    """
    started = time.perf_counter()
    value, error = None, ""
    try:
        with using_threads(task.get("jobs")):
            value = job(task, unpack(content))
    except AtlasKerasError as known:
        error = str(known)
    except OSError as failed:
        error = f"{failed.filename}: {failed.strerror}" if failed.filename else reason_of(failed)
    except Exception as unknown:
        error = f"{type(unknown).__name__}: {reason_of(unknown)}"
    return Outcome(value, error, time.perf_counter() - started, peak_memory())


@contextlib.contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    """Connect to a cluster, or begin one on this machine that ends with the block."""
    import dask
    from distributed import Client, LocalCluster

    name, _, number = scheduler.partition(":")
    with contextlib.ExitStack() as stack:
        if name == LOCAL:
            if number and not (number.isdecimal() and int(number)):
                raise ConfigError(f"--scheduler local:N has at least one worker. Received: {scheduler!r}")
            for logger in ("distributed", "distributed.nanny", "distributed.worker", "distributed.scheduler"):
                logging.getLogger(logger).setLevel(logging.ERROR)
            stack.enter_context(dask.config.set(KEEP_MEMORY))
            # Processes, and one task in each at a time: its memory is then the task's.
            cluster = stack.enter_context(
                LocalCluster(n_workers=int(number or n_cores()), threads_per_worker=1, dashboard_address=":0")
            )
            scheduler = cluster.scheduler_address
        client: Any = None
        failed: AtlasKerasError | None = None
        try:
            client = stack.enter_context(Client(scheduler, timeout=CONNECT_SECONDS))
        except ValueError:
            failed = ConfigError(
                f"--scheduler is {LOOP}, {LOCAL}[:N] or an address such as tcp://HOST:8786. Received: {scheduler!r}"
            )
        except OSError as error:
            failed = RunError(f"{scheduler}: no Dask scheduler answers ({reason_of(error)})")
        if failed is not None:
            gc.collect()  # a client that came to nothing closes itself now, and not while another one holds Dask's lock
            raise failed
        yield client
