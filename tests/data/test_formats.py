"""Laws of every format of files: the same jets come from all of them, and what is wrong is told in one sentence."""

import gzip
import io
import pickle
import zipfile

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from atlas_keras import info, load_jets, read_events
from atlas_keras.data.formats import FORMATS, format_of, is_known
from atlas_keras.data.look import choose_collection, look_at, read_contents
from atlas_keras.data.samples import SAMPLE
from atlas_keras.errors import JetDataError

FRAME = pd.DataFrame(
    {
        "event": np.array([7, 7, 8, 11, 11, 11], np.int64),
        "pt": np.array([50, 40.5, 30, 90, 80, 20], np.float32),
        "eta": np.array([0.5, -1, 2, 0, 0.25, 1], np.float32),
        "phi": np.array([3, -3, 0, 1, 2, -2], np.float32),
        "mass": np.array([5, 4, 3, 9, 8, 2], np.float32),
        "charge": np.array([1, -1, 0, 1, 1, -1], np.int8),
        "tag": np.array([True, False, False, True, False, True]),
    }
)


def structured(frame=FRAME):
    return frame.to_records(index=False).view(np.ndarray)


def padded(frame=FRAME):
    """Jets with a row an event, and places for four."""
    counts = frame.groupby("event").size().to_numpy()
    rows = np.zeros((len(counts), 4), [*structured(frame).dtype.descr[1:], ("valid", "?")])
    rows["valid"] = np.arange(4) < counts[:, None]
    for name in frame.columns[1:]:
        rows[name][rows["valid"]] = frame[name]
    return rows


def write_hdf5(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, array in datasets.items():
            file[name.replace("__", "/")] = array
    return path


def write_gzip(path, frame):
    path.write_bytes(gzip.compress(frame.to_csv(index=False).encode()))


def columns(frame):
    return {name: frame[name].to_numpy() for name in frame}


WRITE = {
    "a.parquet": lambda path, frame: pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path),
    "a.csv": lambda path, frame: path.write_text(frame.to_csv(index=False)),
    "a.tsv": lambda path, frame: path.write_text(frame.to_csv(index=False, sep="\t", lineterminator="\r\n")),
    "a.csv.gz": write_gzip,
    "a.npy": lambda path, frame: np.save(path, structured(frame)),
    "a.npz": lambda path, frame: np.savez(path, **columns(frame)),
    "packed.npz": lambda path, frame: np.savez_compressed(path, jets=structured(frame)),
    "a.h5": lambda path, frame: write_hdf5(path, jets=structured(frame)),
    "columns.h5": lambda path, frame: write_hdf5(path, **{f"jets__{name}": v for name, v in columns(frame).items()}),
    "places.h5": lambda path, frame: write_hdf5(path, jets=padded(frame)),
    "places.npz": lambda path, frame: np.savez(
        path, **{name: padded(frame)[name] for name in padded(frame).dtype.names}
    ),
}
EACH = pytest.mark.parametrize("name", WRITE)


@pytest.fixture
def write(tmp_path):
    def write_one(name, frame=FRAME):
        WRITE[name](tmp_path / name, frame)
        return tmp_path / name

    return write_one


@EACH
def test_the_same_jets_come_from_every_format(name, write):
    path = write(name)
    assert is_known(path)
    jets = load_jets(path, "GeV", source_unit="GeV")
    assert jets["event"].tolist() == [0, 0, 1, 2, 2, 2]
    for column in ("pt", "eta", "phi"):
        np.testing.assert_array_equal(jets[column], FRAME[column])
    contents = read_contents(path)
    (tree,) = contents.trees
    assert (tree.n_events, len(tree.groups)) == (3, 1)
    (group,) = tree.groups
    assert sorted(group.collection.names) == sorted(FRAME.columns[1:])
    assert {column.name: column.quantity for column in group.collection}["tag"] == "flag"
    seen = look_at(path, tree, tree.groups)
    assert (seen["pt"].low, seen["pt"].high, seen["charge"].n_different) == (20, 90, 3)


@EACH
def test_integers_and_flags_stay_what_they_are(name, write):
    path = write(name)
    collection = choose_collection(path, None, ["*"])
    batches = list(read_events(path, collection=collection, unit="file", source_unit="GeV"))
    schema = batches[0].table.schema
    types = {column: schema.field(column).type.value_type for column in ("charge", "tag")}
    assert pa.types.is_integer(types["charge"])
    assert pa.types.is_boolean(types["tag"])
    jets = np.concatenate([batch.jets() for batch in batches])
    np.testing.assert_array_equal(jets, FRAME[list(collection.names)].to_numpy(float))
    floats = schema.field("pt").type.value_type
    assert floats == (pa.float64() if name.partition(".")[2].startswith(("csv", "tsv")) else pa.float32())


@EACH
def test_without_a_unit_it_is_asked_for(name, write):
    with pytest.raises(JetDataError, match=rf"{name}: .*--source-unit"):
        load_jets(write(name))


@EACH
def test_nan_is_told_with_its_row_and_dropped_where_that_is_wanted(name, write):
    path = write(name, FRAME.assign(eta=[0.5, -1, np.nan, 0, 0, 0]))
    where = "event 2, jet 1" if "places" in name else "row 3, jet 1"
    with pytest.raises(JetDataError, match=rf"{name}: {where}, column eta: nan has to lie"):
        load_jets(path, source_unit="GeV")
    assert len(load_jets(path, source_unit="GeV", invalid="drop")) == 5


