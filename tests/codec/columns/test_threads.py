"""Threads: the same results in the same order, and the same file, however many there are."""

import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.threads import map_on_threads
from atlas_keras.data import whole_files
from atlas_keras.errors import JetDataError
from atlas_keras.system import n_threads, using_threads


@pytest.mark.parametrize("n", [1, 2, 5])
def test_results_come_in_order(n):
    assert list(map_on_threads(lambda item: item**2, iter(range(20)), n)) == [k**2 for k in range(20)]
    assert list(map_on_threads(lambda item: item, [], n)) == []


@pytest.mark.parametrize("n", [1, 3])
def test_no_more_items_are_taken_than_are_worked_on(n):
    taken = []

    def items():
        for k in range(50):
            taken.append(k)
            yield k

    results = map_on_threads(lambda item: item, items(), n)
    for k in range(10):
        assert next(results) == k
        assert len(taken) <= k + n + 1
    results.close()
    assert len(taken) <= 10 + n


@pytest.mark.parametrize("n", [1, 3])
def test_an_error_comes_where_its_result_would(n):
    def one(item):
        if item == 4:
            raise JetDataError("no such item")
        return item

    results = map_on_threads(one, range(10), n)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(JetDataError, match="no such item"):
        next(results)


def test_a_thread_says_how_many_may_be_used():
    before = n_threads()
    with using_threads(3):
        with using_threads(None):
            assert n_threads() == 3
        with using_threads(1):
            assert n_threads() == 1
        found = []
        other = threading.Thread(target=lambda: found.append(n_threads()))  # which does other work
        other.start()
        other.join()
        assert found == [before]
    assert n_threads() == before


def test_a_file_is_the_same_for_any_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_files, "BLOCK_EVENTS", 300)
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, 2000)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    columns = {name: rng.exponential(30, offsets[-1]).astype(np.float32) for name in ("Jet_pt", "Jet_mass")}
    lists = {name: pa.ListArray.from_arrays(offsets, values) for name, values in columns.items()}
    pq.write_table(pa.table({"event": np.arange(2000), **lists}), tmp_path / "in.parquet")
    files = [tmp_path / f"{jobs}.akc" for jobs in (1, 2, 5)]
    for jobs, path in zip((1, 2, 5), files, strict=True):
        compress_columns(tmp_path / "in.parquet", path, ["1e-3"], jobs=jobs)
    assert len({path.read_bytes() for path in files}) == 1
