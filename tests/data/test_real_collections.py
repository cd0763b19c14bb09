"""Collections of real files, read by name: what uproot and pyarrow read, and what vector computes from it."""

import functools

import numpy as np
import pyarrow.parquet as pq
import pytest

from atlas_keras import read_events
from atlas_keras.data import root_contents
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.look import choose_collection, choose_columns, read_contents
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import COMPUTED, way_to

ak = pytest.importorskip("awkward")
uproot = pytest.importorskip("uproot")
vector = pytest.importorskip("vector")

ENERGIES = ("E", "pt", "mass", "px", "py", "pz")
KINEMATIC = (*ENERGIES, "eta", "phi")
# Others hold the same events, or are of the same kind.
ROOT_FILES = {  # how many collections have kinematic columns, and the unit where the kind of file states it
    "DAOD_PHYSLITE_ttbar_small.root": (21, "MeV"),
    "field/cmsopendata2015_ttbar_19980_NANOAOD_RNTupleImporter_rntuple_v1-0-0-1.root": (17, "GeV"),
    "field/edm4hep.root": (8, "GeV"),
    "field/nano_tt_v12.root": (10, "GeV"),
    "field/pfnano_rntuple.root": (26, "GeV"),
    "field/scouting_nano.root": (12, "GeV"),
    "field/test_FCC_Winter2023.root": (8, "GeV"),
    "field/treemaker.root": (16, "GeV"),
    "field/uproot-HZZ.root": (4, None),
    "field/uproot-issue-816.root": (2, None),
    "field/uproot-physlite-rntuple_v1-0-0-0.root": (25, "MeV"),
}
PARQUET_FILES = {
    "field/nano_dy.parquet": ("Jet", "Tau", "GenPart", "CorrT1METJet"),
    "field/nano_dy.extensionarray.parquet": ("Jet",),
}


@pytest.fixture
def opened_once(monkeypatch):
    """Let files stay open, and trees be looked through once: that takes longer than reading a collection."""
    known = {}
    contents = root_contents._contents

    def looked_through(name, n_events, branches):
        if id(branches) not in known:
            known[id(branches)] = contents(name, n_events, branches)
        return known[id(branches)]

    monkeypatch.setattr(uproot, "open", functools.cache(uproot.open))
    monkeypatch.setattr(uproot.reading.ReadOnlyDirectory, "__exit__", lambda *_: None)
    monkeypatch.setattr(root_contents, "open_tree", functools.cache(root_contents.open_tree))
    monkeypatch.setattr(root_contents, "_contents", looked_through)


def collections(path):
    """Return the trees and the collections that have kinematic columns."""
    for tree in read_contents(path).trees:
        for group in tree.groups:
            if set(KINEMATIC) & set(group.sources):
                yield tree, group


def all_kinematics(group):
    """Choose the kinematic columns that are stored, and those that are computed from them."""
    ways = {name: way_to(name, group.sources) for name in COMPUTED}
    computed = [name for name, way in ways.items() if way and {*way.sources} <= {*group.sources}]
    stored = [name for name in KINEMATIC if name in group.sources]
    return choose_columns(group.collection, [*stored, *computed], "")


def check(path, tree, group, stored):
    """Compare a collection in GeV with flat arrays of the file, and with vectors."""
    collection = all_kinematics(group)
    options = {"tree": tree.name} if tree.name else {}
    policy = InvalidPolicy("keep")
    unit = tree.unit or "GeV"
    (batch,) = read_events(path, collection=collection, unit="GeV", source_unit=unit, policy=policy, **options)
    jets = dict(zip(collection.names, batch.jets().T, strict=True))
    assert batch.collection.name == group.collection.name
    for name in set(jets) & set(group.sources):
        is_energy = name in ENERGIES and group.collection.columns[group.collection.index(name)].is_energy
        factor = 1e-3 if is_energy and unit == "MeV" else 1.0
        np.testing.assert_array_equal(jets[name], stored(group.sources[name]).astype(np.float64) * factor)
    own = [name for name in jets if name in group.sources]
    computed = [name for name in jets if name not in own]
    if not computed:
        return
    place = ("px", "py", "pz") if "px" in own else ("pt", "eta", "phi")
    length = next((name for name in ("E", "mass") if name in own), None)
    names = {name: jets[name] for name in (*place, *([length] if length else []))}
    vectors = vector.array({"M" if name == "mass" else name: values for name, values in names.items()})
    for name in computed:
        with np.errstate(all="ignore"):
            expected = np.asarray(getattr(vectors, name))
        noise = 1e-7 * np.max(jets["E"], initial=0) if name == "mass" else 0  # a small difference of large energies
        np.testing.assert_allclose(
            jets[name], expected, rtol=1e-9, atol=noise, err_msg=f"{batch.collection.name} {name}"
        )


