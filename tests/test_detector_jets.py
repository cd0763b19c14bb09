"""The script that makes jets of 43 columns: what they are, from the particles on. It needs the extra `sample`."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras.codec.columns.files import prepare

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from scripts import make_detector_jets, make_substructure_sample
from scripts.jet_files import to_table

N_JETS, SEED = 60, 5


@pytest.fixture(scope="module")
def table():
    return to_table(make_detector_jets.generate(N_JETS, SEED)[0])


def of_jets(table):
    return [name for name in table.column_names if name.startswith("Jet_")]


@pytest.fixture(scope="module")
def jets(table):
    flat = {name: table[name].combine_chunks().flatten() for name in of_jets(table)}
    return {name.removeprefix("Jet_"): values.to_numpy(zero_copy_only=False) for name, values in flat.items()}


def test_31_of_43_columns_are_those_of_the_sample(table):
    sample = to_table(make_substructure_sample.generate(N_JETS, SEED)[0])
    assert (len(of_jets(table)), len(of_jets(sample))) == (43, 31)
    # The ghosts of areas are new ones each time in a process.
    assert [name for name in sample.column_names if not table[name].equals(sample[name])] == ["Jet_area"]


def test_the_detector_agrees_with_itself(table, jets):
    n = table["Jet_pt"].combine_chunks().value_lengths().to_numpy()
    assert len(jets["pt"]) == n.sum() >= N_JETS
    momentum = jets["pt"].astype(float) * np.cosh(jets["eta"].astype(float))
    np.testing.assert_allclose(np.hypot(momentum, jets["mass"]), jets["E"], rtol=1e-5)
    assert (jets["pt"] * (1 - jets["rawFactor"]) > 20 - 1e-4).all()
    assert (jets["nTracks1000"] <= jets["nTracks500"]).all()
    assert (jets["nTracks500"] <= jets["nCharged"]).all()
    assert (jets["nElectrons"] + jets["nMuons"] + jets["nPhotons"] <= jets["nConstituents"]).all()
    assert set(jets["flavor"]) <= {0, 4, 5}
    has_tracks = jets["nCharged"] > 0
    distance = np.abs(jets["vtxZ"] - np.repeat(table["pvZ"].to_numpy(), n))
    assert 0 < distance[has_tracks].max() < 0.5


def test_what_is_not_there_has_a_filler(jets):
    assert ((jets["svMass"] == -999) == (jets["nSV"] == 0)).all()
    assert ((jets["jvf"] == -1) == (jets["nTracks1000"] == 0)).all()
    assert (jets["vtxZ"][jets["nCharged"] == 0] == -1).all()
    assert (jets["nSV"] == 0).any()
    assert (jets["nTracks1000"] == 0).any()
    assert jets["jvf"].max() <= 1


def test_the_schema_has_a_bound_for_every_float(table, tmp_path):
    path = tmp_path / "detector.parquet"
    pq.write_table(table, path)
    described = prepare(path, schema=make_detector_jets.schema())[0][0].described
    floats = {f.name for f in table.schema if pa.types.is_list(f.type) and pa.types.is_floating(f.type.value_type)}
    assert floats == {f"Jet_{name}" for name in make_detector_jets.BOUNDS}
    assert {str(described[name].bound) for name in floats} == {
        "relative 0.001", "absolute 0.001", "absolute 0.01", "angle 0.001",
    }  # fmt: skip
