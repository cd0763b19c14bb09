"""What small files of every kind hold, and their collections read by name."""

import pickle

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from atlas_keras import compress, load_jets, read_events
from atlas_keras.data import parquet
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.look import choose_collection, look_at, read_contents
from atlas_keras.errors import JetDataError
from tests.data import small_files
from tests.data.small_files import EVENT, JET, MUON, NANO, WRITERS, add_ttree, columns, write_parquet, write_rntuple

JETS = [[50.0, 0.5, 3.0, 5.0], [30.0, -1.0, -3.0, 3.0], [40.0, 2.0, 0.0, 4.0]]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a file of each kind."""
    folder = tmp_path_factory.mktemp("small")
    return {kind: write(folder / kind.replace(" ", "-")) for kind, write in WRITERS.items()}


def contents(path, tree=None):
    """Return the only tree, the columns of its collections, and the names of what is left over."""
    (one,) = read_contents(path, tree).trees
    return one, {group.collection.name: group.collection.names for group in one.groups}, [x.name for x in one.leftovers]


def error_of(read, *args, **options):
    with pytest.raises(JetDataError) as caught:
        list(read(*args, **options) or ())
    return str(caught.value)


def one_batch(path, name, features, **options):
    (batch,) = read_events(path, collection=choose_collection(path, name, features, options.get("tree")), **options)
    return batch


# What a file holds


@pytest.mark.parametrize("kind", WRITERS)
def test_collections_of_every_kind(small, kind):
    jets, muons = ("jet", "mu") if kind == "mini-tree" else ("Jet", "Muon")
    tree, found, leftovers = contents(small[kind])
    assert found == {jets: tuple(JET), muons: tuple(MUON)}
    assert leftovers == []
    assert tree.n_events == 3
    assert (tree.kind, tree.unit) == ("NanoAOD", "GeV")
    assert {column.name for column in tree.event_columns} >= set(EVENT)
    counted = {group.collection.counter for group in tree.groups}
    assert counted == ({"nJet", "nMuon"} if kind in ("TTree", "Parquet") else {""})
    jet = tree.groups[0].collection
    assert jet.names == ("pt", "eta", "phi", "mass", "btagDeepB", "nConstituents", "isTight")
    assert [column.quantity for column in jet] == ["energy", "eta", "angle", "mass", "score", "count", "flag"]
    assert [column.dtype for column in jet] == [*["float32"] * 5, "int32", "bool"]


@pytest.mark.parametrize("kind", ["TTree", "RNTuple", "mini-tree"])
def test_sources_are_names_of_the_file(small, kind):
    tree, *_ = contents(small[kind])
    sources = [source for group in (*tree.groups, tree.events) for source in group.sources.values()]
    with uproot.open(small[kind]) as file:
        assert set(sources) <= set(file["Events"].keys())
    assert len(set(sources)) == len(sources)


@pytest.mark.parametrize("kind", ["TTree", "Parquet", "structs", "mini-tree"])
def test_bytes_are_those_of_the_file(small, kind):
    """Those of an RNTuple stand in pages that nobody lists by field."""
    tree, *_ = contents(small[kind])
    parts = [n for group in (*tree.groups, tree.events) for n in group.n_bytes.values()]
    assert min(parts) > 0
    assert sum(parts) < small[kind].stat().st_size


def test_strings_fixed_arrays_and_lists_of_lists_are_left_over_with_their_bytes(tmp_path):
    path = tmp_path / "a.root"
    weights = ak.values_astype(ak.Array([[1.0], [], [2.0]]), "float32")
    with uproot.recreate(path) as file:
        file.mktree("Events", {"Jet_pt": "var * float32", "corners": np.dtype(("f4", (4,))), "w": "var * float32"})
        file["Events"].extend({"Jet_pt": columns(JET)["pt"], "corners": np.ones((3, 4), "f4"), "w": weights})
    tree, found, leftovers = contents(path)
    assert found == {"Jet": ("pt",)}
    assert leftovers == ["corners", "w"]
    assert [item.type for item in tree.leftovers] == ["float[4]", "list of float32"]
    assert min(item.n_bytes for item in tree.leftovers) > 0
    path = write_rntuple(tmp_path / "b.root", {"name": ["a", "b", "c"], "cells": ak.Array([[[1.0]], [], [[2.0], []]])})
    tree, found, leftovers = contents(path)
    assert (found, leftovers, tree.event_columns) == ({}, ["name", "cells"], ())


def test_what_parquet_cannot_hold_in_columns_is_left_over(tmp_path):
    jets = [[{"v": {"x": 1.0, "y": 2.0}, "pt": 5.0, "name": "abc" * 50, "cells": [1.0, 2.0]}]] * 200
    path = write_parquet(tmp_path / "a.parquet", {"Jet": jets, "text": ["a"] * 200, "MET": [{"pt": 1.0}] * 200})
    tree, found, leftovers = contents(path)
    assert found == {"Jet": ("pt",)}
    # Older versions of pyarrow infer the members of a struct in the order of the alphabet.
    assert sorted(leftovers[:3]) == ["Jet.cells", "Jet.name", "Jet.v"]
    assert leftovers[3:] == ["text", "MET"]
    group = pq.read_metadata(path).row_group(0)
    leaves = [group.column(at) for at in range(group.num_columns)]
    stored = {leaf.path_in_schema: leaf.total_compressed_size for leaf in leaves}
    assert tree.groups[0].n_bytes == {"pt": stored["Jet.list.element.pt"]}
    sizes = {item.name: item.n_bytes for item in tree.leftovers}
    assert sizes["Jet.name"] == stored["Jet.list.element.name"]
    assert sizes["Jet.v"] == stored["Jet.list.element.v.x"] + stored["Jet.list.element.v.y"]


@pytest.mark.parametrize("kind", [pa.large_list(pa.float32()), pa.list_(pa.float16()), pa.list_(pa.float64(), 2)])
def test_kinds_of_lists_make_no_difference(tmp_path, kind):
    path = write_parquet(tmp_path / "a.parquet", {"Jet_pt": pa.array([np.array([2.0, 1.0], "f2")]).cast(kind)})
    assert one_batch(path, "Jet", ["pt"], source_unit="MeV").jets().tolist() == [[2.0], [1.0]]


@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
def test_an_empty_tree_has_contents(tmp_path, kind):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        if kind == "TTree":
            file.mktree("Events", {"Jet_pt": "var * float32", "x": "float64"})
        else:
            file.mkrntuple("Events", {"Jet_pt": "var * float32", "x": "float64"})
    tree, found, _ = contents(path)
    assert (tree.n_events, found) == (0, {"Jet": ("pt",)})
    seen = look_at(path, tree, tree.groups)
    assert seen["Jet_pt"].n == 0
    assert "holds no events" in error_of(
        read_events, path, collection=choose_collection(path, "Jet", ["pt"]), source_unit="GeV"
    )


def several_trees(path):
    with uproot.recreate(path) as file:
        add_ttree(file, "Runs", {"run": np.arange(2)})
        add_ttree(file, "old", {"x": np.arange(2)})
        add_ttree(file, "nominal/Events", {"Jet": ak.zip(columns(JET)), "Muon": ak.zip(columns(MUON)), **EVENT})
        add_ttree(file, "old", columns(MUON, "Muon_"))
        file["plot"] = np.histogram([1.0, 2.0], bins=3)
    return path


def test_several_trees(tmp_path):
    path = several_trees(tmp_path / "a.root")
    assert [tree.name for tree in read_contents(path).trees] == ["Runs", "old", "nominal/Events"]
    assert [tree.kind for tree in read_contents(path).trees] == ["tree", "tree", "NanoAOD"]
    message = error_of(choose_collection, path, "Muon", ["pt"])
    assert "several trees hold Muon (old, nominal/Events); choose one with --tree NAME" in message
    muons = choose_collection(path, "Muon", ["pt"], "old")
    assert "several trees hold Muon (old, nominal/Events)" in error_of(read_events, path, collection=muons)
    for tree, said, unit in (("old", "MeV", "MeV"), ("nominal/Events", None, "GeV"), ("nominal/Events", "MeV", "MeV")):
        batch = one_batch(path, "Muon", ["pt", "charge"], tree=tree, source_unit=said, unit="file")
        assert (batch.unit, batch.jets().tolist()) == (unit, [[9.0, 1.0], [8.0, -1.0], [7.0, 1.0]])
    assert one_batch(path, "Jet", ["pt"], unit="GeV").jets()[:, 0].tolist() == [50.0, 30.0, 40.0]
    assert "there is no tree 'new'; the file has Runs, old, nominal/Events" in error_of(read_contents, path, "new")


def test_the_newest_cycle_hides_older_ones(tmp_path):
    path = several_trees(tmp_path / "a.root")
    (tree,) = read_contents(path, "old").trees
    assert [group.collection.name for group in tree.groups] == ["Muon"]


def test_a_tree_that_nobody_can_open_is_passed_over(tmp_path, monkeypatch, caplog):
    path = several_trees(tmp_path / "a.root")
    get = uproot.reading.ReadOnlyKey.get

    def fail(key):
        if key.fName == "Runs":
            raise NotImplementedError("memberwise serialization")
        return get(key)

    monkeypatch.setattr(uproot.reading.ReadOnlyKey, "get", fail)
    assert [tree.name for tree in read_contents(path).trees] == ["old", "nominal/Events"]
    assert "the tree Runs is of a kind that uproot cannot read (memberwise serialization); it is passed" in caplog.text
    assert "the tree Runs is of a kind that uproot cannot read" in error_of(read_contents, path, "Runs")


def test_a_damaged_file_does_not_spoil_the_next_one(tmp_path):
    path = small_files.nano_ttree(tmp_path / "a.root")
    content, known = path.read_bytes(), dict(uproot.classes["TBranch"].known_versions)
    place = content.index(b"TBranch\0") + len(b"TBranch\0")  # of its length, which now reads as the version
    path.write_bytes(content[:place] + bytes([26]) + content[place + 1 :])
    assert "truncated or damaged in tree Events" in error_of(read_contents, path)
    assert uproot.classes["TBranch"].known_versions == known


def test_a_file_that_has_lost_its_end_is_told(tmp_path, caplog):
    path = small_files.nano_ttree(tmp_path / "a.root")
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    read_contents(path)
    assert f"is truncated, it has {len(content) - 100} of {len(content)} bytes" in caplog.text


# Collections that are read by name


@pytest.mark.parametrize("kind", WRITERS)
def test_any_collection_is_read_by_its_name(small, kind):
    jets, muons = ("jet", "mu") if kind == "mini-tree" else ("Jet", "Muon")
    batch = one_batch(small[kind], jets, ["pt", "eta", "phi", "mass"], unit="GeV")
    np.testing.assert_array_equal(batch.jets(), JETS)
    assert batch.counts.tolist() == [2, 0, 1]
    assert batch.table["event"].to_pylist() == [5, 6, 7]
    assert batch.table["run"].to_pylist() == [1, 1, 1]
    batch = one_batch(small[kind], muons, ["charge", "pt"], unit="MeV")
    assert batch.jets().tolist() == [[1, 9000], [-1, 8000], [1, 7000]]
    assert batch.counts.tolist() == [1, 2, 0]
    assert batch.jet_columns == ("charge", "pt")


@pytest.mark.parametrize("kind", WRITERS)
def test_flags_and_counts_are_numbers_of_a_collection(small, kind):
    batch = one_batch(small[kind], "jet" if kind == "mini-tree" else "Jet", ["isTight", "n*", "btag*"])
    assert batch.jets().tolist() == [[1, 12, 0.25], [0, 7, -1.0], [1, 20, 0.75]]


@pytest.mark.parametrize("kind", NANO)
def test_what_is_not_asked_for_by_name_is_the_jets(small, kind):
    collection = choose_collection(small[kind], None, ["E", "pt"])
    assert collection.name == "Jet"
    (batch,) = read_events(small[kind], collection=collection, unit="GeV")
    assert batch.computed == ("E",)
    assert load_jets(small[kind])["pt"].tolist() == [50e3, 30e3, 40e3]
    np.testing.assert_allclose(load_jets(small[kind], "GeV")["E"], batch.jets()[:, 0])


def test_compression_of_jets_tells_what_it_does_not_keep(small, tmp_path, caplog):
    """A collection is read by its name without the rest of the file, in Parquet as in ROOT."""
    assert compress.main(["--lossless", str(small["Parquet"]), str(tmp_path / "small.jets")]) == 0
    assert "the jets are kept, and what --columns names" in caplog.text


@pytest.mark.parametrize("kind", WRITERS)
def test_unknown_names_are_told_with_the_nearest_one(small, kind):
    path, (jets, muons) = small[kind], ("jet", "mu") if kind == "mini-tree" else ("Jet", "Muon")
    collection = choose_collection(path, jets, ["pt"])
    for read in (
        lambda name: choose_collection(path, name, ["pt"]),
        lambda name: list(read_events(path, collection=type(collection)(name, collection.columns))),
    ):
        assert f"there is no collection '{muons}s'; did you mean '{muons}'?" in error_of(read, f"{muons}s")
    assert f"{jets} has no column 'btagDeep'; did you mean 'btagDeepB'?" in error_of(
        choose_collection, path, jets, ["btagDeep"]
    )
    asked = type(collection)(muons, choose_collection(path, jets, ["btagDeepB"]).columns)
    assert f"{muons} has no column 'btagDeepB'" in error_of(read_events, path, collection=asked)
    assert "has no column 'E'" in error_of(choose_collection, path, muons)


@pytest.mark.parametrize("kind", ["TTree", "Parquet"])
def test_capitals_are_no_matter(small, kind):
    assert choose_collection(small[kind], "muon", ["pt"]).name == "Muon"


def test_momenta_become_what_physicists_ask_for(tmp_path):
    arrays = {"El_px": [[3.0, 0.0]], "El_py": [[4.0, -2.0]], "El_pz": [[0.0, 1.0]], "El_E": [[13.0, 3.0]]}
    path = write_parquet(tmp_path / "a.parquet", arrays)
    batch = one_batch(path, "El", ["pt", "eta", "phi", "mass"], source_unit="GeV", unit="MeV")
    np.testing.assert_allclose(
        batch.jets(), [[5000, 0, np.arctan2(4, 3), 12000], [2000, np.arcsinh(0.5), -np.pi / 2, 2000]]
    )
    assert batch.computed == ("pt", "eta", "phi", "mass")
    assert batch.table["px"].to_pylist() == [[3000.0, 0.0]]


def test_the_unit_is_asked_for_where_it_matters(tmp_path):
    for path in (
        write_parquet(tmp_path / "a.parquet", {"Jet_pt": [[50.0]], "Jet_btag": [[0.5]]}),
        small_files.write_ttree(tmp_path / "a.root", {"Jet_pt": ak.Array([[50.0]]), "Jet_btag": ak.Array([[0.5]])}),
    ):
        jets = choose_collection(path, "Jet", ["pt"])
        message = error_of(read_events, path, collection=jets)
        assert "the unit of the energies of Jet is nowhere stated; say --source-unit" in message
        assert next(read_events(path, collection=jets, source_unit="GeV")).jets().tolist() == [[50_000.0]]
        assert next(read_events(path, collection=jets, source_unit="MeV")).jets().tolist() == [[50.0]]
        assert one_batch(path, "Jet", ["btag"]).jets().tolist() == [[0.5]]
    path = write_parquet(tmp_path / "a.parquet", {"Jet_pt": [[50.0]]}, unit="GeV")
    assert one_batch(path, "Jet", ["pt"], unit="MeV").jets().tolist() == [[50_000.0]]


@pytest.mark.parametrize("format", ["ROOT", "Parquet"])
def test_lists_of_other_lengths_are_named(tmp_path, format):
    lists = {"jet_pt": [[1.0, 2.0], [], [3.0]], "jet_eta": [[1.0, 2.0], [], [3.0, 4.0]]}
    if format == "ROOT":
        path = small_files.write_ttree(tmp_path / "a", {name: ak.Array(values) for name, values in lists.items()})
    else:
        path = write_parquet(tmp_path / "a", lists)
    message = error_of(one_batch, path, "jet", ["pt", "eta"], source_unit="GeV")
    assert "event 3: jet_eta has 2 values, jet_pt has 1" in message


def test_values_that_are_not_there_are_no_numbers(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"Jet_pt": [[1.5, None], None], "Jet_eta": [[1.0, 2.0], []]})
    message = error_of(one_batch, path, "Jet", ["pt", "eta"], source_unit="GeV")
    assert "event 1, jet 2, column Jet_pt: nan has to be positive" in message
    batch = one_batch(path, "Jet", ["pt", "eta"], source_unit="MeV", policy=InvalidPolicy("drop"))
    assert batch.jets().tolist() == [[1.5, 1.0]]


# Names that come in each other's way


def test_columns_called_like_those_that_identify_events(tmp_path):
    table = {"Hit_event": [[1.0, 2.0]], "Hit_pt": [[3.0, 4.0]], "Hit_run": [[5.0, 6.0]], "event": [7], "run": [8]}
    batch = one_batch(write_parquet(tmp_path / "a.parquet", table), "Hit", ["event", "pt", "run"], source_unit="MeV")
    assert batch.jets().tolist() == [[1, 3, 5], [2, 4, 6]]
    assert batch.table["event.event"].to_pylist() == [7]


def test_a_collection_called_like_the_events(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"events": [[{"pt": 1.0, "x": 2.0}]], "x": [9.0]})
    tree, found, _ = contents(path)
    assert found == {"events": ("pt", "x")}
    seen = look_at(path, tree, (*tree.groups, tree.events))
    assert {name: values.low for name, values in seen.items()} == {"events.pt": 1.0, "events.x": 2.0, "x": 9.0}


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array([[1.0]])] * 2, names=["Jet_pt", "Jet_pt"])
    path = write_parquet(tmp_path / "a.parquet", table)
    assert "column Jet_pt is there twice" in error_of(read_contents, path)


def test_dots_in_names(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"a.b": [[{"pt": 1.0, "c.d": 2.0}]], "a": [[5.0]]})
    tree, found, leftovers = contents(path)
    assert ({name: sorted(columns) for name, columns in found.items()}, leftovers) == ({"a.b": ["c.d", "pt"]}, ["a"])
    assert one_batch(path, "a.b", ["c.d", "pt"], source_unit="MeV").jets().tolist() == [[2.0, 1.0]]
    assert look_at(path, tree, tree.groups)["a.b.c.d"].low == 2.0


@pytest.mark.parametrize(
    "jets",
    [
        {"jets": [[{name: 1.0 for name in ("pt", "eta", "phi", "mass")}]]},
        {f"jets_{name}": [[1.0]] for name in ("pt", "eta", "phi", "mass")},
    ],
)
def test_a_collection_called_jets(tmp_path, jets):
    path = write_parquet(tmp_path / "a.parquet", jets, unit="MeV")
    assert one_batch(path, "jets", ["pt", "mass"]).jets().tolist() == [[1.0, 1.0]]
    assert load_jets(path)["pt"].tolist() == [1.0]


def test_files_that_this_package_writes_have_a_collection(tmp_path):
    names = ("pt", "eta", "phi", "m", "area")
    table = {**{name: [[1.0, 2.0], [3.0]] for name in names}, "cells": [[1.0], [2.0]]}
    path = write_parquet(tmp_path / "a.parquet", table, unit="GeV", jet_columns=str([*names]).replace("'", '"'))
    _, found, leftovers = contents(path)
    assert (found, leftovers) == ({"jets": ("pt", "eta", "phi", "mass", "area")}, ["cells"])
    batch = one_batch(path, None, ["pt", "area", "mass"], unit="GeV")
    assert batch.jets().tolist() == [[1.0] * 3, [2.0] * 3, [3.0] * 3]


def test_pieces_of_a_file_are_read_one_after_the_other(small, monkeypatch):
    """Events keep their numbers, by which errors name them."""
    monkeypatch.setattr(parquet, "BATCH_ROWS", 1)
    batches = list(read_events(small["Parquet"], collection=choose_collection(small["Parquet"], "Jet", ["pt"])))
    assert [batch.numbers.tolist() for batch in batches] == [[1], [2], [3]]
    assert [batch.counts.tolist() for batch in batches] == [[2], [0], [1]]


@pytest.mark.parametrize("kind", WRITERS)
def test_contents_go_from_process_to_process(small, kind):
    found = read_contents(small[kind])
    assert pickle.loads(pickle.dumps(found)) == found
