"""Large files are compressed and decompressed in ranges by a cluster, to what one process writes."""

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from atlas_keras import open_compressed
from atlas_keras.__main__ import main
from atlas_keras.codec.columns.models import fit_columns
from atlas_keras.codec.columns.ranges import write_first
from atlas_keras.data import whole_files
from atlas_keras.distributed import conversions, file_ranges
from atlas_keras.distributed.manifest import MANIFEST, read_manifest
from atlas_keras.distributed.scheduling import Cluster
from atlas_keras.errors import RunError
from tests.codec.columns.tables import collision_events


@pytest.fixture
def small_ranges(monkeypatch):
    """Let every file be large, and count the files that are joined of ranges, and the ranges."""
    monkeypatch.setattr(whole_files, "BLOCK_EVENTS", 40)
    monkeypatch.setattr(file_ranges, "RANGE_BLOCKS", 2)
    joined = []

    def counting(join):
        def counted(task, *others):
            joined.append(len(task["parts"]))
            return join(task, *others)

        return counted

    for name, cutting in file_ranges.CUTTINGS.items():
        monkeypatch.setitem(file_ranges.CUTTINGS, name, cutting._replace(large_bytes=0))
        monkeypatch.setitem(conversions.JOINS, name, counting(conversions.JOINS[name]))
    return joined


def files_of(out):
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != MANIFEST}


def compress(source, out, *options):
    assert main(["compress", str(source), str(out), *options]) == 0
    return files_of(out)


def decompress(source, out, *options):
    assert main(["decompress", str(source), str(out), *options]) == 0
    return files_of(out)


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


@pytest.mark.parametrize("ending", [".parquet", ".csv.gz"])
def test_ranges_are_decompressed_to_the_same_bytes(ending, tmp_path, cluster, small_ranges, capsys):
    source = tmp_path / "a.akc"
    if ending == ".parquet":
        pq.write_table(collision_events(310), tmp_path / "a.parquet")
    else:
        pq.write_table(pa.table({"x": np.arange(310.0), "n": np.arange(310)}), tmp_path / "a.parquet")
    assert main(["compress", str(tmp_path / "a.parquet"), str(source)]) == 0
    (tmp_path / "in").mkdir()
    source.rename(tmp_path / "in" / "a.akc")
    options = ["--ending", ending]
    alone = decompress(tmp_path / "in", tmp_path / "alone", *options)
    assert small_ranges == []
    assert decompress(tmp_path / "in", tmp_path / "together", *options, "--scheduler", cluster) == alone
    assert small_ranges == [1 + 3]


def test_ranges_are_decompressed_to_the_same_trees(tmp_path, cluster, small_ranges, capsys):
    """ROOT has the time in it: its values are compared; the tree beside the largest, and one that is named."""
    write_root(tmp_path / "a.root", 310)
    (tmp_path / "in").mkdir()
    assert main(["compress", str(tmp_path / "a.root"), str(tmp_path / "in" / "a.akc")]) == 0
    options = ["--ending", ".root"]
    decompress(tmp_path / "in", tmp_path / "alone", *options)
    decompress(tmp_path / "in", tmp_path / "together", *options, "--scheduler", cluster)
    assert small_ranges == [1 + 3]
    with uproot.open(tmp_path / "alone" / "a.root") as one, uproot.open(tmp_path / "together" / "a.root") as other:
        assert one.keys() == other.keys()
        for tree in ("Events", "Runs"):
            assert one[tree].arrays().tolist() == other[tree].arrays().tolist()
            assert one[tree].typenames() == other[tree].typenames()
    chosen = ["--tree", "Events", "--columns", "run"]
    alone = decompress(tmp_path / "in", tmp_path / "run", *chosen)
    assert decompress(tmp_path / "in", tmp_path / "run-together", *chosen, "--scheduler", cluster) == alone
    assert small_ranges == [4, 4]


def test_a_damaged_block_is_told_as_of_a_whole_file(tmp_path, cluster, small_ranges, capsys):
    pq.write_table(collision_events(310), tmp_path / "a.parquet")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.akc"
    assert main(["compress", str(tmp_path / "a.parquet"), str(path)]) == 0
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    path.write_bytes(content)
    said = []
    for scheduler in ("loop", cluster):
        out = tmp_path / scheduler[:4]
        assert main(["decompress", str(tmp_path / "in"), str(out), "--scheduler", scheduler]) == 1
        said.append(capsys.readouterr().err)
        assert files_of(out) == {}
    assert said[0] == said[1]
    assert "is damaged" in said[0]
    assert small_ranges == []


def test_files_that_are_joined_stay_when_the_scheduler_is_lost(tmp_path, cluster, small_ranges, monkeypatch, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(2):
        pq.write_table(collision_events(130 + number, number), folder / f"{number}.parquet")
    alone = compress(folder, tmp_path / "alone")
    outcome_of, converted = Cluster._outcome, []

    def lost(self, future):
        outcome = outcome_of(self, future)
        if converted:
            raise RunError("the scheduler is lost")
        converted.extend([outcome] if isinstance(outcome.value, dict) else [])
        return outcome

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "_outcome", lost)
        assert main(["compress", str(folder), str(out), "--scheduler", cluster]) == 1
    states = [record.state for record in read_manifest(out).values()]
    assert sorted(states) == ["done", "waiting"]
    small_ranges.clear()
    assert compress(folder, out, "--scheduler", cluster) == alone
    assert len(small_ranges) == 1  # of the one that was done nothing is done again
