import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.config import DataConfig
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.parquet import open_tables
from atlas_keras.data.source import read_table
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import energy
from atlas_keras.schema import PHI_MAX

EVENTS = {
    "pt": [[50.0, 30.0], [], [40.0]],
    "eta": [[0.5, -1.0], [], [2.0]],
    "phi": [[3.0, -3.0], [], [0.0]],
    "mass": [[5.0, 3.0], [], [-0.1]],
    "run": [7, 8, 9],
}


def with_energy(columns):
    out = dict(columns)
    out["E"] = [energy(*map(np.array, row)).tolist() for row in zip(out["pt"], out["eta"], out["mass"], strict=True)]
    del out["mass"]
    return out


def write(path, columns, unit="GeV"):
    table = pa.table(columns)
    try:
        pq.write_table(table.replace_schema_metadata({"unit": unit} if unit else None), path)
    except pa.ArrowNotImplementedError as error:
        if "list_view" not in str(error):
            raise
        pytest.skip(f"pyarrow {pa.__version__} writes no list views: {error}")
    return path


def flat(columns, event="event"):
    counts = [len(row) for row in columns["pt"]]
    out = {k: [x for row in v for x in row] for k, v in columns.items() if k != "run"}
    return {event: np.repeat([11, 12, 11], counts), **out}


@pytest.mark.parametrize("columns", [EVENTS, with_energy(EVENTS)], ids=["mass", "E"])
def test_both_layouts_agree(tmp_path, columns):
    nested = load_jets(write(tmp_path / "a.parquet", columns))
    rows = load_jets(write(tmp_path / "b.parquet", flat(columns)))
    np.testing.assert_allclose(nested[["E", "pt", "eta", "phi"]], rows[["E", "pt", "eta", "phi"]])
    assert nested["event"].tolist() == [0, 0, 2]
    assert nested["pt"].tolist() == [50_000.0, 30_000.0, 40_000.0]


def test_other_columns_and_empty_events_stay(tmp_path):
    (batch,) = read_events(write(tmp_path / "a.parquet", EVENTS))
    assert batch.table["run"].to_pylist() == [7, 8, 9]
    assert batch.counts.tolist() == [2, 0, 1]


def test_events_cut_by_blocks_are_whole(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    event = np.sort(rng.integers(0, 60, 300))
    columns = {"event": event, **{k: rng.uniform(1, 2, 300) for k in ("E", "pt", "eta", "phi")}}
    path = write(tmp_path / "a.parquet", columns)
    whole = load_jets(path)
    monkeypatch.setattr("atlas_keras.data.parquet.BATCH_ROWS", 7)
    assert load_jets(path).equals(whole)
    assert whole["event"].nunique() == np.unique(event).size


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pt": None}, "column pt is missing"),
        ({"mass": None}, "column E .or mass. is missing"),
        ({"mass": [[5.0], [], [1.0]]}, "column mass"),
        ({"eta": [[0.1, None], [], [1.0]]}, "event 1, jet 2, column eta: nan has to lie in"),
        ({"pt": [[5.0, 2.0], [], [0.0]]}, "event 3, jet 1, column pt: 0 has to be positive"),
        ({"phi": [[5.0, 2.0], [], [0.0]]}, "event 1, jet 1, column phi: 5 has to lie"),
        ({"mass": [[5.0, float("nan")], [], [1.0]]}, "event 1, jet 2, column mass: nan has to be finite"),
        ({"mass": [[5.0, None], [], [1.0]]}, "event 1, jet 2, column mass: nan has to be finite"),
        ({"mass": [[5.0, 1.0], [], [-1e6]]}, r"event 3, jet 1, column mass: -1e\+06 gives no positive, finite energy"),
        ({"eta": [[5.0, 1.0], [], [800.0]]}, "event 3, jet 1, column eta: 800 has to lie in"),
        ({"phi": [1.0, 2.0, 3.0]}, "partly lists"),
    ],
)
def test_bad_columns_are_named(tmp_path, change, reason):
    columns = {k: v for k, v in {**EVENTS, **change}.items() if v is not None}
    with pytest.raises(JetDataError, match=reason):
        load_jets(write(tmp_path / "a.parquet", columns))


