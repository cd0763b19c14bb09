"""Large files are compressed in ranges by a cluster, to the bytes that one process writes."""

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from atlas_keras import open_compressed
from atlas_keras.codec.columns.models import fit_columns
from atlas_keras.codec.columns.ranges import write_first
from atlas_keras.compress import main
from atlas_keras.data import whole_files
from atlas_keras.distributed import conversions, file_ranges
from tests.codec.columns.tables import collision_events


@pytest.fixture
def small_ranges(monkeypatch):
    """Let every file be large, and count the files that are joined of ranges, and the ranges."""
    monkeypatch.setattr(whole_files, "BLOCK_EVENTS", 40)
    monkeypatch.setattr(file_ranges, "LARGE_BYTES", 0)
    monkeypatch.setattr(file_ranges, "RANGE_BLOCKS", 2)
    joined, join = [], conversions.join_ranges

    def counted(parts, *others):
        joined.append(len(parts))
        return join(parts, *others)

    monkeypatch.setattr(conversions, "join_ranges", counted)
    return joined


def compress(source, out, *options):
    assert main([str(source), str(out), *options]) == 0
    return {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".akc"}


def write_root(path, n):
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, n)
    pt = ak.unflatten(rng.exponential(40, counts.sum()).astype(np.float32), counts)
    arrays = ak.Array({"run": np.arange(n), "pt": pt})
    with uproot.recreate(path) as file:
        file.mktree("Events", {"run": "int64", "pt": "var * float32"})
        for start in range(0, len(arrays), 70):
            file["Events"].extend({name: arrays[name][start : start + 70] for name in arrays.fields})
        file["Runs"] = {"lumi": np.array([1.5, 2.5])}


@pytest.mark.parametrize("kind", ["parquet", "root"])
def test_ranges_are_the_whole_file(kind, tmp_path, cluster, small_ranges, capsys):
    """Row groups and baskets lie across blocks; the ROOT file has a second tree."""
    folder = tmp_path / "in"
    folder.mkdir()
    if kind == "parquet":
        pq.write_table(collision_events(310), folder / "a.parquet", row_group_size=70)
    else:
        write_root(folder / "a.root", 310)
    alone = compress(folder, tmp_path / "alone")
    assert small_ranges == []
    assert compress(folder, tmp_path / "together", "--scheduler", cluster) == alone
    assert small_ranges == [1 + 4]
    assert not (tmp_path / "together" / file_ranges.FOLDER).exists()
    with open_compressed(tmp_path / "together" / "a.akc") as events:
        assert events.num_entries == 310
        events.check()


def test_what_a_range_has_no_room_for_is_compressed_as_a_whole(tmp_path, cluster, small_ranges, capsys):
    """A missing value, of which the first block knows nothing."""
    values = np.arange(300, dtype=np.float32)
    folder = tmp_path / "in"
    folder.mkdir()
    pq.write_table(pa.table({"x": pa.array(values, mask=values == 250)}), folder / "a.parquet")
    alone = compress(folder, tmp_path / "alone")
    assert compress(folder, tmp_path / "together", "--scheduler", cluster) == alone
    assert small_ranges == []


def test_a_model_of_other_files_is_in_no_range(tmp_path, cluster, small_ranges, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    pq.write_table(collision_events(200), folder / "a.parquet")
    fit_columns([folder / "a.parquet"], tmp_path / "model.akc")
    options = ["--model", str(tmp_path / "model.akc")]
    alone = compress(folder, tmp_path / "alone", *options)
    assert compress(folder, tmp_path / "together", *options, "--scheduler", cluster) == alone
    assert small_ranges == [1 + 2]


def test_a_format_that_is_read_from_its_begin_alone_is_not_cut(tmp_path, cluster, small_ranges, capsys):
    """And no block of it is compressed in vain."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("x,y\n" + "".join(f"{n},{n / 7}\n" for n in range(200)))
    assert write_first(folder / "a.csv", tmp_path / "part.akc") == (0, None)
    assert not (tmp_path / "part.akc").exists()
    alone = compress(folder, tmp_path / "alone")
    assert compress(folder, tmp_path / "together", "--scheduler", cluster) == alone
    assert small_ranges == []
