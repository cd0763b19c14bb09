"""A file as Delphes writes it (`scripts/make_delphes_file.py`): split TClonesArrays, objects that refer to others."""

from pathlib import Path

import numpy as np
import pytest

from atlas_keras import load_jets, read_events, write_events
from atlas_keras.codec.columns.decompression import decompress_columns
from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.look import choose_collection, read_contents, to_be_learned
from atlas_keras.data.splitting import collect, split_events
from atlas_keras.info import describe
from atlas_keras.kinematics import energy

ak = pytest.importorskip("awkward")
uproot = pytest.importorskip("uproot")

PATH = Path(__file__).with_name("delphes.root")
COLLECTIONS = ("Event", "Particle", "Jet", "Electron", "MissingET")


@pytest.fixture(scope="module")
def branches():
    """What uproot reads by itself."""
    names = [f"{collection}/*" for collection in COLLECTIONS]
    found = uproot.open(PATH)["Delphes"].iteritems(filter_name=names, full_paths=True)
    return {name: branch.array() for name, branch in found if "/" in name and "fBits" not in name and "[" not in name}


def batches(collection, path=PATH):
    return list(read_events(path, collection=choose_collection(path, collection, ["*"]), unit="file"))


def test_what_it_holds():
    found = describe(PATH)
    (tree,) = found["trees"]
    assert (tree["kind"], tree["unit"], tree["n_events"]) == ("Delphes", "GeV", 40)
    by_name = {collection["name"]: collection for collection in tree["collections"]}
    assert tuple(by_name) == (*COLLECTIONS, "events")
    assert [by_name[name]["counter"] for name in COLLECTIONS] == [f"{name}_size" for name in COLLECTIONS]
    assert all(column["values"]["n"] for name in by_name for column in by_name[name]["columns"])
    quantities = {column["name"]: column["quantity"] for column in by_name["Jet"]["columns"]}
    assert [quantities[name] for name in ("pt", "eta", "phi", "mass", "BTag", "NCharged")] == [
        "energy", "eta", "angle", "mass", "id", "count",
    ]  # fmt: skip
    leftovers = {item["name"]: item["type"] for item in tree["leftovers"]}
    assert {"Jet/Jet.Tau[5]", "Jet/Jet.Constituents", "Particle/Particle.fBits"} < set(leftovers)


def test_every_column_is_what_uproot_reads(branches):
    """But for the bits of the particles that jets refer to, at which uproot fails."""
    with pytest.raises(ValueError, match="wrong number of bytes"):
        uproot.open(PATH)["Delphes/Particle/Particle.fBits"].array()
    n_columns = 0
    for collection in COLLECTIONS:
        (batch,) = batches(collection)
        for column, values in zip(batch.collection.names, batch.jets().T, strict=True):
            np.testing.assert_array_equal(values, ak.to_numpy(ak.flatten(branches[batch.sources[column]])))
            n_columns += 1
    assert n_columns == sum(array.ndim == 2 and not array.fields for array in branches.values())


def test_its_jets_can_be_learned(branches):
    jets = load_jets(PATH, "MeV")
    assert jets["event"].nunique() == 40
    pt, eta, mass = (ak.to_numpy(ak.flatten(branches[f"Jet/Jet.{name}"])) for name in ("PT", "Eta", "Mass"))
    np.testing.assert_allclose(jets["E"], 1000 * energy(pt, eta, mass), rtol=1e-6)
    collection = to_be_learned(choose_collection(PATH, "Jet", ["*"]), ["*"], "")
    assert {"pt", "eta", "phi", "mass", "EhadOverEem", "NCharged"} < set(collection.names)
    assert not {"fUniqueID", "BTag", "Flavor"} & set(collection.names)
    parts = split_events(collect(read_events(PATH, collection=collection)), DataConfig(), 0)
    assert sum(part.n_jets for part in parts.values()) == len(jets)
    assert min(part.n_jets for part in parts.values()) > 0


@pytest.mark.parametrize("collection", ["Jet", "MissingET"])
def test_a_collection_comes_back(collection, branches, tmp_path):
    before = batches(collection)
    for name, options in {"tree.root": {}, "ntuple.root": {"rntuple": True}, "a.parquet": {}}.items():
        write_events(before, tmp_path / name, **options)
        (batch,) = batches(collection, tmp_path / name)
        assert set(batch.collection.names) == set(before[0].collection.names)
        for column in batch.collection.names:
            assert batch.table[column].combine_chunks().equals(before[0].table[column].combine_chunks()), column
    written = uproot.open(tmp_path / "tree.root")["Events"]
    names = [name.partition("/")[2] for name in branches if name.startswith(f"{collection}/")]
    for name in set(names) & set(written.keys()):
        array = written[name].array()
        assert ak.almost_equal(array, branches[f"{collection}/{name}"], rtol=0, atol=0, dtype_exact=True)
    assert f"{collection}_size" in written.keys()  # noqa: SIM118 uproot's own


def test_the_whole_file_comes_back_with_its_collections(branches, tmp_path):
    summary = compress_columns(PATH, tmp_path / "a.akc", ["*=exact"])
    assert set(summary.left_out) == {f"{name}/{name}.fBits" for name in COLLECTIONS}
    done = decompress_columns(tmp_path / "a.akc", tmp_path / "back.root")
    assert "Jet/Jet.Tau[5]" in done.left_out
    (tree,) = read_contents(tmp_path / "back.root").trees
    assert (tree.kind, [group.collection.counter for group in tree.groups]) == (
        "Delphes", [f"{name}_size" for name in COLLECTIONS],
    )  # fmt: skip
    for collection in COLLECTIONS:
        (before,), (after,) = batches(collection), batches(collection, tmp_path / "back.root")
        np.testing.assert_array_equal(after.jets(), before.jets())