@pytest.mark.parametrize("layout", [dict, flat], ids=["events", "jets"])
def test_the_column_of_the_file_is_named(tmp_path, layout):
    columns = with_energy(EVENTS)
    columns["E"] = [[60.0, -1.0], [], [160.0]]
    with pytest.raises(JetDataError, match=r"(event|row) 1, jet 2, column E: -1 has to be positive"):
        load_jets(write(tmp_path / "a.parquet", layout(columns)))
    columns = {**EVENTS, "mass": [[5.0, float("inf")], [], [1.0]]}
    with pytest.raises(JetDataError, match=r"(event|row) 1, jet 2, column mass: inf has to be finite"):
        load_jets(write(tmp_path / "a.parquet", layout(columns)))


@pytest.mark.parametrize("mass", [[1.0, 2.0, 3.0], ["heavy", "light", None]], ids=["numbers", "words"])
def test_a_mass_of_the_event_is_another_column(tmp_path, mass):
    path = write(tmp_path / "a.parquet", {**with_energy(EVENTS), "mass": mass})
    (batch,) = read_events(path, unit="MeV")
    assert batch.table["mass"].to_pylist() == mass
    assert "mass" not in batch.jet_columns
    assert load_jets(path)["pt"].tolist() == [50_000.0, 30_000.0, 40_000.0]


@pytest.mark.parametrize("layout", [dict, flat], ids=["events", "jets"])
def test_a_mass_of_the_jets_beside_the_energy_is_converted(tmp_path, layout):
    columns = layout({**with_energy(EVENTS), "mass": EVENTS["mass"]})
    batches = list(read_events(write(tmp_path / "a.parquet", columns), unit="MeV"))
    assert [x for batch in batches for row in batch.table["mass"].to_pylist() for x in row] == [5000, 3000, -100]
    assert all("mass" in batch.jet_columns for batch in batches)


@pytest.mark.parametrize(
    "kind",
    [pa.list_, pa.large_list, pa.list_view, pa.large_list_view, lambda value: pa.list_(value, 2)],
    ids=["list", "large", "view", "large view", "fixed"],
)
@pytest.mark.parametrize("value", [pa.float16(), pa.float32(), pa.decimal128(9, 3)], ids=str)
def test_jets_are_lists_of_any_kind(tmp_path, kind, value):
    columns = {"E": [[100, 200], [300, 250]], "pt": [[50, 60], [70, 10]], "eta": [[1, 0], [-1, 2]], "phi": [[0, 1]] * 2}
    stored = {name: pa.array(rows, pa.list_(pa.float32())).cast(pa.list_(value)) for name, rows in columns.items()}
    stored = {name: pa.array(rows.to_pylist(), kind(value)) for name, rows in stored.items()}
    jets = load_jets(write(tmp_path / "a.parquet", stored))
    assert jets["E"].tolist() == [100_000, 200_000, 300_000, 250_000]


def test_a_mass_that_is_none_of_the_jets_is_a_column_as_any_other(tmp_path):
    columns = {**with_energy(EVENTS), "mass": [[1.0, 2.0, 3.0], [], [4.0]]}
    path = write(tmp_path / "a.parquet", columns)
    with pytest.raises(
        JetDataError, match=r"column mass has 3 values, and E has 2.*if it is none of the jets, say --jet"
    ):
        next(read_events(path))
    batch = next(read_events(path, jet_columns=()))
    assert "mass" not in batch.jet_columns
    assert batch.table["mass"].to_pylist() == columns["mass"]
    assert len(load_jets(path)) == 3
    words = {**with_energy(EVENTS), "mass": [["a", "b"], [], ["c"]]}
    assert next(read_events(write(path, words))).unclear == ("mass",)


