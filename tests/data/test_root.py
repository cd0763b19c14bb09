import contextlib

import numpy as np
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import mass

ak = pytest.importorskip("awkward")
uproot = pytest.importorskip("uproot")

JETS = {
    "pt": [[50.0, 30.0], [], [40.0]],
    "eta": [[0.5, -1.0], [], [2.0]],
    "phi": [[3.0, -3.0], [], [0.0]],
    "mass": [[5.0, 3.0], [], [-0.5]],
}


def branches(prefix="Jet_", skip=(), rename=None):
    names = {name: (rename or {}).get(name, name) for name in JETS}
    arrays = {prefix + names[name]: ak.Array(JETS[name]) for name in JETS if name not in skip}
    return {**arrays, "event": np.array([5, 6, 7]), "weight": np.array([0.5, 0.25, 1.0])}


def write(path, kind, arrays):
    with uproot.recreate(path) as file:
        if kind == "TTree":
            file.mktree("Events", {k: v.type.content if hasattr(v, "type") else v.dtype for k, v in arrays.items()})
            file["Events"].extend(arrays)
        else:
            file.mkrntuple("Events", ak.Array(arrays))
    return path


@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
def test_energy_comes_from_the_mass(tmp_path, kind):
    path = write(tmp_path / "nano.root", kind, branches())
    (batch,) = read_events(path, unit="GeV", columns=("wei*",))
    jets = batch.jets()
    np.testing.assert_allclose(mass(*jets[:, :3].T), [5.0, 3.0, -0.5], rtol=1e-9)
    assert batch.table["event"].to_pylist() == [5, 6, 7]
    assert batch.table["weight"].to_pylist() == [0.5, 0.25, 1.0]
    assert batch.counts.tolist() == [2, 0, 1]
    assert load_jets(path)["pt"].tolist() == [50_000.0, 30_000.0, 40_000.0]


def test_missing_branches_are_named(tmp_path):
    with pytest.raises(JetDataError, match="looks like NanoAOD but lacks the branch Jet_mass"):
        load_jets(write(tmp_path / "a.root", "TTree", branches(skip=("mass",))))
    with pytest.raises(JetDataError, match="no tree has the branch"):
        load_jets(write(tmp_path / "a.root", "TTree", branches(prefix="Muon_")))


def test_truncated(tmp_path):
    path = write(tmp_path / "a.root", "TTree", branches())
    content, whole = path.read_bytes(), load_jets(path)
    for size in range(4, len(content) - 1, 211):
        path.write_bytes(content[:size])
        # The end of a ROOT file holds class descriptions, which reading jets does not need.
        with contextlib.suppress(JetDataError):
            assert load_jets(path).equals(whole)
    path.write_bytes(content[:300])
    with pytest.raises(JetDataError, match="truncated or damaged"):
        load_jets(path)


@pytest.mark.parametrize(
    ("name", "tree", "prefix", "m", "n_events", "n_jets"),
    [
        ("nanoAOD_2015_CMS_Open_Data_ttbar.root", "Events", "Jet_", "mass", 200, 537),
        ("DAOD_PHYSLITE_ttbar_small.root", "CollectionTree", "AnalysisJetsAuxDyn.", "m", 100, 1005),
    ],
)
def test_the_real_files_agree_with_uproot(real_file, name, tree, prefix, m, n_events, n_jets):
    path = real_file(name)
    unit = "GeV" if "nano" in name else "MeV"
    (batch,) = read_events(path, unit=unit)
    arrays = uproot.open(path)[tree].arrays([prefix + v for v in ("pt", "eta", "phi", m)])
    jets = batch.jets()
    assert (batch.n_events, len(jets)) == (n_events, n_jets)
    for column, variable in enumerate(("pt", "eta", "phi"), start=1):
        np.testing.assert_array_equal(jets[:, column], ak.flatten(arrays[prefix + variable]))
    assert batch.counts.tolist() == ak.num(arrays[prefix + "pt"]).to_list()
    stored = ak.to_numpy(ak.flatten(arrays[prefix + m])).astype(float)
    # The mass is a small difference of large energies: double precision leaves 1e-16 E^2 / m of it.
    np.testing.assert_allclose(mass(*jets[:, :3].T), stored, rtol=1e-9, atol=1e-7 * jets[:, 0].max())
