"""Compiled functions are called by threads: the compiler does one thing at a time, the functions do not."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
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


def test_a_command_loads_nothing_that_extends_the_compiler(tmp_path):
    """It takes longer to load than numba; in programs of others, who may use it, numba loads it as ever."""
    pq.write_table(pa.table({"x": [1.5, 2.5]}), tmp_path / "in.parquet")
    program = """
import sys
from atlas_keras.command import run_command
from atlas_keras import compress
sys.argv = ["compress", "in.parquet", "out.akc"]
assert run_command("compress", "", compress.add_arguments, compress.run) == 0
assert "numba" in sys.modules
sys.exit(" ".join({"vector", "awkward"} & set(sys.modules)) or 0)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
