"""Small files of whole events."""

import pyarrow.parquet as pq
import pytest

from tests.codec.columns.tables import collision_events


@pytest.fixture
def sources(tmp_path):
    """Return a folder of three files of events."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        pq.write_table(collision_events(30, number), folder / f"{number}.parquet")
    return folder
