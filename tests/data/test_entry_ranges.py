"""Ranges of a file hold every event once, with the place in the file that it has without them."""

from itertools import pairwise

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import read_events
from atlas_keras.data import entry_ranges
from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.entry_ranges import EntryRange, cut_files
from atlas_keras.data.samples import SAMPLE
from atlas_keras.errors import JetDataError, NoEventsError
from tests.data.small_files import write_parquet, write_ttree

COUNTS = [2, 1, 0, 1, 30, 1, 0, 3, 2, 1]  # jets of the events; one spans several ranges
PT = np.arange(1.0, sum(COUNTS) + 1, dtype=np.float32)
COLUMNS = {"pt": PT, "eta": np.zeros_like(PT), "phi": np.zeros_like(PT), "mass": PT / 2}


def jagged(name):
    return ak.unflatten(COLUMNS[name], COUNTS)


def write_lists(path):
    lists = {name: ak.to_arrow(jagged(name), extensionarray=False) for name in COLUMNS}
    pq.write_table(pa.table(lists).replace_schema_metadata({"unit": "GeV"}), path, row_group_size=3)
    return path


def write_rows(path):
    event = np.repeat(np.arange(len(COUNTS)) + 70, COUNTS)
    pq.write_table(
        pa.table({"event": event, **COLUMNS}).replace_schema_metadata({"unit": "GeV"}), path, row_group_size=5
    )
    return path


def write_jets(path):
    """Rows that are events of their own."""
    return write_parquet(path, pa.table(COLUMNS), unit="GeV")


def write_nano(path):
    """A collection that is found by its name, in Parquet."""
    lists = {f"Jet_{name}": ak.to_arrow(jagged(name), extensionarray=False) for name in COLUMNS}
    return write_parquet(path, pa.table({"luminosityBlock": np.arange(len(COUNTS)), **lists}))


def write_root(path):
    jets = ak.zip({name: jagged(name) for name in COLUMNS})
    return write_ttree(path, {"Jet": jets, "luminosityBlock": np.arange(len(COUNTS))})


def found(path, start=0, stop=None):
    """Return what a range holds: counter, number, and the jets' pt of each event."""
    events = []
    try:
        for batch in read_events(path, unit="file", entry_start=start, entry_stop=stop):
            pts = batch.table["pt"].to_pylist()
            events += [(batch.counter, number, pt) for number, pt in zip(batch.numbers.tolist(), pts, strict=True)]
    except NoEventsError:
        pass
    return events


@pytest.mark.parametrize(
    ("write", "step"),
    [(write_rows, 1), (write_rows, 7), (write_lists, 4), (write_jets, 10), (write_nano, 4), (write_root, 4)],
)
def test_ranges_are_the_file(write, step, tmp_path):
    path = write(tmp_path / f"jets.{'root' if write is write_root else 'parquet'}")
    whole = found(path)
    assert sum(pt for *_, pts in whole for pt in pts) == PT.sum()
    edges = [*range(0, len(PT) + step, step)]  # beyond the end of files of events
    parts = [found(path, start, stop) for start, stop in pairwise(edges)]
    assert [event for part in parts for event in part] == whole
    assert found(path, edges[1]) == whole[len(parts[0]) :]


def test_large_files_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(entry_ranges, "LARGE_BYTES", 100)
    path, (bad, text) = write_rows(tmp_path / "jets.parquet"), (tmp_path / "bad.parquet", SAMPLE)
    bad.write_bytes(path.read_bytes()[:300])
    size = sum(one.stat().st_size for one in (path, bad, text))
    monkeypatch.setattr(entry_ranges, "RANGE_BYTES", path.stat().st_size / 3)
    cut = list(cut_files([path, bad, text], DataConfig(), size))
    n = len(PT)
    expected = [(0, n // 3), (n // 3, 2 * n // 3), (2 * n // 3, n)]
    assert cut == [*(EntryRange(str(path), *edges) for edges in expected), EntryRange(str(bad)), EntryRange(str(text))]
    assert [one.is_whole for one in cut] == [False] * 3 + [True] * 2
    assert all(one.is_whole for one in cut_files([path, bad], DataConfig(), 1))  # of so few ranges
    with pytest.raises(JetDataError, match="from its begin alone; leave out entry_start and entry_stop"):
        list(read_events(SAMPLE, entry_start=5))
