"""Small files of whole events; and all that goes to a worker or comes from it is looked at."""

import json
import pickle

import pyarrow.parquet as pq
import pytest

from atlas_keras.distributed import scheduling
from tests.codec.columns.tables import collision_events


@pytest.fixture(autouse=True)
def plain_data(monkeypatch):
    """A job is a function that a worker imports, a task is plain data, and so is an outcome: no code travels."""
    attempt = scheduling.attempt

    def looked_at(job, task, content):
        json.dumps(task)
        outcome = attempt(job, task, content)
        pickle.loads(pickle.dumps((job, outcome)))  # refuses what only cloudpickle sends, by value
        return outcome

    monkeypatch.setattr(scheduling, "attempt", looked_at)


@pytest.fixture
def sources(tmp_path):
    """Return a folder of three files of events."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        pq.write_table(collision_events(30, number), folder / f"{number}.parquet")
    return folder
