"""What is written comes back: by this package, and by uproot and pyarrow alone, branch by branch."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from atlas_keras import compress_file, decompress_file, load_jets, read_events, write_events
from atlas_keras.data import root
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.find_collection import find_collection
from atlas_keras.data.look import choose_collection, read_contents
from atlas_keras.data.samples import SAMPLE
from atlas_keras.errors import JetDataError, RunError
from atlas_keras.schema import Collection, Column

KINDS = {"tree.root": {}, "rntuple.root": {"rntuple": True}, "table.parquet": {}}
EACH = pytest.mark.parametrize("name", KINDS)
COUNTS = np.array([2, 0, 1, 3])


def lists(values, kind):
    return ak.unflatten(np.array(values, kind), COUNTS)


@pytest.fixture
def nano(tmp_path):
    """A NanoAOD-like file with values that no rounding survives."""
    jets = {
        "pt": lists([50.1, 40.2, 30.3, 25.4, 24.5, 23.6], np.float32),
        "eta": lists([0.1, -1, 2, 3, -4, 5], np.float32),
        "phi": lists([3.1416015625, -3, 0, 1, 2, -1], np.float32),
        "mass": lists([5, -0.1, 1e-30, 3, 2, 1], np.float32),
        "btag": lists([-1, 0.5, np.nan, -999, np.inf, 0], np.float32),
        "jetId": lists([6, 2, 0, 255, 1, 3], np.uint8),
        "genJetIdx": lists([-1, 0, 1, -1, 2, 32767], np.int16),
        "number": lists([2**62 + 1, 1, 2, 3, 4, -(2**63)], np.int64),
        "clean": lists([True, False, True, True, False, False], bool),
        "exact": lists([1 / 3, 2, 3, 4, 5, 1e300], np.float64),
    }
    events = {
        "run": np.array([1, 1, 2, 2], np.uint32),
        "luminosityBlock": np.array([7, 7, 8, 9], np.uint32),
        "event": np.array([2**63 + 1, 2, 3, 4], np.uint64),
        "HLT_Mu": np.array([True, False, True, False]),
        "MET_pt": np.array([0.1, 0.2, 0.3, 0.4], np.float32),
    }
    path = tmp_path / "nano.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"Jet": ak.type(ak.zip(jets)).content, **{name: v.dtype for name, v in events.items()}})
        file["Events"].extend({"Jet": ak.zip(jets), **events})
    return path


def tables(path, collection, **options):
    policy = InvalidPolicy("keep")
    return list(read_events(path, collection=collection, unit="file", policy=policy, **options))


def same(a, b, names=lambda name: name):
    """Tell whether two lists of batches have the same columns, types and values; NaN is NaN."""
    first, second = (pa.concat_tables([batch.table for batch in batches]) for batches in (a, b))
    columns = {names(name): second[name] for name in second.column_names}
    assert {names(name) for name in first.column_names} == set(columns)
    for name in first.column_names:
        before, after = first[name], columns[names(name)]
        assert before.type == after.type, name
        assert before.equals(after) or repr(before.to_pylist()) == repr(after.to_pylist()), name


@EACH
@pytest.mark.parametrize("batch_events", [50_000, 3, 1])
def test_every_column_comes_back_with_its_type(name, batch_events, nano, tmp_path, monkeypatch):
    monkeypatch.setattr(root, "BATCH_EVENTS", batch_events)
    collection = choose_collection(nano, "Jet", ["*"])
    before = tables(nano, collection, columns=["HLT_*", "MET_*"])
    write_events(before, tmp_path / name, **KINDS[name])
    same(before, tables(tmp_path / name, collection, columns=["HLT_*", "MET_*"]))
    old, new = (read_contents(path).trees[0] for path in (nano, tmp_path / name))
    assert (new.unit, new.kind, new.n_events) == (old.unit, old.kind, old.n_events)
    assert set(new.groups[0].collection) == set(old.groups[0].collection)


@pytest.mark.parametrize("name", ["tree.root", "rntuple.root"])
def test_branches_are_those_of_the_file(name, nano, tmp_path):
    collection = choose_collection(nano, "Jet", ["*"])
    write_events(tables(nano, collection, columns=["HLT_*", "MET_*"]), tmp_path / name, **KINDS[name])
    with uproot.open(nano) as old, uproot.open(tmp_path / name) as new:
        assert set(new["Events"].keys()) == set(old["Events"].keys())
        assert new.classname_of("Events").endswith("RNTuple" if name.startswith("rntuple") else "TTree")
        assert new["unit"] == "GeV"
        for branch in old["Events"].keys():  # noqa: SIM118 a tree is no dictionary
            before, after = old["Events"][branch].array(), new["Events"][branch].array()
            assert str(ak.type(before)) == str(ak.type(after)), branch
            assert repr(before.tolist()) == repr(after.tolist()), branch
        if name == "tree.root":
            assert new["Events"]["Jet_pt"].count_branch.name == "nJet"


def test_parquet_has_the_names_of_the_file(nano, tmp_path):
    write_events(tables(nano, choose_collection(nano, "Jet", ["pt", "jetId"])), tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.column_names == ["Jet_pt", "Jet_jetId", "run", "luminosityBlock", "event"]
    assert table.schema.field("Jet_pt").type == pa.list_(pa.float32())
    assert table.schema.metadata[b"unit"] == b"GeV"


@EACH
def test_jets_come_back_and_what_follows_from_them_is_not_stored(name, nano, tmp_path):
    before = load_jets(nano, "GeV")
    write_events(read_events(nano, unit="file"), tmp_path / name, **KINDS[name])
    assert load_jets(tmp_path / name, "GeV").equals(before)
    (tree,) = read_contents(tmp_path / name).trees
    assert tree.groups[0].collection.name == "Jet"
    assert set(tree.groups[0].collection.names) == {"pt", "eta", "phi", "mass"}


@EACH
def test_units_are_those_that_were_asked_for(name, nano, tmp_path):
    """A file like NanoAOD in MeV says so, and is believed."""
    write_events(read_events(nano, unit="MeV"), tmp_path / name, **KINDS[name])
    np.testing.assert_allclose(load_jets(tmp_path / name, "GeV"), load_jets(nano, "GeV"), rtol=1e-15)
    assert read_contents(tmp_path / name).trees[0].unit == "MeV"


@EACH
def test_jets_of_text_become_a_file(name, tmp_path):
    batches = [replace(batch, table=batch.table.drop_columns(["object", "other_objects"])) for batch in read_events()]
    write_events(batches, tmp_path / name, **KINDS[name])
    assert load_jets(tmp_path / name).equals(load_jets(SAMPLE))


@EACH
def test_missing_values(name, tmp_path):
    """A float that is missing is NaN in ROOT; an integer that is missing has no value there."""
    lists = {"pt": [[5.0, None], []], "flag": [[True, False], []], "number": [[1, 2], []]}
    pq.write_table(pa.table(lists), tmp_path / "a.parquet")
    collection = Collection("jets", (Column("pt"), Column("flag", "flag"), Column("number", "id")))
    batches = tables(tmp_path / "a.parquet", collection, jet_columns=["flag", "number"])
    write_events(batches, tmp_path / name, **KINDS[name])
    found = tables(tmp_path / name, collection)[0].table
    assert found["flag"].to_pylist() == lists["flag"]
    assert repr(found["pt"].to_pylist()) == ("[[5.0, None], []]" if name == "table.parquet" else "[[5.0, nan], []]")
    pq.write_table(pa.table({**lists, "number": [[1, None], []]}), tmp_path / "a.parquet")
    batches = tables(tmp_path / "a.parquet", collection, jet_columns=["flag", "number"])
    if name == "table.parquet":
        write_events(batches, tmp_path / name, force=True)
        assert tables(tmp_path / name, collection)[0].table["number"].to_pylist() == [[1, None], []]
    else:
        with pytest.raises(JetDataError, match=rf"{name}: .* column number, which has an empty value, as ROOT has"):
            write_events(batches, tmp_path / name, force=True, **KINDS[name])


def test_what_a_tree_cannot_hold_is_told_and_nothing_is_left(nano, tmp_path):
    with pytest.raises(JetDataError, match=r"a\.root: no branch can hold column object, .* an RNTuple or \.parquet"):
        write_events(read_events(), tmp_path / "a.root")
    with pytest.raises(JetDataError, match=r"a\.json: the ending chooses the format; use one of \.root, \.parquet"):
        write_events(read_events(), tmp_path / "a.json")
    with pytest.raises(JetDataError, match=r"a\.root: there are no events to write"):
        write_events([], tmp_path / "a.root")
    assert [path.name for path in tmp_path.iterdir()] == ["nano.root"]
    write_events(read_events(nano), tmp_path / "a.root")
    with pytest.raises(RunError, match="exists"):
        write_events(read_events(nano), tmp_path / "a.root")


def test_a_compressed_file_becomes_root(nano, tmp_path):
    compress_file(None, nano, tmp_path / "small", None, columns=["MET_*", "Jet_jetId"], jobs=1, progress=False)
    decompress_file(tmp_path / "small", tmp_path / "back.root", jobs=1, progress=False)
    assert load_jets(tmp_path / "back.root", "GeV").equals(load_jets(nano, "GeV"))
    (tree,) = read_contents(tmp_path / "back.root").trees
    assert [group.collection.name for group in tree.groups] == ["jets"]
    assert {"MET_pt", "run"} <= {column.name for column in tree.event_columns}


REAL = {
    "nano_dy.root": "Jet", "nano_tt_v12.root": "FatJet", "nano_dy.parquet": "Muon",
    "nano_dy.extensionarray.parquet": "Tau", "scouting_nano.root": "ScoutingMuon", "pfnano_rntuple.root": "PFCands",
    "cmsopendata2015_ttbar_19980_NANOAOD_RNTupleImporter_rntuple_v1-0-0-1.root": "Electron",
    "PHYSLITE_example.root": "AnalysisJets", "uproot-physlite-rntuple_v1-0-0-0.root": "AnalysisLargeRJets",
    "edm4hep.root": "ReconstructedParticleCollection", "test_FCC_Winter2023.root": "Jet", "treemaker.root": "JetsAK8",
    "uproot-HZZ.root": "Jet", "uproot-issue-513.root": "crvinfomc", "uproot-issue-816.root": "trigger_akt4_pf",
}  # fmt: skip


@pytest.mark.parametrize("source", REAL)
def test_real_files_come_back(source, real_file, tmp_path):
    path = real_file(f"field/{source}")
    trees = [tree.name for tree, _ in find_collection(read_contents(path).trees, REAL[source])]
    collection = choose_collection(path, REAL[source], ["*"], trees[0] or None)
    before = tables(path, collection, source_unit="GeV", tree=trees[0] or None)
    for name, options in KINDS.items():
        write_events(before, tmp_path / name, **options)
        wanted = collection
        if name == "rntuple.root":  # whose fields have no dots
            wanted = replace(wanted, columns=tuple(replace(c, name=c.name.replace(".", "_")) for c in wanted))
        after = tables(tmp_path / name, wanted)
        same(before, after, lambda name: name.rpartition("/")[2].replace(":", "_").replace(".", "_"))
    if path.suffix == ".root":
        with uproot.open(path) as old, uproot.open(tmp_path / "tree.root") as new:
            for branch in before[0].sources.values():
                stored, written = old[trees[0]][branch].array(), new["Events"][branch.rpartition("/")[2]].array()
                assert repr(stored.tolist()) == repr(written.tolist())
                assert stored.layout.form.type.content == written.layout.form.type.content
