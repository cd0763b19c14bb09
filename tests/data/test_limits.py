"""A few bytes that claim more than any memory holds are refused before they are unfolded; --any-size reads them."""

import gzip
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.compress import main as compress
from atlas_keras.data import limits, parquet
from atlas_keras.data.events import InvalidPolicy, jagged
from atlas_keras.errors import JetDataError
from atlas_keras.evaluate import main as evaluate
from atlas_keras.train import main as train

JET = {"E": 60.0, "pt": 50.0, "eta": 0.5, "phi": 1.0}
LINE = "1;p;1;2;3;j,60000,50000,0.5,1;\n"


def write(path, columns, **options):
    pq.write_table(pa.table(columns).replace_schema_metadata({"unit": "GeV"}), path, **options)
    return path


def equal_jets(n_events, n_jets):
    counts = np.diff(np.linspace(0, n_jets, n_events + 1).astype(int))
    return {name: jagged(np.full(n_jets, value), counts) for name, value in JET.items()}


def word(n):
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array(["x" * 10_000]))


def gzipped(path, lines):
    path.write_bytes(gzip.compress(LINE.encode() * lines))
    return path


BOMBS = {
    "an event": lambda p: write(p / "a.parquet", equal_jets(1, 400_000)),
    "events": lambda p: write(p / "a.parquet", equal_jets(1000, 400_000)),
    "rows": lambda p: write(
        p / "a.parquet", {"event": np.repeat(range(4), 100_000), **{k: np.full(400_000, v) for k, v in JET.items()}}
    ),
    "another column": lambda p: write(
        p / "a.parquet", {**equal_jets(10, 10), "z": jagged(np.zeros(2_000_000), np.full(10, 200_000))}
    ),
    "a word": lambda p: write(p / "a.parquet", {**equal_jets(1000, 1000), "word": word(1000)}),
    "text": lambda p: gzipped(p / "a.csv.gz", 100_000),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_and_read_where_that_is_wanted(kind, tmp_path, monkeypatch):
    """The limits of the test are a hundredth of the real ones, so that its bombs are small."""
    path = BOMBS[kind](tmp_path)
    monkeypatch.setattr(limits, "FREE_BYTES", limits.FREE_BYTES // 100)
    monkeypatch.setattr(limits, "MAX_RATIO", limits.MAX_RATIO // 100)
    monkeypatch.setattr("atlas_keras.data.dark_machines.BLOCK_BYTES", 1 << 16)
    given = []
    with pytest.raises(JetDataError, match=rf"{path.name}: its [\d,]+ bytes unfold to .*; --any-size reads it all"):
        given.extend(read_events(path))
    assert kind == "text" or not given  # what text unfolds to is known once it does
    assert sum(batch.table.nbytes for batch in given) <= limits.FREE_BYTES
    whole = pa.concat_tables([batch.table for batch in read_events(path, unit="GeV", any_size=True)])
    assert set(pc.list_flatten(whole["pt"]).unique().to_pylist()) == {50.0}
    if kind != "text":
        stored = pq.read_table(path)
        for name in {"z", "word"} & set(stored.column_names):
            assert whole[name].cast(stored[name].type).equals(stored[name])


def test_of_a_bomb_nothing_is_unfolded(tmp_path, monkeypatch):
    """60 million jets in 2 kB: the metadata tells, no page is decoded."""
    path = write(tmp_path / "a.parquet", equal_jets(1, 1_000_000), compression="zstd")
    monkeypatch.setattr(limits, "FREE_BYTES", 1 << 24)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)
    assert path.stat().st_size < 3000
    with pytest.raises(JetDataError, match="unfold to 32,000,000 or more"):
        load_jets(path)


@pytest.mark.parametrize("command", ["compress", "train"])
def test_commands_tell_the_option_that_lifts_the_limit(command, run_folder, tmp_path, monkeypatch, capsys):
    path, out = write(tmp_path / "a.parquet", equal_jets(3, 9000)), str(tmp_path / "out")
    main, arguments = {
        "compress": (compress, [str(run_folder), str(path), out, "--bound", "1e-3", "--jobs", "1"]),
        "train": (train, ["--data", str(path), "--out", out, "--epochs", "1"]),
    }[command]
    monkeypatch.setattr(limits, "MAX_RATIO", 10)
    for name, value, what in (("FREE_BYTES", 1 << 16, "unfold"), ("MAX_EVENT", 2999, "event 1 has 3,000 jets, as")):
        with monkeypatch.context() as patch:
            patch.setattr(limits, name, value)
            assert main(arguments) == 1
            told = capsys.readouterr().err.splitlines()[-1]
            assert told.startswith(f"atlas-keras {command}: {path}: ")
            assert what in told
            assert told.endswith("; --any-size reads it all the same")
            assert list(tmp_path.iterdir()) == [path]
            if command == "compress":
                assert main([*arguments, "--any-size"]) == 0
                (tmp_path / "out").unlink()


@pytest.mark.slow
def test_a_run_keeps_that_it_may_read_any_size(small_file, without_plots, tmp_path, monkeypatch, capsys):
    """Its own data is read again by evaluate."""
    monkeypatch.setattr(limits, "FREE_BYTES", 1000)
    monkeypatch.setattr(limits, "MAX_RATIO", 0)
    arguments = ["--data", str(small_file), "--out", str(tmp_path / "run"), "--epochs", "1"]
    assert train(arguments) == 1
    assert train([*arguments, "--any-size"]) == 0
    capsys.readouterr()
    assert evaluate([str(tmp_path / "run"), "--out", str(tmp_path / "own")]) == 0
    other = [str(tmp_path / "run"), "--data", str(small_file), "--out", str(tmp_path / "other")]
    assert evaluate(other) == 1
    assert capsys.readouterr().err.endswith("; --any-size reads it all the same\n")
    assert evaluate([*other, "--any-size"]) == 0
    assert "--any-size" in (tmp_path / "other" / "evaluation.json").read_text()


def test_an_event_column_that_never_changes_is_read_once(tmp_path, monkeypatch):
    """Rows are compared with their neighbors, and never again with each other, however many belong to one event."""
    n, compared, compare = 5000, [], pc.not_equal

    def counted(a, b):
        compared.append(len(a))
        return compare(a, b)

    rng = np.random.default_rng(0)
    columns = {"event": np.zeros(n, int), **{name: rng.uniform(1, 2, n) for name in JET}}
    path = write(tmp_path / "a.parquet", columns)
    monkeypatch.setattr(parquet, "BATCH_ROWS", 10)
    monkeypatch.setattr(pc, "not_equal", counted)
    jets = load_jets(path, unit="GeV")
    assert sum(compared) == n
    np.testing.assert_array_equal(jets["pt"], columns["pt"])
    assert not jets["event"].any()
    monkeypatch.setattr(parquet, "MAX_EVENT", 1000)
    with pytest.raises(JetDataError, match=r"more than 1,000 consecutive jets have the same event, .* --any-size"):
        load_jets(path)
    assert len(load_jets(path, any_size=True)) == n


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 50, 1000])
@pytest.mark.parametrize("kind", ["numbers", "words", "nan"])
def test_events_are_whole_however_the_rows_are_cut(rows, kind, tmp_path, monkeypatch):
    rng = np.random.default_rng(rows)
    event = np.repeat(rng.integers(0, 3, 60), rng.integers(1, 12, 60))
    ids = {"numbers": event, "words": [f"event {n}" for n in event], "nan": np.where(event == 1, np.nan, event)}[kind]
    number = np.arange(len(event)) / 8 + 1
    path = write(tmp_path / "a.parquet", {"event": ids, **{name: number for name in JET}, "phi": np.ones(len(event))})
    monkeypatch.setattr(parquet, "BATCH_ROWS", rows)
    found = pa.concat_tables([batch.table for batch in read_events(path, unit="GeV")])
    starts = [0, *(n for n in range(1, len(event)) if ids[n] != ids[n - 1]), len(event)]
    assert found["pt"].to_pylist() == [number[a:b].tolist() for a, b in itertools.pairwise(starts)]
    np.testing.assert_array_equal(found["event"].to_pylist(), [ids[n] for n in starts[:-1]])


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_pieces_are_of_bounded_size(size, tmp_path, monkeypatch):
    columns = {**equal_jets(400, 2000), "word": word(400), "number": np.arange(400)}
    path = write(tmp_path / "a.parquet", columns)
    whole = pa.concat_tables([batch.table for batch in read_events(path, any_size=True)])
    monkeypatch.setattr(parquet, "BATCH_BYTES", size)
    pieces = [batch.table for batch in read_events(path, any_size=True)]
    assert pa.concat_tables(pieces).equals(whole)
    assert len(pieces) >= min(whole.nbytes / size, 400) / 2
    assert all(piece.num_rows == 1 or piece.nbytes < 2 * size + 200 for piece in pieces)


