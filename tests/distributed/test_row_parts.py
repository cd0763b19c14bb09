"""A cluster makes the cache of a training that one process makes."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets
from atlas_keras.config import DataConfig
from atlas_keras.data import entry_ranges
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.row_cache import open_cache
from atlas_keras.data.source import fingerprint
from atlas_keras.distributed import row_parts
from atlas_keras.distributed.row_parts import reading_on
from atlas_keras.errors import JetDataError


@pytest.fixture
def config(small_file, tmp_path):
    """Return the configuration of three files, of which the second has a line without a jet and a bad one."""
    lines = small_file.read_text().splitlines(keepends=True)
    empty = ";".join(lines[5].split(";")[:5])
    folder = tmp_path / "in"
    folder.mkdir()
    odd = [f"{empty}\n", f"{empty};j,-1,10,0,0\n"]
    for number, part in enumerate((lines[:150], [*odd, *lines[150:220]], lines[220:])):
        (folder / f"{number}.csv").write_text("".join(part))
    return DataConfig(paths=(str(folder),), split="lots", invalid="drop")


def make(folder, config, scheduler):
    policy = InvalidPolicy(config.invalid)
    open_cache(folder, config, 3, fingerprint(config.paths), policy, reading_on(scheduler))
    return {path.name: path.read_bytes() for path in folder.iterdir()}, (policy.n_events, policy.n_jets)


def test_a_cluster_makes_the_cache_that_a_loop_makes(config, tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(row_parts, "PART_EVENTS", 50)
    alone, dropped = make(tmp_path / "alone", config, "loop")
    assert sum(dropped) > 0
    assert make(tmp_path / "together", config, cluster) == (alone, dropped)
    assert set(alone) == {"cache.json", "drawn.npy", "test.places", "train.rows", "validation.rows", "test.rows"}


def test_large_files_are_read_in_ranges(config, tmp_path, cluster, monkeypatch):
    """Beside a file without an event; in the large one an event spans a border of ranges."""
    folder = tmp_path / "in"
    jets = load_jets(folder / "0.csv").iloc[:600]
    table = pa.Table.from_pandas(jets.assign(event=np.arange(2, 602) // 9), preserve_index=False)
    table = table.replace_schema_metadata({"unit": "MeV"})
    pq.write_table(table, folder / "large.parquet", row_group_size=100)
    pq.write_table(table.slice(0, 0), folder / "none.parquet")
    alone, dropped = make(tmp_path / "alone", config, "loop")
    monkeypatch.setattr(entry_ranges, "LARGE_BYTES", 4000)
    monkeypatch.setattr(entry_ranges, "RANGE_BYTES", 3000)
    assert len(list(entry_ranges.cut_files([folder / "large.parquet"], config, 1000))) > 4
    assert make(tmp_path / "together", config, cluster) == (alone, dropped)


def test_a_bad_file_is_named_and_leaves_nothing(config, tmp_path, cluster):
    with pytest.raises(JetDataError, match=r"1\.csv: line 2"):
        make(tmp_path / "cache", replace(config, invalid="error"), cluster)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
