"""A cluster whose workers are threads of the tests' own process, and small files of whole events."""

import pyarrow.parquet as pq
import pytest

from tests.codec.columns.tables import collision_events


@pytest.fixture(scope="session")
def cluster():
    """Return the address of a cluster."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def sources(tmp_path):
    """Return a folder of three files of events."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        pq.write_table(collision_events(30, number), folder / f"{number}.parquet")
    return folder
