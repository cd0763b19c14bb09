"""Compiled functions are called by threads: the compiler does one thing at a time, the functions do not."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import numpy as np
import pytest

from atlas_keras.codec.columns import compiled
from atlas_keras.codec.columns.compiled import call


@pytest.fixture
def compiler(monkeypatch):
    monkeypatch.setattr(compiled, "COMPILES", True)
    monkeypatch.setattr(compiled, "_known", set())


def test_first_calls_come_one_after_the_other(compiler):
    """Of each kind of arguments; numba's tables are not made for more."""
    busy = Lock()

    def first(values):
        assert busy.acquire(blocking=False)
        time.sleep(0.01)
        busy.release()
        return len(values)

    kinds = [np.zeros(3, dtype) for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda values: call(first, values), kinds)) == [3] * 8
    assert len(compiled._known) == 8


def test_later_calls_run_side_by_side(compiler):
    together = Barrier(2)
    waiting = []

    def later(values):
        if waiting:
            together.wait(timeout=60)
        return len(values)

    call(later, np.zeros(2))
    waiting.append(True)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda values: call(later, values), [np.zeros(2)] * 2)) == [2, 2]