ENCODINGS = {
    "usual": {},
    "plain": {"use_dictionary": False},
    "delta": {
        "use_dictionary": False,
        "column_encoding": {"word": "DELTA_BYTE_ARRAY", "few": "DELTA_BYTE_ARRAY"},
    },
    "groups": {"row_group_size": 700},
    "large dictionary": {"dictionary_pagesize_limit": 1000},
    "version 2": {"data_page_version": "2.0", "store_decimal_as_integer": True},
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_comes_back_however_it_is_stored(encoding, tmp_path, monkeypatch):
    n = 3000
    words = [f"word {k * 7919 % 2003} of the file" for k in range(n)]
    columns = {
        "word": words,
        "few": [w[:6] for w in words],
        "absent": [None if k % 3 else w for k, w in enumerate(words)],
        "large": pa.array(words, pa.large_string()),
        "bytes": pa.array([w.encode() for w in words]),
        "in a struct": pa.array([{"a": w} for w in words]),
        "in a list": [[w] for w in words],
        "decimal": pa.array(range(n), pa.int64()).cast(pa.decimal128(22, 2)),
    }
    table = pa.table(columns)
    path = write(tmp_path / "a.parquet", {**equal_jets(n, n), **columns}, **ENCODINGS[encoding])
    for rows in (100_000, 999):
        monkeypatch.setattr(parquet, "BATCH_ROWS", rows)
        found = pa.concat_tables([batch.table for batch in read_events(path)])
        for name in columns:
            assert found[name].type == table[name].type
            assert found[name].to_pylist() == table[name].to_pylist()


def test_real_files_are_far_from_the_limits(real_file):
    folder = real_file("field")
    for path in sorted([*folder.glob("*nano*.root"), *folder.glob("*hyslite*.root"), *folder.parent.glob("*.*")]):
        try:
            batches = list(read_events(path, unit="file", policy=InvalidPolicy("keep")))
        except JetDataError:  # of another kind
            continue
        assert sum(batch.table.nbytes for batch in batches) < 10 * path.stat().st_size