@EACH
def test_every_truncation_is_one_sentence(name, write):
    """Text has no end of its own: one that ends with a whole line, or within its last number, is another text."""
    path = write(name)
    content = path.read_bytes()
    text = name in ("a.csv", "a.tsv")
    step = max(len(content) // 25, 1)
    for size in range(1, len(content) - 1, step):
        path.write_bytes(content[:size])
        try:
            jets = load_jets(path, source_unit="GeV")
        except JetDataError as error:
            message = str(error)
        else:
            message = f"{path}: " if text and len(jets) <= 6 else ""
        assert message.startswith(f"{path}: ")
        assert "\n" not in message


@EACH
def test_changed_bytes_are_read_or_one_sentence(name, write):
    path = write(name)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(40):
        changed = bytearray(content)
        for at in rng.integers(0, len(content), 3):
            changed[at] = rng.integers(0, 256)
        path.write_bytes(changed)
        try:
            load_jets(path, source_unit="GeV")
            read_contents(path)
        except JetDataError as error:
            message = str(error)
        else:
            message = str(path)
        assert str(path) in message


def test_an_empty_file_and_unknown_bytes_are_told(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"")
    with pytest.raises(JetDataError, match=r"a\.parquet: the file is empty"):
        load_jets(path)
    path.write_bytes(bytes(range(256)))
    with pytest.raises(JetDataError, match=r"a\.parquet: is of no known format: ROOT, Parquet, .*"):
        load_jets(path)


def archive(name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(name, "x")
    return stream.getvalue()


def feather():
    stream = io.BytesIO()
    pyarrow.feather.write_feather(FRAME, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(FRAME), r"is a pickle, which can run any program .* pandas.DataFrame\(...\)\.to_parquet"),
        (pickle.dumps([1], 2), "is a pickle"),
        (archive("data.pkl"), r"PyTorch's are such, and hold pickles.* numpy.savez\(path, pt=..., eta=...\)"),
        (feather(), r"is an Arrow \(Feather\) file; save it as Parquet"),
        (b"BZh91AY", "is packed with bzip2; unpack it"),
        (gzip.compress(b"root" + bytes(100)), "is packed with gzip, and what is in it is no text; unpack it"),
    ],
    ids=["a pickle", "an old pickle", "PyTorch", "Feather", "bzip2", "gzip"],
)
def test_what_is_no_file_of_events_is_told_how_it_becomes_one(content, message, tmp_path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(JetDataError, match=message):
        load_jets(tmp_path / "a")
    assert not is_known(tmp_path / "a")


def test_names_of_files_say_nothing(tmp_path):
    """The Dark Machines text is known by its content, and a table is one whatever its ending."""
    for name, form in {
        "a.csv": "Dark Machines text",
        "a.root": "Dark Machines text",
        "a": "Dark Machines text",
    }.items():
        (tmp_path / name).write_bytes(gzip.decompress(SAMPLE.read_bytes())[:20_000].rpartition(b"\n")[0] + b"\n")
        assert format_of(tmp_path / name).name == form
        assert len(load_jets(tmp_path / name)) > 100
    (tmp_path / "b.txt").write_text(FRAME.to_csv(index=False))
    assert format_of(tmp_path / "b.txt").name == "CSV"


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.h5"])
def test_options_that_a_format_does_not_know_are_told(name, write, caplog):
    path = write(name)
    with pytest.raises(
        JetDataError, match="no table 'gone'" if name != "a.csv" else "CSV has no trees; leave out --tree"
    ):
        load_jets(path, source_unit="GeV", tree="gone")
    with pytest.raises(JetDataError, match="leave out --columns"):
        next(read_events(path, source_unit="GeV", columns=["charge"]))
    load_jets(path, source_unit="GeV", objects=("j", "b"))
    assert "has no ids of objects; --objects makes no difference" in caplog.text


BOMBS = {
    "a.npz": lambda path: np.savez_compressed(path, **dict.fromkeys(("pt", "eta", "phi", "mass"), np.ones(4_000_000))),
    "a.h5": lambda path: write_bomb(path),
    "a.csv.gz": lambda path: path.write_bytes(gzip.compress(b"pt,eta,phi,mass\n" + b"1,1,1,1\n" * 2_000_000)),
}


def write_bomb(path):
    with h5py.File(path, "w") as file:
        for name in ("pt", "eta", "phi", "mass"):
            file.create_dataset(f"jets/{name}", (1 << 40,), "f4", chunks=(1024,))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr("atlas_keras.data.limits.FREE_BYTES", 1 << 20)
    monkeypatch.setattr("atlas_keras.data.limits.MAX_RATIO", 10)
    BOMBS[name](tmp_path / name)
    with pytest.raises(JetDataError, match=rf"{name}: its [\d,]+ bytes unfold to .*; --any-size reads it all"):
        load_jets(tmp_path / name, source_unit="GeV")


def test_formats_have_different_names_and_no_file_is_of_two(write):
    assert len({form.name for form in FORMATS}) == len(FORMATS)
    for name in WRITE:
        head = write(name).read_bytes()[: 1 << 16]
        assert sum(form.sniff(head) for form in FORMATS) == 1


def test_info_tells_of_the_text_format(capsys):
    assert info.main([str(SAMPLE)]) == 0
    text = capsys.readouterr().out
    assert "Dark Machines" in text
    assert "4,097 events, 7 columns, energies in MeV" in text
    assert choose_collection(SAMPLE, None, ["pt", "eta"]).names == ("pt", "eta")
