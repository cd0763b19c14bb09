"""Threads: blocks are coded at the same time, and the leaves of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Immediate(Executor):
    """Runs what is submitted at once, in the thread that submits it."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """Call a function, and return a future that has its result."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **keywords))
        except Exception as error:
            future.set_exception(error)
        return future


def threads(n: int) -> Executor:
    """Return a pool of so many threads; of one it is the thread that asks."""
    return Immediate() if n == 1 else ThreadPoolExecutor(n)


def map_on_threads(function: Callable[[Item], Result], items: Iterable[Item], n: int) -> Iterator[Result]:
    """Call a function for each item, of `n` at the same time, and return the results in order.

    No more items are taken than are worked on, and one more: memory is bounded.

    Args:
        function: is called on threads.
        items: taken by the thread that takes the results.
        n: number of threads.
    """
    if n == 1:
        yield from map(function, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # nobody takes what is left
            pool.shutdown(cancel_futures=True)