def test_columns_of_other_things_are_refused(tmp_path):
    with pytest.raises(JetDataError, match="column pt holds string, not numbers"):
        load_jets(write(tmp_path / "a.parquet", {**EVENTS, "pt": [["50", "30"], [], ["40"]]}))
    with pytest.raises(JetDataError, match=r"column event holds list<.*not events' ids"):
        load_jets(write(tmp_path / "a.parquet", {**flat(EVENTS), "event": [[1], [1], [2]]}))


# Of three events with two, none and one jets; the second jet of the first event is bad.
BESIDE = {
    "list": pa.array([[1.0, 2.0], [], [3.0]]),
    "large_list": pa.array([[1.0, 2.0], [], [3.0]], pa.large_list(pa.float32())),
    "list_view": pa.array([[1.0, 2.0], [], [3.0]], pa.list_view(pa.float32())),
    "words": pa.array([["a", None], [], ["b"]]),
    "lists": pa.array([[[1], [2, 3]], [], [[]]]),
    "structs": pa.array([[{"a": 1}, {"a": 2}], [], [{"a": 3}]]),
    "absent": pa.array([[1.0, 2.0], None, [3.0]]),
}
BAD = {**with_energy(EVENTS), "pt": [[50.0, -30.0], [], [40.0]]}


def dropped(path, **options):
    policy = InvalidPolicy("drop")
    batches = list(read_events(path, policy=policy, **options))
    assert policy.n_jets == 1
    return pa.concat_tables([batch.table for batch in batches])


@pytest.mark.parametrize("kind", BESIDE)
def test_dropped_jets_are_dropped_everywhere(tmp_path, kind):
    rows, muons = BESIDE[kind].to_pylist(), [[7, 8], [], [9]]
    wanted = [rows[0][:1], rows[1], rows[2]]
    columns = {**BAD, "of_jets": BESIDE[kind], "muons": muons}
    path = write(tmp_path / "a.parquet", columns)
    with pytest.raises(JetDataError, match="column of_jets has as many values as there are jets: say with --jet-col"):
        dropped(path)
    found = dropped(path, jet_columns=["of_*"])
    assert found["of_jets"].to_pylist() == wanted
    assert found["muons"].to_pylist() == muons
    assert found["pt"].to_pylist() == [[50_000.0], [], [40_000.0]]
    assert dropped(path, jet_columns=())["of_jets"].to_pylist() == rows
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"unit": "GeV", "jet_columns": '["pt", "of_jets", "gone"]'}), path)
    found = dropped(path)
    assert (found["of_jets"].to_pylist(), found["muons"].to_pylist()) == (wanted, muons)


def test_all_columns_of_a_row_belong_to_its_jet(tmp_path):
    columns = flat({**BAD, "words": [["a", "b"], [], ["c"]], "lists": [[[1], [2, 3]], [], [[]]]})
    found = dropped(write(tmp_path / "a.parquet", columns))
    assert found["words"].to_pylist() == [["a", "c"]]  # rows of the same event 11
    assert found["lists"].to_pylist() == [[[1], []]]


def test_fixed_lists_become_lists_where_jets_are_dropped(tmp_path):
    columns = {"pt": [[5.0, -1], [6, 7]], "eta": [[0.0, 1], [2, 3]], "phi": [[0.0, 1], [2, 3]], "mass": [[0.5, 1]] * 2}
    columns["tag"] = pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2))
    found = dropped(write(tmp_path / "a.parquet", columns), jet_columns=["tag"])
    assert found["tag"].to_pylist() == [[1], [3, 4]]
    assert found["mass"].to_pylist() == [[500.0], [500.0, 1000.0]]


