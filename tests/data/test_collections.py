"""Readers fill the columns of a collection, whatever they are."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.data.splitting import collect
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import energy
from atlas_keras.schema import FOUR_MOMENTUM, Collection, Column

SIX = Collection(
    "jets",
    tuple(
        Column(name, quantity)
        for name, quantity in [
            ("pt", "energy"), ("eta", "eta"), ("phi", "angle"), ("mass", "mass"), ("area", "other"), ("btag", "score"),
        ]
    ),
)  # fmt: skip


@pytest.fixture
def six_columns(tmp_path):
    """A Parquet file of three events with six columns a jet, in GeV."""
    columns = {
        "pt": [[50.0, 40.0], [], [30.0]],
        "eta": [[1.0, -2.0], [], [0.5]],
        "phi": [[3.0, 0.0], [], [-3.0]],
        "mass": [[10.0, -1.0], [], [5.0]],
        "area": [[0.5, 0.6], [], [0.4]],
        "btag": [[-1.0, 0.1], [], [0.9]],
        "met": [20.0, 30.0, 40.0],
    }
    path = tmp_path / "six.parquet"
    pq.write_table(pa.table(columns).replace_schema_metadata({"unit": "GeV"}), path)
    return path


def test_any_collection_is_read(six_columns):
    batch = next(read_events(six_columns, collection=SIX, unit="MeV"))
    assert batch.collection == SIX
    assert batch.jet_columns == SIX.names
    assert batch.computed == ()
    np.testing.assert_array_equal(
        batch.jets(), [[5e4, 1, 3, 1e4, 0.5, -1], [4e4, -2, 0, -1e3, 0.6, 0.1], [3e4, 0.5, -3, 5e3, 0.4, 0.9]]
    )
    frame = load_jets(six_columns, collection=SIX)
    assert list(frame.columns) == ["event", *SIX.names]
    assert frame["event"].tolist() == [0, 0, 2]
    table = collect(read_events(six_columns, collection=SIX))
    assert (table.jets.shape, table.collection, table.n_events) == ((3, 6), SIX, 3)


def test_a_column_that_is_computed_stands_where_the_collection_has_it(six_columns):
    collection = Collection("jets", (Column("area"), *FOUR_MOMENTUM))
    batch = next(read_events(six_columns, collection=collection, unit="file"))
    assert batch.computed == ("E",)
    pt, eta, mass = (load_jets(six_columns, "GeV", collection=SIX)[name] for name in ("pt", "eta", "mass"))
    np.testing.assert_allclose(batch.jets()[:, 1], energy(pt, eta, mass))
    np.testing.assert_array_equal(batch.jets()[:, 0], [0.5, 0.6, 0.4])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("pt", -1.0, "event 1, jet 2, column pt: -1 has to be positive"),
        ("mass", np.nan, "event 1, jet 2, column mass: nan has to be finite"),
        ("btag", np.inf, "event 1, jet 2, column btag: inf has to be finite"),
        ("phi", 4.0, r"event 1, jet 2, column phi: 4 has to lie in \[-pi, pi\]"),
    ],
)
def test_every_column_has_its_rule(six_columns, name, value, message):
    table = pq.read_table(six_columns)
    lists = table[name].to_pylist()
    lists[0][1] = value
    table = table.set_column(table.column_names.index(name), name, pa.array(lists))
    pq.write_table(table, six_columns)
    with pytest.raises(JetDataError, match=message):
        load_jets(six_columns, collection=SIX)
    assert len(load_jets(six_columns, collection=SIX, invalid="drop")) == 2


def test_a_column_that_a_file_does_not_have_is_named(six_columns, small_file):
    other = Collection("jets", (*SIX, Column("charge")))
    with pytest.raises(JetDataError, match=r"six\.parquet: column charge is missing"):
        load_jets(six_columns, collection=other)
    with pytest.raises(JetDataError, match="column mass is missing: the text format has E, pt, eta, phi alone"):
        load_jets(small_file, collection=SIX)


@pytest.mark.parametrize("name", ["field/nano_dy.root", "field/nano_tt_v12.root"])
def test_any_columns_of_nanoaod(real_file, name):
    """Of a real file: what stands behind `Jet_`."""
    columns = ("pt", "eta", "phi", "mass", "area", "btagDeepFlavB")
    collection = Collection("jets", tuple(Column(name, "energy" if name == "pt" else "other") for name in columns))
    frame = load_jets(real_file(name), "GeV", collection=collection)
    assert list(frame.columns) == ["event", *columns]
    whole = load_jets(real_file(name), "GeV")
    np.testing.assert_array_equal(frame["pt"], whole["pt"])
    assert frame["area"].between(0, 3).all()
    with pytest.raises(JetDataError, match="looks like NanoAOD but lacks the branch Jet_are"):
        load_jets(real_file(name), collection=Collection("jets", (*collection, Column("are"))))


@pytest.mark.parametrize(("name", "value"), [("E", 1e39), ("pt", 1e-60)])
def test_what_is_beyond_float32_is_named_before_it_becomes_infinite_or_zero(name, value, tmp_path):
    """Compression keeps it; models compute in float32."""
    jets = {"E": [2e5, 2e5], "pt": [1e5, 1e5], "eta": [0.0, 0.0], "phi": [0.0, 0.0], "event": [1, 2]}
    jets[name][1] = value
    path = tmp_path / "far.parquet"
    pq.write_table(pa.table(jets).replace_schema_metadata({"unit": "MeV"}), path)
    assert load_jets(path)[name].tolist()[1] == value
    with pytest.raises(JetDataError, match=rf"row 2, column {name}: {re.escape(f'{value:g}')} MeV is beyond float32"):
        collect(read_events(path))
