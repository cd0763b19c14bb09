"""Compressed files as lazy arrays: the same values, and only what is used is read."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import compress_columns, dask_arrays, open_compressed
from atlas_keras.codec.columns.events import CompressedEvents
from atlas_keras.data import whole_files
from atlas_keras.errors import JetDataError
from tests.codec.columns.tables import collision_events, with_missing
from tests.pages import ROOT, blocks_of, run

GUIDE = ROOT / "docs" / "guides" / "physicist.md"
ak = pytest.importorskip("awkward")
dak = pytest.importorskip("dask_awkward")
dask = pytest.importorskip("dask")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two compressed files of several blocks each, and the events that are in them."""
    folder, paths, tables = tmp_path_factory.mktemp("lazy"), [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_files, "BLOCK_EVENTS", 400)
        for seed in range(2):
            tables.append(collision_events(1000, seed))
            pq.write_table(tables[-1], folder / "in.parquet")
            compress_columns(folder / "in.parquet", folder / f"{seed}.akc")
            paths.append(folder / f"{seed}.akc")
    return paths, pa.concat_tables(tables)


def dijet_mass(events):
    """Compute the mass of the two leading jets, of events that have two; as an analysis has it."""
    two = ak.num(events.Jet_pt) >= 2
    pt, eta, phi, mass = (events[f"Jet_{name}"][two] for name in ("pt", "eta", "phi", "mass"))
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    total = [part[:, 0] + part[:, 1] for part in (energy, px, py, pz)]
    return np.sqrt(total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2)


def test_the_dijet_mass_is_that_of_the_source(files, monkeypatch):
    paths, table = files
    lazy = dask_arrays(paths)
    assert lazy.npartitions == 6
    assert lazy.divisions == (0, 400, 800, 1000, 1400, 1800, 2000)
    read, arrays = set(), CompressedEvents.arrays

    def counted(self, columns=None, *args):
        read.update(columns)
        return arrays(self, columns, *args)

    mass = dijet_mass(lazy)
    monkeypatch.setattr(CompressedEvents, "arrays", counted)
    found = ak.to_numpy(mass.compute(scheduler="sync"))
    assert read == {"Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass"}
    right = ak.to_numpy(dijet_mass(ak.from_arrow(table)))
    assert np.abs(found / right - 1).max() < 1e-2  # of variables within 1e-3
    edges = np.linspace(0, 400, 21)
    assert np.abs(np.histogram(found, edges)[0] - np.histogram(right, edges)[0]).sum() < 0.02 * len(right)


def test_the_page_for_physicists_runs(files, tmp_path, monkeypatch):
    """Its analysis counts each event that has two jets."""
    (block,) = (one for one in blocks_of(GUIDE) if one.mark == "needs dask-awkward")
    paths, table = files
    monkeypatch.chdir(tmp_path)
    for name, path in zip(("a.akc", "b.akc"), paths, strict=True):
        (tmp_path / name).symlink_to(path)
    names = {}
    with dask.config.set(scheduler="sync"):
        run(block, names)
    assert names["counts"].sum() == ak.sum(ak.num(ak.from_arrow(table)["Jet_pt"]) >= 2)


def test_all_of_it_is_as_open_compressed_reads_it(files):
    paths, _ = files
    with open_compressed(paths[1]) as file:
        right = file.arrays()
    lazy = dask_arrays(paths[1])
    assert lazy.fields == right.fields
    assert ak.array_equal(lazy.compute(scheduler="sync"), right)
    assert ak.array_equal(dask_arrays(paths[1], "Jet_p*").Jet_phi.compute(scheduler="sync"), right.Jet_phi)


def test_missing_values_and_files_that_differ(files, tmp_path):
    pq.write_table(with_missing(), tmp_path / "in.parquet")
    for coding in ("entropy", "parquet"):
        path = tmp_path / f"{coding}.akc"
        compress_columns(tmp_path / "in.parquet", path, ["*=exact"], coding=coding)
        with open_compressed(path) as file:
            right = file.arrays()
        assert ak.to_list(dask_arrays(path).compute(scheduler="sync")) == ak.to_list(right)
    with pytest.raises(JetDataError, match="has other columns than"):
        dask_arrays([files[0][0], path])