def test_dropping_asks_only_where_it_matters(tmp_path):
    path = write(tmp_path / "a.parquet", {**BAD, "muons": [[1], [], [2]], "tag": BESIDE["list"]})
    assert len(load_jets(path, invalid="drop")) == 2  # no other columns are kept
    assert read_table(DataConfig(paths=(str(path),), invalid="drop"), InvalidPolicy("drop")).n_jets == 2
    path = write(tmp_path / "a.parquet", {**BAD, "muons": [[1], [], [2]]})
    assert dropped(path)["muons"].to_pylist() == [[1], [], [2]]
    (batch,) = read_events(write(tmp_path / "a.parquet", {**with_energy(EVENTS), "tag": BESIDE["list"]}))
    assert batch.unclear == ("tag",)  # nothing is dropped


def test_wrong_declarations_are_told(tmp_path):
    path = write(tmp_path / "a.parquet", {**BAD, "muons": [[1], [], [2]]})
    with pytest.raises(JetDataError, match="event 1, column muons has 1 values, and E has 2"):
        dropped(path, jet_columns=["muons"])
    with pytest.raises(JetDataError, match="no column with lists is called muon; did you mean 'muons'"):
        dropped(path, jet_columns=["muon"])
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"unit": "GeV", "jet_columns": "muons"}), path)
    with pytest.raises(JetDataError, match="jet_columns in the file's metadata is no list"):
        dropped(path)


def test_jets_just_beyond_pi_are_legal(tmp_path):
    phi = [[3.1416015625, -3.1416015625], [], [PHI_MAX]]
    jets = load_jets(write(tmp_path / "a.parquet", {**EVENTS, "phi": phi}))
    assert jets["phi"].tolist() == [*phi[0], PHI_MAX]
    bits = 2.0 ** np.arange(8, 53)  # of a mantissa: numbers from 2 to 4 are 2 / 2^bits apart
    assert np.max(np.rint(np.pi * bits / 2) / bits * 2) <= PHI_MAX
    for beyond in (np.nextafter(PHI_MAX, 4), 3.2, -3.2):
        with pytest.raises(JetDataError, match=r"event 3, jet 1, column phi: -?3\.\d+ has to lie"):
            load_jets(write(tmp_path / "a.parquet", {**EVENTS, "phi": [[3.0, -3.0], [], [beyond]]}))


def test_units_are_never_guessed(tmp_path):
    path = write(tmp_path / "a.parquet", EVENTS, unit=None)
    with pytest.raises(JetDataError, match="--source-unit"):
        load_jets(path)
    assert load_jets(path, source_unit="MeV")["pt"].max() == 50.0
    with pytest.raises(JetDataError, match="says that its unit is GeV"):
        load_jets(write(path, EVENTS), source_unit="MeV")


def test_rows_without_an_event_column_are_events(tmp_path, caplog):
    caplog.set_level("INFO")
    jets = load_jets(write(tmp_path / "a.parquet", flat(EVENTS, "number")))
    assert jets["event"].tolist() == [0, 1, 2]
    assert "no column tells the event (event, event_id, event_number, eventNumber, entry), so each row is one" in (
        caplog.text
    )


def test_truncated(tmp_path):
    path = write(tmp_path / "a.parquet", EVENTS)
    content = path.read_bytes()
    for size in range(4, len(content), 37):
        path.write_bytes(content[:size])
        with pytest.raises(JetDataError, match=r"a\.parquet"):
            load_jets(path)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Arrow lets go of row groups that have been read."""
    path, rng = tmp_path / "many.parquet", np.random.default_rng(0)
    with pq.ParquetWriter(path, pa.schema([("x", pa.float64())])) as writer:
        for _ in range(60):
            writer.write_table(pa.table({"x": rng.random(20_000)}))
    before, most = pa.total_allocated_bytes(), 0
    (table,) = open_tables(path, any_size=False)
    for _ in table.read(["x"], 10_000):
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < path.stat().st_size / 4
