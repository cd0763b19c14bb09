"""The blocks of a file in several processes, their results in order; a worker imports little and starts fast."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, current_process, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from atlas_keras.codec.blocks import BlockCodec, Decoded
from atlas_keras.codec.entropy_model.context import MissingMomentum
from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.codec.header import Header
from atlas_keras.errors import RunError
from atlas_keras.system import n_threads

_codec: BlockCodec  # of a worker process
_starting = threading.Lock()


def decode_block(codec: BlockCodec, coded: tuple[dict[str, Any], int | None, MissingMomentum | None]) -> Decoded:
    """Decode a block."""
    return codec.decode(*coded)


def in_order(
    work: Callable[[BlockCodec, Any], Any],
    items: Iterator[tuple[Any, Any]],
    header: Header,
    entropy_model: EntropyModel | None,
    jobs: int | None,
) -> Iterator[tuple[Any, Any]]:
    """Do the work of all items, and yield the results in order, each with what came with its item.

    One item alone is done here: starting processes takes longer. A few items more than there are processes are in
    memory at a time.

    Args:
        work: `BlockCodec.encode` or `decode_block`.
        items: arguments of the work, and what goes with the result.
        header, entropy_model: of the file.
        jobs: number of processes; None means one a core. In a process that may not start others, all is done there.

    Raises:
        RunError: a process was ended from outside.
    """
    head = list(itertools.islice(items, 2))
    jobs = 1 if current_process().daemon else jobs or n_threads()  # a worker of a Pool may not start processes
    every = itertools.chain(head, items)
    if len(head) < 2 or jobs == 1:
        codec = BlockCodec(header, entropy_model)
        for item, companion in every:
            yield work(codec, item), companion
        return
    # EntropyModel as bytes are smaller than a pipe: a worker that dies at once cannot block this process.
    start: Any = (header, entropy_model and entropy_model.to_bytes())
    waiting: deque[tuple[Future, Any]] = deque()
    try:
        with ProcessPoolExecutor(jobs, _Context(), _start, start) as pool:
            try:
                for item, companion in every:
                    waiting.append((pool.submit(_work, work, item), companion))
                    if len(waiting) > jobs + 1:
                        future, earlier = waiting.popleft()
                        yield future.result(), earlier
                for future, companion in waiting:
                    yield future.result(), companion
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    except BrokenProcessPool as error:
        raise RunError("a worker process ended early, perhaps for want of memory: try --jobs 1") from error


class _Process(SpawnProcess):
    """A new interpreter that does not run the main program again: it needs nothing of it, and may do no harm by it.

    A script without a guard, one from standard input and a notebook can start such processes.
    """

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802 - as multiprocessing calls it
        with _starting:
            main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Process


def _work(work: Callable[[BlockCodec, Any], Any], item: Any) -> Any:
    return work(_codec, item)


def _start(header: Header, entropy_model: bytes | None) -> None:
    """Prepare a worker: it leaves Ctrl-C to the process that started it, and ends when that one is killed."""
    global _codec
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _codec = BlockCodec(header, EntropyModel.from_bytes(entropy_model, "the run") if entropy_model else None)
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
