"""The blocks of a file in several processes, their results in order; a worker imports little and starts fast."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.blocks import Block, BlockCodec, Coded
from atlas_keras.codec.header import Header
from atlas_keras.density.context import MissingMomentum
from atlas_keras.density.densities import Densities
from atlas_keras.errors import RunError
from atlas_keras.system import n_cores

_codec: BlockCodec  # of a worker process


def encode_block(codec: BlockCodec, block: Block) -> Coded:
    """Code a block."""
    return codec.encode(block)


def decode_block(
    codec: BlockCodec, coded: tuple[dict[str, Any], int | None, MissingMomentum | None]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Decode a block: the number of jets of every event, and the jets."""
    return codec.decode(*coded)


def in_order(
    work: Callable[[BlockCodec, Any], Any],
    items: Iterator[tuple[Any, Any]],
    header: Header,
    densities: Densities | None,
    jobs: int | None,
) -> Iterator[tuple[Any, Any]]:
    """Do the work of all items, and give the results in order, each with what came with its item.

    One item alone is done here: starting processes takes longer. A few items more than there are processes are in
    memory at a time.

    Args:
        work: `encode_block` or `decode_block`.
        items: arguments of the work, and what goes with the result.
        header, densities: of the file.
        jobs: number of processes; None means one a core.

    Raises:
        RunError: a process was ended from outside.
    """
    head = list(itertools.islice(items, 2))
    jobs = jobs or n_cores()
    every = itertools.chain(head, items)
    if len(head) < 2 or jobs == 1:
        codec = BlockCodec(header, densities)
        for item, companion in every:
            yield work(codec, item), companion
        return
    # Densities as bytes are smaller than a pipe: a worker that dies at once cannot block this process.
    start: Any = (header, densities and densities.to_bytes())
    waiting: deque[tuple[Future, Any]] = deque()
    try:
        with ProcessPoolExecutor(jobs, get_context("spawn"), _start, start) as pool:
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
        raise RunError(
            "a worker process ended early, perhaps for want of memory: try --jobs 1; "
            "a script of your own has to call this package under `if __name__ == '__main__':`"
        ) from error


def _work(work: Callable[[BlockCodec, Any], Any], item: Any) -> Any:
    return work(_codec, item)


def _start(header: Header, densities: bytes | None) -> None:
    """Prepare a worker: it leaves Ctrl-C to the process that started it, and ends when that one is killed."""
    global _codec
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _codec = BlockCodec(header, Densities.from_bytes(densities, "the run") if densities else None)
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
