"""What is told of schedulers that are not there, and of tasks that fail in ways that nobody has thought of."""

import weakref

import pytest

from atlas_keras.distributed import scheduling
from atlas_keras.distributed.luggage import unpack
from atlas_keras.distributed.scheduling import in_order, workers
from atlas_keras.errors import ConfigError, RunError


def divide(task, luggage):
    return task["a"] / task["b"], (luggage / "model").read_bytes()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "here"
    path.write_bytes(b"a model")
    return path


def test_a_cluster_does_what_a_loop_does(cluster, model):
    tasks = [{"a": 1, "b": 2}, {"a": 1, "b": 0}, {"a": 1, "b": 4}]
    for scheduler in ("loop", cluster):
        with workers(scheduler) as at_work:
            outcomes = [outcome for _, outcome in in_order(at_work.run(divide, tasks, {"model": model}))]
        assert [outcome.value for outcome in outcomes] == [(0.5, b"a model"), None, (0.25, b"a model")]
        assert [outcome.error for outcome in outcomes] == ["", "ZeroDivisionError: division by zero", ""]
        assert all(outcome.memory > 2**20 for outcome in outcomes)


def test_outcomes_come_in_order():
    assert [index for index, _ in in_order(iter([(2, "c"), (0, "a"), (1, "b")]))] == [0, 1, 2]


def test_files_are_laid_out_once():
    assert unpack({"a": b"1"}) == unpack({"a": b"1"}) != unpack({"a": b"2"})


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
