"""What is told of schedulers that are not there, and of tasks that fail in ways that nobody has thought of."""

import weakref
from concurrent.futures import ThreadPoolExecutor

import dask
import pytest

from atlas_keras import open_compressed
from atlas_keras.codec.columns import threads
from atlas_keras.compress import main as compress
from atlas_keras.distributed import scheduling
from atlas_keras.distributed.luggage import unpack
from atlas_keras.distributed.progress import FileProgress
from atlas_keras.distributed.scheduling import in_order, workers
from atlas_keras.errors import ConfigError, RunError


def divide(task, luggage):
    return task["a"] / task["b"], (luggage / "model").read_bytes()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "here"
    path.write_bytes(b"a model")
    return path


def test_a_cluster_does_what_a_loop_does(cluster, model, caplog):
    caplog.set_level("INFO", "atlas_keras")
    tasks = [{"a": 1, "b": 2}, {"a": 1, "b": 0}, {"a": 1, "b": 4}]
    for scheduler in ("loop", cluster):
        with workers(scheduler) as at_work:
            outcomes = [outcome for _, outcome in in_order(at_work.run(divide, tasks, {"model": model}))]
        assert [outcome.value for outcome in outcomes] == [(0.5, b"a model"), None, (0.25, b"a model")]
        assert [outcome.error for outcome in outcomes] == ["", "ZeroDivisionError: division by zero", ""]
        assert all(outcome.memory > 2**20 for outcome in outcomes)
        assert ("dashboard: http://" in caplog.text) == (scheduler != "loop")


def test_progress_tells_files_rows_bytes_their_ratio_and_the_time_left(capsys):
    with FileProgress(3, True) as shown:
        shown.update(1, rows=1200, read=4_000_000, written=1_000_000)
        shown.update(1, rows=0, failed=1)
    last = capsys.readouterr().err.rpartition("\r")[2]
    assert " 2/3 [" in last
    assert "<" in last.partition("[")[2]  # time so far < time left
    assert "1,200 rows, 4.0 MB to 1.0 MB (0.250), 1 failed]" in last


def test_outcomes_come_in_order():
    assert [index for index, _ in in_order(iter([(2, "c"), (0, "a"), (1, "b")]))] == [0, 1, 2]


def test_files_are_laid_out_once():
    assert unpack({"a": b"1"}) == unpack({"a": b"1"}) != unpack({"a": b"2"})


def read_column(path):
    with open_compressed(path) as events:
        return events.table("Jet_pt").num_rows


def test_a_task_keeps_to_its_thread(cluster, sources, tmp_path, monkeypatch, capsys):
    """A worker does as many tasks at once as it has threads: one that took all cores would take them from others."""
    distributed = pytest.importorskip("distributed")
    counts = []

    class Counted(ThreadPoolExecutor):
        def __init__(self, n):
            counts.append(n)
            super().__init__(n)

    monkeypatch.setattr("atlas_keras.system.n_cores", lambda: 5)
    monkeypatch.setattr(threads, "ThreadPoolExecutor", Counted)
    for scheduler, jobs, expected in (("loop", [], 5), ("loop", ["--jobs", "1"], 1), (cluster, [], 1)):
        out = tmp_path / f"{scheduler[:4]}{len(jobs)}"
        assert compress([str(sources), str(out), "--scheduler", scheduler, *jobs]) == 0
        assert max(counts, default=1) == expected
        counts.clear()
    path = tmp_path / "loop0" / "0.akc"
    with distributed.Client(cluster) as client:
        found = client.submit(read_column, path, pure=False).result()
    assert not counts
    assert found == read_column(path)
    assert max(counts) == 5


@pytest.mark.parametrize(
    ("scheduler", "error", "message"),
    [
        ("nonsense", ConfigError, "is loop, local"),
        ("local:0", ConfigError, "at least one worker"),
        ("tcp://127.0.0.1:9", RunError, "no Dask scheduler answers"),
    ],
)
def test_a_scheduler_that_is_none(scheduler, error, message, monkeypatch):
    """A client that came to nothing is gone at once: Dask may wait for ever for one that goes while another begins."""
    distributed = pytest.importorskip("distributed")
    begun = []

    class Client(distributed.Client):
        def __init__(self, *args, **kwargs):
            begun.append(weakref.ref(self))
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(distributed, "Client", Client)
    monkeypatch.setattr(scheduling, "CONNECT_SECONDS", 0.1)
    with pytest.raises(error, match=message), workers(scheduler):
        pass
    assert [client() for client in begun] == [None] * len(begun)


def test_workers_that_are_begun_here_are_as_many_as_asked_for_and_keep_their_memory(monkeypatch):
    """By the environment that Dask gives them, whose other variables stay; nothing of it is left afterwards."""
    environment = "distributed.nanny.pre-spawn-environ"
    usual, given = dict(dask.config.get(environment)), {}

    def begin(**options):
        assert (options["n_workers"], options["threads_per_worker"]) == (3, 1)
        given.update(dask.config.get(environment))
        raise RunError("begun")

    monkeypatch.setattr("distributed.LocalCluster", begin)
    with pytest.raises(RunError, match="begun"), workers("local:3"):
        pass
    assert set(usual) < set(given)
    assert given["MALLOC_TRIM_THRESHOLD_"] == given["MALLOC_MMAP_THRESHOLD_"] == 1 << 25
    assert dask.config.get(environment) == usual
