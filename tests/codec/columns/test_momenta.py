"""Momenta know of each other where names declare them: energies by a formula, azimuths by the recoil."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import open_compressed
from atlas_keras.codec.columns import compiled
from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.models import fit_columns
from atlas_keras.codec.columns.momenta import Momenta, energy, energy_of
from atlas_keras.codec.columns.recoil import Recoil
from atlas_keras.data.contents import Group
from atlas_keras.schema import FOUR_MOMENTUM, MASS, Collection
from tests.codec.columns.tables import balanced_events
from tests.codec.columns.test_files import check_same

pytestmark = pytest.mark.skipif(not compiled.COMPILES, reason="learning wants the compiler")
N_EVENTS = 1500


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from atlas_keras.data import whole_files

    folder = tmp_path_factory.mktemp("momenta")
    pq.write_table(balanced_events(N_EVENTS), folder / "events.parquet")
    pq.write_table(balanced_events(2000, 1), folder / "others.parquet")
    fit_columns([folder / "others.parquet"], folder / "model.akc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_files, "BLOCK_EVENTS", 600)
        for jobs in (1, 2):
            compress_columns(folder / "events.parquet", folder / f"{jobs}.akc", model=folder / "model.akc", jobs=jobs)
    return folder


def test_energies_and_azimuths_are_what_they_follow_from(folder):
    with open_compressed(folder / "1.akc", folder / "model.akc") as file:
        plans = file.plans()
        assert plans["Jet_E"].quantizer.kind == "ratio"
        assert isinstance(plans["Jet_phi"].learned.origin, Recoil)
        assert len(plans["Jet_phi"].learned.origin.missing) == 2
        assert file.keys() == ["Jet_E", "Jet_phi", "Jet_eta", "Jet_pt", "MET_pt", "MET_phi"]
        assert file.head.late == ("Jet_E", "Jet_phi")
        check_same(balanced_events(N_EVENTS), file.table(), file.bounds())
        file.check()


def test_a_part_brings_what_it_follows_from(folder):
    with open_compressed(folder / "1.akc", folder / "model.akc") as file:
        assert len(file.head.blocks) == 3
        whole = file.table()
        for name in ("Jet_E", "Jet_phi"):  # as text: NaN equals nothing
            found, expected = file.table(name, 550, 650), whole.select([name]).slice(550, 100)
            assert str(found.to_pylist()) == str(expected.to_pylist())


def test_threads_write_the_same_file(folder):
    assert (folder / "1.akc").read_bytes() == (folder / "2.akc").read_bytes()


def test_momenta_are_declared_by_names_and_never_guessed():
    collection = Collection("Jet", (*FOUR_MOMENTUM, MASS))
    sources = {name: f"Jet_{name}" for name in collection.names}
    names = [*sources.values(), "MET", "METphi"]
    found = Momenta.declared([Group(collection, sources)], names)
    assert found.sources_of_energy("Jet_E") == ("Jet_pt", "Jet_eta", "Jet_mass")
    assert found.sources_of_azimuth("Jet_phi") == ("Jet_pt", "Jet_eta")
    assert found.missing == ("MET", "METphi")
    assert found.late(names) == ("Jet_E",)
    without = Momenta.declared([Group(collection, sources)], ["Jet_E", "Jet_phi", "Jet_pt"])
    assert without.sources_of_energy("Jet_E") == without.sources_of_azimuth("Jet_phi") == without.missing == ()


def test_energies_are_finite_and_right():
    rng = np.random.default_rng(0)
    pt, eta, mass = rng.exponential(50, 1000), rng.uniform(-30, 30, 1000), rng.exponential(10, 1000)
    assert np.abs(energy(pt, eta, mass) / np.hypot(pt * np.cosh(eta), mass) - 1).max() < 1e-14
    odd = np.array([np.nan, np.inf, 0.0, 1e300, -1e300])
    found = energy(*(part.ravel() for part in np.meshgrid(odd, odd)))
    assert np.all(np.isfinite(found) & (found > 0))


def test_energies_of_components(tmp_path):
    """As EDM4hep has them: an energy beside three components and the mass is hardly stored again."""
    rng = np.random.default_rng(0)
    px, py, pz = rng.normal(0, 20, (3, 800)).astype(np.float32)
    mass = np.where(rng.random(800) < 0.5, 0.1396, 0.4937).astype(np.float32)
    e = np.sqrt(sum(x.astype(float) ** 2 for x in (px, py, pz, mass)))
    assert np.abs(energy_of([px, py, pz, mass]) / e - 1).max() < 1e-14
    odd = np.array([np.nan, np.inf, 0.0, 1e300])
    assert np.all(np.isfinite(energy_of([odd, odd, odd, odd])))
    columns = {"px": px, "py": py, "pz": pz, "mass": mass, "energy": e.astype(np.float32)}
    offsets = pa.array(np.arange(0, 801, 4, dtype=np.int32))
    lists = {f"Part_{name}": pa.ListArray.from_arrays(offsets, pa.array(x)) for name, x in columns.items()}
    source, small = tmp_path / "parts.parquet", tmp_path / "parts.akc"
    pq.write_table(pa.table(lists), source)
    compress_columns(source, small)
    with open_compressed(small) as file:
        plans = file.plans()
        assert len(plans["Part_energy"].formula) == 4
        assert 3 * file.column_bytes()["Part_energy"] < file.column_bytes()["Part_px"]
        check_same(pa.table(lists), file.table(), file.bounds())
        file.check()
