"""The blocks of a file in several processes, their results in order; a worker imports little and starts fast."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.blocks import Block, BlockCodec
from atlas_keras.codec.header import Header
from atlas_keras.density.context import MissingMomentum
from atlas_keras.density.densities import Densities
from atlas_keras.errors import RunError

_codec: BlockCodec  # of this process


def encode_block(block: Block) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Code a block: its columns; and how many events, jets, and jets that are stored as they are it has."""
    columns, n_exact = _codec.encode(block)
    return columns, np.array([len(block.n_jets), len(block.jets), n_exact])


def decode_block(
    coded: tuple[dict[str, Any], int | None, MissingMomentum | None],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Decode a block: the number of jets of every event, and the jets."""
    return _codec.decode(*coded)


def in_order(
    work: Callable[[Any], Any],
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
    jobs = jobs or len(os.sched_getaffinity(0))
    every = itertools.chain(head, items)
    if len(head) < 2 or jobs == 1:
        _start(header, densities)
        for item, companion in every:
            yield work(item), companion
        return
    waiting: deque[tuple[Future, Any]] = deque()
    try:
        with ProcessPoolExecutor(jobs, get_context("spawn"), _start, (header, densities)) as pool:
            try:
                for item, companion in every:
                    waiting.append((pool.submit(work, item), companion))
                    if len(waiting) > jobs + 1:
                        future, earlier = waiting.popleft()
                        yield future.result(), earlier
                for future, companion in waiting:
                    yield future.result(), companion
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
    except BrokenProcessPool as error:
        raise RunError("a worker process was ended from outside, perhaps for want of memory; try --jobs 1") from error


def _start(header: Header, densities: Densities | None) -> None:
    """Prepare this process; a worker ends when the process that started it is killed."""
    global _codec
    _codec = BlockCodec(header, densities)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