@pytest.mark.parametrize("name", ROOT_FILES)
@pytest.mark.usefixtures("opened_once")
def test_all_collections_of_root_files(real_file, name):
    path = real_file(name)
    n_collections, unit = ROOT_FILES[name]
    found = list(collections(path))
    assert len(found) == n_collections
    file = uproot.open(path)
    for tree, group in found:
        assert tree.unit == unit
        branches = file[tree.name]
        check(path, tree, group, lambda source, branches=branches: ak.to_numpy(ak.flatten(branches[source].array())))


@pytest.mark.parametrize("name", ["field/pfnano_rntuple.root", next(name for name in ROOT_FILES if "Importer" in name)])
def test_bytes_of_an_ntuple_are_those_of_its_pages_but_for_the_lengths_of_lists(real_file, name):
    """Its columns show parts of collections that are stored under other names."""
    path = real_file(name)
    tree = next(tree for tree in read_contents(path).trees if tree.name == "Events")
    told = sum(sum(group.n_bytes.values()) for group in (*tree.groups, tree.events))
    ntuple, expected = uproot.open(path)["Events"], 0
    for pages in ntuple.page_link_list:
        for record, column in zip(ntuple.column_records, pages, strict=True):
            if ntuple.field_records[record.field_id].struct_role != uproot.const.RNTupleFieldRole.COLLECTION:
                expected += sum(page.locator.num_bytes for page in column.pages)
    assert told == expected > 0


@pytest.mark.parametrize("name", PARQUET_FILES)
def test_collections_of_parquet_files(real_file, name):
    path = real_file(name)
    found = {group.collection.name: (tree, group) for tree, group in collections(path)}
    assert len(found) == 20
    for collection in PARQUET_FILES[name]:
        columns = found[collection][1].sources.values()
        table = pq.read_table(path, columns=list(columns))

        def flat(source, table=table):
            return np.array([value for values in table[source].to_pylist() for value in values or ()])

        check(path, *found[collection], flat)


@pytest.mark.usefixtures("opened_once")
def test_momenta_of_particles_along_the_beam_have_an_energy(real_file):
    """Their eta is infinite, their energy is not."""
    path = real_file("field/test_FCC_Winter2023.root")
    collection = choose_collection(path, "Particle", ["px", "py", "pz", "mass", "E", "eta"])
    (batch,) = read_events(path, collection=collection, unit="file", policy=InvalidPolicy("keep"))
    px, py, pz, mass, energy, eta = batch.jets().T
    assert np.isinf(eta).sum() > 400
    np.testing.assert_allclose(energy, np.sqrt(px**2 + py**2 + pz**2 + mass**2), rtol=1e-12)


def test_places_are_no_momenta(real_file):
    (tree,) = read_contents(real_file("field/treemaker.root")).trees
    names = {group.collection.name: group.collection.names for group in tree.groups}
    assert names["GenVertices"] == ("x", "y", "z")
    assert names["Tracks"][:3] == ("px", "py", "pz")


def test_the_unit_is_asked_for_where_nobody_states_it(real_file):
    path = real_file("field/uproot-HZZ.root")
    collection = choose_collection(path, "Muon", ["pt", "E"])
    with pytest.raises(JetDataError, match=r"HZZ\.root: the unit of the energies of Muon is nowhere stated; say --sou"):
        list(read_events(path, collection=collection))
    (batch,) = read_events(path, collection=collection, source_unit="GeV", unit="MeV")
    (same,) = read_events(path, collection=collection, source_unit="MeV", unit="MeV")
    np.testing.assert_allclose(batch.jets(), same.jets() * 1000)


def test_a_file_without_events_has_contents_and_no_collection_to_read(real_file):
    path = real_file("field/nano_dy_empty.parquet")
    (tree,) = read_contents(path).trees
    assert (tree.n_events, len(tree.groups)) == (0, 21)
    with pytest.raises(JetDataError, match="holds no events"):
        list(read_events(path, collection=choose_collection(path, "Muon", ["pt"])))
