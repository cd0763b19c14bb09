"""What is read, and what is said where there is nothing to read."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import atlas_keras.train
from atlas_keras import load_jets, read_events
from atlas_keras.config import DataConfig
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.look import choose_collection
from atlas_keras.data.readers import find_files
from atlas_keras.data.samples import SAMPLE
from atlas_keras.data.source import fingerprint, read_table
from atlas_keras.errors import ConfigError, JetDataError

LINE = "7;ttbar;1;2;1;j,300,200,0.5,1;\n"
NO_JET = "8;ttbar;1;2;1;b,300,200,0.5,1;\n"
LISTS = pa.list_(pa.float64())


def write_parquet(path, columns, rows=None, metadata=None):
    table = pa.table(columns) if rows is None else pa.table(columns).slice(0, rows)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV", **(metadata or {})}), path)
    return path


def write_text(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("read", [load_jets, lambda paths: next(read_events(paths)), fingerprint, find_files])
def test_an_empty_list_is_no_sample(read):
    for empty in ([], ()):
        with pytest.raises(JetDataError, match="no files are given"):
            read(empty)
    read(None)


def test_none_is_the_sample():
    assert find_files(None) == [SAMPLE]
    assert DataConfig().paths is None
    assert DataConfig.from_dict({"paths": None}) == DataConfig()
    with pytest.raises(ConfigError, match=r"data.paths names at least one file, or is null"):
        DataConfig.from_dict({"paths": []})


def test_a_glob_without_a_match_is_named(tmp_path):
    with pytest.raises(JetDataError, match=r"nothing\*\.csv: no such file, the pattern matches none"):
        load_jets([SAMPLE, tmp_path / "nothing*.csv"])
    with pytest.raises(JetDataError, match="is a folder without a file of a known format"):
        load_jets(tmp_path)
    with pytest.raises(JetDataError, match=r"gone\.csv: no such file$"):
        load_jets(tmp_path / "gone.csv")


EMPTY = {
    "text": lambda folder: write_text(folder / "empty.csv", "\n\n"),
    "events": lambda folder: write_parquet(
        folder / "empty.parquet", {name: pa.array([[1.0]], LISTS) for name in ("E", "pt", "eta", "phi")}, rows=0
    ),
    "jets": lambda folder: write_parquet(
        folder / "empty.parquet", {name: [1.0] for name in ("event", "E", "pt", "eta", "phi")}, rows=0
    ),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_a_file_without_events_is_skipped_among_others(tmp_path, caplog, kind):
    empty, full = EMPTY[kind](tmp_path), write_text(tmp_path / "full.csv", LINE)
    assert len(load_jets([empty, full, empty])) == 1
    assert [record.getMessage() for record in caplog.records] == [f"{empty} holds no events"] * 2
    with pytest.raises(JetDataError, match=rf"{empty.name}: holds no events$"):
        load_jets(empty)
    with pytest.raises(JetDataError, match=rf"{empty.name}: holds no events, nor do the other files"):
        load_jets([empty, empty])


def test_a_real_file_without_events(real_file, tmp_path):
    table = pq.read_table(real_file("field/nano_dy_empty.parquet"))
    table = table.rename_columns([name.removeprefix("Jet_") for name in table.column_names])
    pq.write_table(table.replace_schema_metadata({"unit": "GeV"}), tmp_path / "empty.parquet")
    with pytest.raises(JetDataError, match=r"empty\.parquet: holds no events"):
        load_jets(tmp_path / "empty.parquet")
    assert len(load_jets([tmp_path / "empty.parquet", SAMPLE])) == 20_002


def test_files_without_a_jet_are_told(tmp_path, caplog):
    some, none = write_text(tmp_path / "some.csv", LINE), write_text(tmp_path / "none.csv", NO_JET * 3)
    caplog.set_level("WARNING")
    assert len(load_jets([none, some])) == 1
    assert f"{none} holds no jets" in caplog.text
    assert next(read_events(none)).counts.tolist() == [0, 0, 0]
    with pytest.raises(JetDataError, match=r"none\.csv and 1 other files: no jets in 6 events$"):
        load_jets([none, none])
    with pytest.raises(JetDataError, match=r"none\.csv: no jets in 3 events"):
        read_table(DataConfig(paths=(str(none),)), InvalidPolicy())
    bad = write_text(tmp_path / "bad.csv", LINE.replace("300", "nan"))
    with pytest.raises(JetDataError, match=r"no jets in 1 events; 1 invalid ones were dropped"):
        load_jets(bad, invalid="drop")


def test_columns_of_the_jets_are_chosen_in_parquet_alone(tmp_path):
    with pytest.raises(JetDataError, match="says itself which columns belong to the jets; leave out --jet-columns"):
        next(read_events(write_text(tmp_path / "some.csv", LINE), jet_columns=["object"]))


def test_lists_without_any_value_hold_no_jets(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {name: [[], []] for name in ("E", "pt", "eta", "phi")})
    assert pq.read_schema(path).field("pt").type.value_type == pa.null()
    assert next(read_events(path)).counts.tolist() == [0, 0]
    with pytest.raises(JetDataError, match="no jets in 2 events"):
        load_jets(path)


def test_train_ends_in_a_sentence(tmp_path, capsys):
    path = write_text(tmp_path / "none.csv", NO_JET * 30)
    assert atlas_keras.train.main(["--data", str(path), "--out", str(tmp_path / "run"), "--epochs", "1"]) == 1
    error = capsys.readouterr().err.strip()
    assert error.endswith(f"{path}: no jets in 30 events")


WIDE = {f"HLT_{i:04}_{'x' * 20}": [True, False] for i in range(2000)}
FOUR = {"E": [[9.0], [9.0]], "pt": [[2.0], [2.0]], "eta": [[0.0], [0.0]], "phi": [[0.0], [0.0]]}


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_parquet(path, WIDE),
        lambda path: write_parquet(path, {**FOUR, **WIDE}, metadata={"unit": "x" * 5000}),
        lambda path: write_parquet(path, {**FOUR, "pt": [[{"x" * 5000: 1}], []]}),
        lambda path: write_text(path, LINE.replace("300", "z" * 5000)),
        lambda path: write_text(path, LINE.replace(",300,", "z" * 5000)),
        lambda path: write_text(path, LINE.replace(";2;", f";{'z' * 5000};")),
    ],
)
def test_messages_are_short(tmp_path, write):
    with pytest.raises(JetDataError) as error:
        load_jets(write(tmp_path / "in"))
    assert len(str(error.value)) < 500 + len(str(tmp_path))


def test_a_wide_file_names_a_few_columns(tmp_path):
    with pytest.raises(JetDataError, match=r"column E is missing; known: HLT_0000_x+, .* and 199\d more"):
        load_jets(write_parquet(tmp_path / "a.parquet", WIDE))


def test_a_collection_is_no_name():
    """The name alone does not say which columns; the sentence says what does."""
    with pytest.raises(TypeError, match=r"as choose_collection\(path, 'Muon', \['pt', 'eta'\]\) makes one"):
        load_jets(collection="Muon")


def test_files_without_jets_name_the_collections_that_they_have(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"Muon_pt": [[1.0]], "Tau_pt": [[2.0]]})
    with pytest.raises(
        JetDataError, match="no collection is one of jets by its name; choose one with --collection NAME: Muon, Tau"
    ):
        choose_collection(path, None, ["pt"])
