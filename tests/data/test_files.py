"""Files, folders and patterns."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.data.files import find_files, is_several
from atlas_keras.data.look import choose_collection
from atlas_keras.data.samples import SAMPLE
from atlas_keras.errors import JetDataError
from tests.data.test_formats import FRAME, WRITE


def test_a_folder_means_the_files_of_known_formats_in_it(tmp_path):
    for name in WRITE:
        WRITE[name](tmp_path / name, FRAME)
    (tmp_path / "README.md").write_text("# Jets, many of them\n\nhello, you\n")
    (tmp_path / "notes.json").write_text('{"a": 1}\n')
    (tmp_path / "empty").write_text("")
    (tmp_path / "below").mkdir()
    for name in (".hidden.csv", "_metadata", "below/deep.csv"):
        shutil.copy(tmp_path / "a.csv", tmp_path / name)
    assert [path.name for path in find_files(tmp_path)] == sorted(WRITE)
    assert len(load_jets(tmp_path, source_unit="GeV")) == len(WRITE) * len(FRAME)
    assert [path.name for path in find_files([tmp_path / "below", SAMPLE])] == ["deep.csv", SAMPLE.name]
    assert len(find_files(str(tmp_path / "**" / "*.csv"))) == 2


def test_a_folder_without_any_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(JetDataError, match=f"{tmp_path}: is a folder without a file of a known format"):
        find_files(tmp_path)


NANO = {
    "luminosityBlock": [1, 1], "event": [1, 2], "MET_pt": [20.0, 30.0], "HLT_a": [True, False],
    "Jet_pt": [[50.0, 40.0], []], "Jet_eta": [[0.0, 1.0], []], "Jet_phi": [[3.0, -3.0], []],
    "Jet_mass": [[5.0, 4.0], []], "Jet_jetId": [[6, 2], []], "Muon_pt": [[9.0], [8.0]],
}  # fmt: skip


def write(path, **changes):
    columns = {**NANO, **changes}
    pq.write_table(pa.table({name: values for name, values in columns.items() if values is not None}), path)
    return path


def test_files_of_one_kind_may_differ_where_nobody_looks(tmp_path):
    files = [write(tmp_path / "a.parquet"), write(tmp_path / "b.parquet", HLT_a=None, HLT_b=[True, True])]
    collection = choose_collection(files[0], "Jet", ["pt", "jetId"])
    batches = list(read_events(files, collection=collection, columns=["MET_*"], unit="file"))
    assert pa.concat_tables([batch.table for batch in batches])["MET_pt"].to_pylist() == [20, 30] * 2
    message = "b.parquet: has no HLT_a, which .*a.parquet has and --columns keeps; name columns that all files have"
    with pytest.raises(JetDataError, match=message):
        list(read_events(files, collection=collection, columns=["MET_*", "HLT_*"], unit="file"))
    write(files[1], HLT_b=[True, True])
    with pytest.raises(JetDataError, match=r"a\.parquet: has no HLT_b, which .*b\.parquet has"):
        list(read_events(files, collection=collection, columns=["HLT_*"], unit="file"))


def test_the_file_that_lacks_a_column_of_the_collection_is_named(tmp_path):
    files = [write(tmp_path / "a.parquet"), write(tmp_path / "b.parquet", Jet_jetId=None)]
    collection = choose_collection(files[0], "Jet", ["pt", "jet*"])
    with pytest.raises(JetDataError, match=r"b\.parquet: Jet has no column 'jetId'"):
        list(read_events(files, collection=collection, unit="file"))


def test_jets_of_nanoaod_are_found_in_parquet_too(tmp_path):
    path = write(tmp_path / "a.parquet")
    jets = load_jets(path, "GeV")
    assert jets[["event", "pt", "phi"]].to_numpy().tolist() == [[0, 50, 3], [0, 40, -3]]
    (batch,) = read_events(path, columns=["MET_*", "Jet_jetId", "Muon_*"], unit="GeV")
    assert batch.sources == {"pt": "Jet_pt", "eta": "Jet_eta", "phi": "Jet_phi", "mass": "Jet_mass"}
    assert batch.table.column_names[-5:] == ["luminosityBlock", "event", "MET_pt", "Jet_jetId", "Muon_pt"]
    assert "Jet_jetId" in batch.jet_columns
    assert "Muon_pt" not in batch.jet_columns
    with pytest.raises(JetDataError, match=r"no column matches --columns 'MTE\*'"):
        next(read_events(path, columns=["MTE*"]))
    pq.write_table(pq.read_table(path).select(["luminosityBlock", "Muon_pt"]), path)
    with pytest.raises(JetDataError, match=r"no collection is one of jets by its name; choose one .*: Muon"):
        load_jets(path)


def test_what_means_several_files(tmp_path):
    (tmp_path / "a[1].csv").write_text("")
    for path, several in (
        (tmp_path, True),
        (tmp_path / "*.csv", True),
        (tmp_path / "a[1].csv", False),  # a file of that name
        (tmp_path / "absent.csv", False),
        ("https://example.org/jets.csv?download=1", False),
    ):
        assert is_several(path) == several
