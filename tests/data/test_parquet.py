import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import energy

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
    pq.write_table(table.replace_schema_metadata({"unit": unit} if unit else None), path)
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
        ({"eta": [[0.1, None], [], [1.0]]}, "event 1, jet 2, column eta: nan has to be finite"),
        ({"pt": [[5.0, 2.0], [], [0.0]]}, "event 3, jet 1, column pt: 0 has to be positive"),
        ({"phi": [[5.0, 2.0], [], [0.0]]}, "event 1, jet 1, column phi: 5 has to lie"),
        ({"mass": [[5.0, float("nan")], [], [1.0]]}, "event 1, jet 2, column mass: nan has to be finite"),
        ({"mass": [[5.0, None], [], [1.0]]}, "event 1, jet 2, column mass: nan has to be finite"),
        ({"mass": [[5.0, 1.0], [], [-1e6]]}, r"event 3, jet 1, column mass: -1e\+06 gives no positive, finite energy"),
        ({"eta": [[5.0, 1.0], [], [800.0]]}, "event 3, jet 1, column eta: 800 gives no positive, finite energy"),
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
    with pytest.raises(JetDataError, match="event 1, jet 2, column E: -1 has to be positive"):
        load_jets(write(tmp_path / "a.parquet", layout(columns)))
    columns = {**EVENTS, "mass": [[5.0, float("inf")], [], [1.0]]}
    with pytest.raises(JetDataError, match="event 1, jet 2, column mass: inf has to be finite"):
        load_jets(write(tmp_path / "a.parquet", layout(columns)))


def test_units_are_never_guessed(tmp_path):
    path = write(tmp_path / "a.parquet", EVENTS, unit=None)
    with pytest.raises(JetDataError, match="--source-unit"):
        load_jets(path)
    assert load_jets(path, source_unit="MeV")["pt"].max() == 50.0
    with pytest.raises(JetDataError, match="says that its unit is GeV"):
        load_jets(write(path, EVENTS), source_unit="MeV")


def test_rows_of_jets_need_an_event_column(tmp_path):
    with pytest.raises(JetDataError, match="event column"):
        load_jets(write(tmp_path / "a.parquet", flat(EVENTS, "number")))


def test_truncated(tmp_path):
    path = write(tmp_path / "a.parquet", EVENTS)
    content = path.read_bytes()
    for size in range(4, len(content), 37):
        path.write_bytes(content[:size])
        with pytest.raises(JetDataError, match=r"a\.parquet"):
            load_jets(path)
