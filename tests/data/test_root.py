import contextlib
import logging

import numpy as np
import pyarrow.compute as pc
import pytest

from atlas_keras import compress, evaluate, load_jets, read_events, train
from atlas_keras.codec.files import compress_file
from atlas_keras.config import DataConfig
from atlas_keras.data import root_trees
from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.samples import SAMPLE
from atlas_keras.data.source import read_table
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
MAX_MESSAGE = 700
PHYSLITE_JETS = {"pt": "pt", "eta": "eta", "phi": "phi", "mass": "m"}
KINDS = pytest.mark.parametrize("kind", ["TTree", "RNTuple"])


def branches(prefix="Jet_", skip=(), rename=None, jets=JETS, **more):
    names = {name: (rename or {}).get(name, name) for name in JETS}
    arrays = {prefix + names[name]: ak.Array(jets[name]) for name in JETS if name not in skip}
    return {**arrays, "event": np.array([5, 6, 7]), "weight": np.array([0.5, 0.25, 1.0]), **more}


def add(file, kind, arrays, name="Events"):
    if kind == "TTree":
        file.mktree(name, {k: v.type.content if hasattr(v, "type") else v.dtype for k, v in arrays.items()})
        file[name].extend(arrays)
    else:
        file.mkrntuple(name, ak.Array(arrays))


def write(path, kind, arrays, name="Events"):
    with uproot.recreate(path) as file:
        add(file, kind, arrays, name)
    return path


def one_batch(path, **options):
    (batch,) = read_events(path, unit="file", **options)
    return batch


def error_of(path, **options):
    with pytest.raises(JetDataError) as caught:
        list(read_events(path, unit="file", **options))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) - len(str(path)) < MAX_MESSAGE
    return message


@KINDS
def test_energy_comes_from_the_mass(tmp_path, kind):
    path = write(tmp_path / "nano.root", kind, branches())
    (batch,) = read_events(path, unit="GeV", columns=("wei*",))
    jets = batch.jets()
    np.testing.assert_allclose(mass(*jets[:, :3].T), [5.0, 3.0, -0.5], rtol=1e-9)
    assert batch.table["event"].to_pylist() == [5, 6, 7]
    assert batch.table["weight"].to_pylist() == [0.5, 0.25, 1.0]
    assert batch.counts.tolist() == [2, 0, 1]
    assert load_jets(path)["pt"].tolist() == [50_000.0, 30_000.0, 40_000.0]


@pytest.mark.parametrize(("kind", "mark"), [("TTree", "."), ("RNTuple", ":")])
def test_physlite_is_known_by_its_names(tmp_path, kind, mark):
    event = {f"EventInfoAuxDyn{mark}eventNumber": np.array([8, 9, 10])}
    arrays = branches(f"AnalysisJetsAuxDyn{mark}", rename=PHYSLITE_JETS, **event)
    batch = one_batch(write(tmp_path / "physlite.root", kind, arrays))
    assert batch.unit == "MeV"
    assert batch.table["pt"].to_pylist() == JETS["pt"]
    positions = EventPositions()
    list(positions.watch(iter([batch])))
    assert positions.describe(1)["id"] == "eventNumber 9"


# Which tree


@KINDS
def test_the_newest_cycle_is_read(tmp_path, kind):
    path = tmp_path / "cycles.root"
    with uproot.recreate(path) as file:
        add(file, kind, branches(weight=np.array([0.0, 0.0, 0.0])))
        add(file, kind, branches(weight=np.array([9.0, 9.0, 9.0])))
    with uproot.open(path) as file:
        assert sorted(file.classnames()) == ["Events;1", "Events;2"]
    assert one_batch(path, columns=("weight",)).table["weight"].to_pylist() == [9.0, 9.0, 9.0]


def test_a_new_cycle_without_jets_hides_an_old_one_with_them(tmp_path):
    path = tmp_path / "cycles.root"
    with uproot.recreate(path) as file:
        add(file, "TTree", branches())
        add(file, "TTree", {"x": np.arange(3.0)})
    assert "not supported: there is no collection of objects in Events" in error_of(path)


def variations(path, kind="TTree"):
    with uproot.recreate(path) as file:
        for factor, name in enumerate(("nominal", "JES_up", "systematics/JES_down"), start=1):
            add(file, kind, branches(weight=np.full(3, float(factor))), name)
        add(file, kind, {"x": np.arange(3.0)}, "notes")
    return path


@KINDS
def test_of_several_trees_the_choice_is_asked_for(tmp_path, kind):
    path = variations(tmp_path / "a.root", kind)
    message = error_of(path)
    assert "several trees hold jets (nominal, JES_up, systematics/JES_down); choose one with --tree NAME" in message
    for factor, name in enumerate(("nominal", "JES_up", "systematics/JES_down"), start=1):
        assert one_batch(path, tree=name, columns=("weight",)).table["weight"].to_pylist() == [factor] * 3


def test_a_tree_that_is_not_there_or_holds_no_jets_is_named(tmp_path):
    path = variations(tmp_path / "a.root")
    message = error_of(path, tree="JES_upp")
    assert "there is no tree 'JES_upp'; the file has nominal, JES_up, systematics/JES_down, notes" in message
    assert "not supported: there is no collection of objects in notes" in error_of(path, tree="notes")
    with uproot.recreate(path) as file:
        for index in range(300):
            file.mktree(f"a_long_name_of_a_tree_{index}", {"x": "f4"})
    assert "more" in error_of(path, tree="Events")


@KINDS
def test_trees_in_directories_are_found(tmp_path, kind):
    path = write(tmp_path / "a.root", kind, branches(), "some/where/Events")
    assert one_batch(path).table["pt"].to_pylist() == JETS["pt"]
    assert one_batch(path, tree="some/where/Events").n_events == 3


def test_histograms_beside_a_tree_are_not_opened(tmp_path, monkeypatch):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        for index in range(40):
            file[f"control/plot{index}"] = np.histogram([1.0, 2.0], bins=3)
        add(file, "TTree", branches())
    opened = []
    get = uproot.reading.ReadOnlyKey.get
    monkeypatch.setattr(uproot.reading.ReadOnlyKey, "get", lambda key: opened.append(key.fName) or get(key))
    assert one_batch(path).n_events == 3
    assert not [name for name in opened if name.startswith("plot")]


def test_the_fields_of_an_rntuple_are_not_searched(tmp_path, monkeypatch):
    """That takes minutes where there are 1,800: its top is listed, and fields are read by themselves."""
    path = write(tmp_path / "a.root", "RNTuple", branches())
    kind = uproot.behaviors.RNTuple.RNTuple
    items = kind.iteritems

    def listed(self, *, recursive=True, **options):
        assert not recursive or not isinstance(self, kind)
        return items(self, recursive=recursive, **options)

    monkeypatch.setattr(uproot.behaviors.RNTuple.HasFields, "iteritems", listed)
    monkeypatch.setattr(kind, "arrays", lambda *_, **__: pytest.fail("looks for names in all fields"))
    assert one_batch(path).table["pt"].to_pylist() == JETS["pt"]


def test_the_members_of_the_fields_of_an_rntuple_are_those_that_uproot_finds(tmp_path):
    """Lists, lists of lists, records and collections of records, fields that only count, and options."""
    inner = ak.Array([{"x": 1.0, "y": [{"z": 1, "t": [2.0]}]}])
    arrays = {"a": [[1.0]], "b": [[[1]]], "r": inner, "c": ak.Array([[{"u": 1, "v": [2]}]]), "o": ak.Array([[None, 1]])}
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("Events", ak.Array(arrays))
    with uproot.open(tmp_path / "a.root") as file, uproot.open(tmp_path / "a.root") as again:
        _, branches = root_trees.open_tree(root_trees.events_trees(file, tmp_path, None)["Events"])
        sources = branches["a"].ntuple, again["Events"]
        found, expected = ([[f.path for f in field.fields] for field in one.all_fields] for one in sources)
        assert max(map(len, expected)) == 2
        assert found == expected


def test_the_tree_goes_from_command_lines_to_the_reader(tmp_path, capsys):
    path = variations(tmp_path / "a.root")
    args = train.argparse.ArgumentParser()
    train.add_arguments(args)
    config = train.build_config(args.parse_args(["--data", str(path), "--tree", "JES_up"]))
    assert config.data.tree == "JES_up"
    assert DataConfig.from_dict(config.data.to_dict()) == config.data
    assert read_table(config.data, InvalidPolicy()).n_jets == 3
    args = evaluate.argparse.ArgumentParser()
    evaluate.add_arguments(args)
    assert "--tree JES_up" in evaluate.command_line(args.parse_args(["run", "--data", "x.root", "--tree", "JES_up"]))
    assert evaluate.main(["run", "--tree", "JES_up"]) != 0
    assert "--tree" in capsys.readouterr().err
    packed = str(tmp_path / "small.jets")
    assert compress.main(["--lossless", str(path), packed]) == 1
    assert "--tree NAME" in capsys.readouterr().err
    assert compress.main(["--lossless", str(path), packed, "--tree", "JES_up", "--jobs", "1"]) == 0


@pytest.mark.parametrize("option", [{"tree": "Events"}, {"columns": ("MET",)}], ids=["tree", "columns"])
def test_formats_without_trees_take_no_tree_and_no_patterns(tmp_path, option):
    from atlas_keras.decompress import main

    packed, table = tmp_path / "a.jets", tmp_path / "a.parquet"
    compress_file(None, SAMPLE, packed, None, jobs=1, progress=False)
    assert main([str(packed), str(table), "--jobs", "1"]) == 0
    for path in (SAMPLE, table):
        assert f"leave out --{next(iter(option))}" in error_of(path, **option)


# What a file has not


def test_missing_branches_are_named(tmp_path):
    path = write(tmp_path / "a.root", "TTree", branches(skip=("mass",)))
    assert "tree Events looks like NanoAOD but lacks the branch Jet_mass" in error_of(path)
    message = error_of(write(tmp_path / "a.root", "TTree", branches(prefix="Muon_")))
    assert "not supported" in message
    assert message.endswith("choose one with --collection NAME: Muon")
    with uproot.recreate(path) as file:
        file["plot"] = np.histogram([1.0, 2.0], bins=3)
    assert "it has no trees of events" in error_of(path)


@KINDS
def test_jets_of_another_shape_are_wrong_and_not_damaged(tmp_path, kind):
    arrays = branches(Jet_eta=np.array([0.5, 1.0, 2.0]))
    message = error_of(write(tmp_path / "a.root", kind, arrays))
    assert "branch Jet_eta holds no list of numbers for each event but float64" in message
    arrays = branches(Jet_phi=ak.Array([[3.0, -3.0], [], [0.0, 1.0]]))
    assert "event 3: Jet_phi has 2 values, Jet_pt has 1" in error_of(write(tmp_path / "a.root", kind, arrays))


def test_a_pattern_without_a_branch_is_an_error(tmp_path):
    path = write(tmp_path / "a.root", "TTree", branches())
    message = error_of(path, columns=("weight", "wieght"))
    assert "no branch of tree Events matches --columns 'wieght'; did you mean 'weight'?" in message
    assert "--columns 'HLT_*'" in error_of(path, columns=("HLT_*",))
    assert one_batch(path, columns=("Jet_pt",)).table.column_names[-1] == "event"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("mass", float("nan"), "event 3, jet 1, column Jet_mass: nan has to be finite"),
        ("mass", -1e6, r"event 3, jet 1, column Jet_mass: -1e\+06 gives no positive, finite energy"),
        ("pt", -4.0, "event 3, jet 1, column Jet_pt: -4 has to be positive"),
        ("phi", 4.0, "event 3, jet 1, column Jet_phi: 4 has to lie in"),
        ("eta", float("inf"), "event 3, jet 1, column Jet_eta: inf has to lie in"),
    ],
)
def test_errors_name_the_branch_of_the_file(tmp_path, column, value, reason):
    jets = {**JETS, column: [*JETS[column][:2], [value]]}
    with pytest.raises(JetDataError, match=reason):
        load_jets(write(tmp_path / "a.root", "TTree", branches(jets=jets)))


# Other branches


@KINDS
def test_branches_called_like_columns_of_the_jets_are_kept_beside_them(tmp_path, kind, caplog):
    own = {name: np.arange(3.0) + index for index, name in enumerate(("E", "pt", "eta", "phi", "mass"))}
    # In an RNTuple a dot joins a field and its subfields.
    taken = {"event.pt": np.array([7.0, 7.0, 7.0])} if kind == "TTree" else {}
    path = write(tmp_path / "a.root", kind, branches(**own, **taken))
    with caplog.at_level(logging.INFO, "atlas_keras"):
        batch = one_batch(path, columns=("*",))
    assert len(set(batch.table.column_names)) == len(batch.table.column_names)
    assert batch.table["pt"].to_pylist() == JETS["pt"]
    assert batch.table["mass"].to_pylist() == JETS["mass"]
    for name, values in own.items():
        kept = "event.event.pt" if name == "pt" and taken else f"event.{name}"
        assert batch.table[kept].to_pylist() == values.tolist()
    for name, values in taken.items():
        assert batch.table[name].to_pylist() == values.tolist()
    (record,) = caplog.records
    assert "mass as event.mass" in record.getMessage()
    (in_mev,) = read_events(path, columns=("mass",))
    assert in_mev.table["event.mass"].to_pylist() == own["mass"].tolist()


def collections(path):
    """Write a TTree with counters of its own, as NanoAOD has it, with as many muons as jets in every event."""
    jets = {**JETS, "pt": [[50.0, -30.0], [], [40.0]], "btag": [[0.1, 0.2], [], [0.3]]}
    arrays = {"Jet": ak.zip(jets), "Muon": ak.zip({"pt": [[11.0, 12.0], [], [13.0]]})}
    arrays["Jet_cells"] = ak.Array([[1, 2, 3], [4], [5]])
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: array.type.content for name, array in arrays.items()})
        file["Events"].extend(arrays)
    return path


def test_dropped_jets_take_along_what_the_counter_says(tmp_path):
    batch = one_batch(collections(tmp_path / "a.root"), columns=("*",), policy=InvalidPolicy("drop"))
    assert batch.jet_columns == ("E", "pt", "eta", "phi", "mass", "Jet_btag")
    assert batch.table["pt"].to_pylist() == [[50.0], [], [40.0]]
    assert batch.table["Jet_btag"].to_pylist() == [[0.1], [], [0.3]]
    assert batch.table["Muon_pt"].to_pylist() == [[11.0, 12.0], [], [13.0]]
    assert batch.table["Jet_cells"].to_pylist() == [[1, 2, 3], [4], [5]]


def test_dropped_jets_take_along_what_the_prefix_says(tmp_path):
    more = {
        "Jet_tracks": ak.Array([[[1.0], [2.0, 3.0]], [], [[]]]),
        "Jet_cells": ak.Array([[1, 2, 3], [4], [5]]),
        "Muon_pt": ak.Array([[11.0, 12.0], [], [13.0]]),
    }
    jets = {**JETS, "pt": [[-50.0, 30.0], [], [40.0]]}
    path = write(tmp_path / "a.root", "RNTuple", branches(jets=jets, **more))
    batch = one_batch(path, columns=("*_*",), policy=InvalidPolicy("drop"))
    assert batch.jet_columns == ("E", "pt", "eta", "phi", "mass", "Jet_tracks")
    assert batch.table["Jet_tracks"].to_pylist() == [[[2.0, 3.0]], [], [[]]]
    assert batch.table["Muon_pt"].to_pylist() == [[11.0, 12.0], [], [13.0]]
    assert batch.table["Jet_cells"].to_pylist() == [[1, 2, 3], [4], [5]]


def test_what_once_was_not_of_the_jets_stays_so(tmp_path, monkeypatch):
    monkeypatch.setattr("atlas_keras.data.root.BATCH_EVENTS", 1)
    path = write(tmp_path / "a.root", "TTree", branches(Jet_cells=ak.Array([[1, 2, 3], [], [5]])))
    for batch in read_events(path, columns=("Jet_cells",)):
        assert "Jet_cells" not in batch.jet_columns


def test_jets_in_arrays_of_a_fixed_size(tmp_path):
    fixed = {
        f"Jet_{name}": np.array([[v, v], [v, v], [-v, v]]) for name, v in (("pt", 9.0), ("eta", 1.0), ("mass", 1.0))
    }
    fixed |= {"Jet_phi": np.zeros((3, 2)), "Jet_btag": np.arange(6.0).reshape(3, 2)}
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", fixed)
    batch = one_batch(path, columns=("*",), policy=InvalidPolicy("drop"))
    assert batch.table["pt"].to_pylist() == [[9.0, 9.0], [9.0, 9.0], [9.0]]
    assert batch.table["Jet_btag"].to_pylist() == [[0.0, 1.0], [2.0, 3.0], [5.0]]


# What uproot cannot read


def unreadable(monkeypatch, path, *names, error):
    """Let uproot fail at some branches of a TTree, as it does at classes that it does not know."""
    with uproot.open(path) as file:
        kind = type(file["Events"].branches[0])
    array = kind.array

    def fail(branch, *args, **options):
        if branch.name in names:
            raise error
        return array(branch, *args, **options)

    monkeypatch.setattr(kind, "array", fail)


def test_a_sound_file_is_never_called_damaged(tmp_path, monkeypatch, caplog):
    path = write(tmp_path / "a.root", "TTree", branches(more=np.zeros(3)))
    with monkeypatch.context() as patch:
        unreadable(patch, path, "weight", error=NotImplementedError("no such class"))
        assert one_batch(path, columns=("more",)).n_events == 3
        message = error_of(path, columns=("weight",))
        assert "uproot cannot read the branch weight (double); leave it out of --columns" in message
        # What only a wildcard names is left out, and said.
        batch = one_batch(path, columns=("*",))
        assert "weight" not in batch.table.column_names
        assert batch.table["more"].to_pylist() == [0, 0, 0]
        assert "left out, since nobody can read them or no column hold them: weight" in caplog.text
    with monkeypatch.context() as patch:
        unreadable(patch, path, "weight", "more", error=NotImplementedError("no such class"))
        message = error_of(path, columns=("weight", "more"))
        assert "branches weight (double), more (double); leave them out" in message
    with monkeypatch.context() as patch:
        unreadable(patch, path, "event", error=NotImplementedError("no such class"))
        message = error_of(path)
        assert "an event is identified by event (int64_t), of a kind that uproot cannot read (no such class)" in message
    with monkeypatch.context() as patch:
        unreadable(patch, path, "Jet_eta", error=NotImplementedError("no such class"))
        assert "the jets are in Jet_eta (double[]), of a kind that uproot cannot read" in error_of(path)


def test_whatever_uproot_raises_bytes_that_decompress_are_not_damaged(tmp_path, monkeypatch):
    path = tmp_path / "a.root"
    jets = {name: ak.Array([[1.0] * 9] * 3000) for name in JETS}
    arrays = {**branches(jets=jets), "event": np.arange(3000), "weight": np.zeros(3000)}
    write(path, "TTree", arrays)
    unreadable(monkeypatch, path, "weight", error=ValueError("what uproot\nsays" * 99))
    assert "uproot cannot read the branch weight" in error_of(path, columns=("weight",))
    content = bytearray(path.read_bytes())
    with uproot.open(path) as file:
        (start,), (size,) = (file["Events"]["weight"].member(name)[:1] for name in ("fBasketSeek", "fBasketBytes"))
    content[start + size // 2 : start + size] = bytes(size - size // 2)
    path.write_bytes(content)
    assert "truncated or damaged in branch weight (what uproot)" in error_of(path, columns=("weight",))
    assert load_jets(path).shape == (27_000, 5)


def test_a_tree_of_an_unknown_class_is_not_damaged(tmp_path, monkeypatch):
    path = write(tmp_path / "a.root", "TTree", branches())

    def fail(key):
        raise NotImplementedError("memberwise serialization")

    monkeypatch.setattr(uproot.reading.ReadOnlyKey, "get", fail)
    message = error_of(path)
    assert "the tree Events is of a kind that uproot cannot read (memberwise serialization)" in message


def test_a_branch_shorter_than_its_tree_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.root", "TTree", branches())
    with uproot.open(path) as file:
        kind = type(file["Events"].branches[0])
    array = kind.array
    monkeypatch.setattr(kind, "array", lambda b, **o: array(b, **o)[: 2 if b.name == "weight" else 3])
    assert "branch weight has 3 entries, tree Events has 3; leave it out" in error_of(path, columns=("weight",))


@KINDS
def test_truncated(tmp_path, kind):
    path = write(tmp_path / "a.root", kind, branches())
    content, whole = path.read_bytes(), load_jets(path)
    for size in range(4, len(content) - 1, 211):
        path.write_bytes(content[:size])
        # The end of a ROOT file holds class descriptions, which reading jets does not need.
        with contextlib.suppress(JetDataError):
            assert load_jets(path).equals(whole)
    path.write_bytes(content[:300])
    assert "truncated or damaged" in error_of(path)


@KINDS
def test_any_flipped_byte_gives_jets_or_one_sentence(tmp_path, kind):
    path = write(tmp_path / "a.root", kind, branches())
    content, whole = path.read_bytes(), load_jets(path)
    for place in range(4, len(content), 97):
        flipped = bytearray(content)
        flipped[place] ^= 0x5A
        path.write_bytes(flipped)
        reason = ""
        try:
            list(read_events(path, columns=("*",)))
        except JetDataError as error:
            reason = str(error).removeprefix(str(path))
        assert "\n" not in reason
        assert len(reason) < MAX_MESSAGE
    path.write_bytes(content)
    assert load_jets(path).equals(whole)


def test_a_damaged_file_does_not_spoil_the_next_one(tmp_path):
    """In place of a version that it does not know uproot takes what the file describes, and keeps it for all files."""
    path = write(tmp_path / "a.root", "TTree", branches())
    content, known = path.read_bytes(), dict(uproot.classes["TBranch"].known_versions)
    place = content.index(b"TBranch\0") + len(b"TBranch\0")  # of its length, which now reads as the version
    path.write_bytes(content[:place] + bytes([26]) + content[place + 1 :])
    assert "truncated or damaged in tree Events" in error_of(path)
    assert uproot.classes["TBranch"].known_versions == known


# Real files

FIELD = [
    ("nanoAOD_2015_CMS_Open_Data_ttbar.root", "Events", "Jet_", "mass", 200, 537),
    ("DAOD_PHYSLITE_ttbar_small.root", "CollectionTree", "AnalysisJetsAuxDyn.", "m", 100, 1005),
    ("field/PHYSLITE_example.root", "CollectionTree", "AnalysisJetsAuxDyn.", "m", 100, 881),
    ("field/uproot-physlite-rntuple_v1-0-0-0.root", "EventData", "AnalysisJetsAuxDyn:", "m", 100, 881),
    ("field/pfnano_rntuple.root", "Events", "Jet_", "mass", 10, 64),
    ("field/nano_dy.root", "Events", "Jet_", "mass", 40, 188),
    ("field/nano_tt_v12.root", "Events", "Jet_", "mass", 200, 1504),
    ("field/missing_luminosityBlock.root", "Events", "Jet_", "mass", 2, 6),
]


@pytest.mark.parametrize(("name", "tree", "prefix", "m", "n_events", "n_jets"), FIELD)
def test_the_real_files_agree_with_uproot(real_file, name, tree, prefix, m, n_events, n_jets):
    path = real_file(name)
    batch = one_batch(path, policy=InvalidPolicy("keep"))
    assert batch.unit == ("GeV" if prefix == "Jet_" else "MeV")
    with uproot.open(path) as file:
        arrays = {v: file[tree][prefix + v].array() for v in ("pt", "eta", "phi", m)}
    jets = batch.jets()
    assert (batch.n_events, len(jets)) == (n_events, n_jets)
    for column, variable in enumerate(("pt", "eta", "phi"), start=1):
        np.testing.assert_array_equal(jets[:, column], ak.flatten(arrays[variable]))
    assert batch.counts.tolist() == ak.num(arrays["pt"]).to_list()
    stored = ak.to_numpy(ak.flatten(arrays[m])).astype(float)
    # The mass is a small difference of large energies: double precision leaves 1e-16 E^2 / m of it.
    np.testing.assert_allclose(mass(*jets[:, :3].T), stored, rtol=1e-9, atol=1e-7 * jets[:, 0].max())


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("edm4hep", "choose one with --collection NAME: MCParticleCollection, ReconstructedParticleCollection"),
        ("uproot-Zmumu", "in events; --collection events --features NAMES takes columns of the events"),
        ("uproot-issue-513", "choose one with --collection NAME: crvinfo, crvinfomc, crvinfomcplane"),
    ],
)
def test_real_files_without_jets_that_are_known_are_not_supported(real_file, name, end):
    message = error_of(real_file(f"field/{name}.root"))
    assert "not supported" in message
    assert message.endswith(end)


def test_jets_of_real_files_are_found_by_what_they_are_called(real_file):
    assert len(one_batch(real_file("field/test_FCC_Winter2023.root")).jets()) == 268
    assert len(one_batch(real_file("field/treemaker.root")).jets()) == 172
    assert len(one_batch(real_file("field/scouting_nano.root")).jets()) == 447
    mini = one_batch(real_file("field/uproot-issue-816.root"), source_unit="MeV")
    assert (len(mini.jets()), mini.sources["pt"]) == (768, "offline_akt4_pf_NOSYS_pt")
    assert "the unit of the energies of Jet is nowhere stated" in error_of(real_file("field/uproot-HZZ.root"))


def test_branches_of_a_real_file_that_uproot_cannot_read_are_named(real_file, caplog):
    path = real_file("DAOD_PHYSLITE_ttbar_small.root")
    assert "the branch EventInfo (xAOD::EventInfo_v1); leave it out" in error_of(path, columns=("EventInfo",))
    assert one_batch(path, columns=("Analysis*Jets*",)).n_events == 100
    assert "left out, since nobody can read them or no column hold them: Analysis" in caplog.text
    assert len(caplog.text) < 1000


def test_lists_of_lists_of_a_real_file_are_cut_with_the_jets(real_file, monkeypatch):
    path = real_file("DAOD_PHYSLITE_ttbar_small.root")
    name = "AnalysisJetsAuxDyn.NumTrkPt500"
    whole = one_batch(path, columns=(name,))
    assert name in whole.jet_columns
    with uproot.open(path) as file:
        first = file["CollectionTree"][name].array()[:, 1:].to_list()
    from atlas_keras.data import root

    jets = root._flatten

    def spoil(*args):
        columns, counts = jets(*args)
        columns["pt"][np.cumsum(counts)[counts > 0] - counts[counts > 0]] = -1.0
        return columns, counts

    monkeypatch.setattr(root, "_flatten", spoil)
    cut = one_batch(path, columns=(name,), policy=InvalidPolicy("drop"))
    assert cut.table[name].to_pylist() == first


def test_collections_of_an_rntuple_that_are_projected_are_kept_once(real_file):
    batch = one_batch(real_file("field/pfnano_rntuple.root"), columns=("_coll*", "Jet_*", "Muon_pt"))
    assert not [name for name in batch.table.column_names if name.startswith("_collection")]
    assert "Jet_btagDeepB" in batch.jet_columns
    assert "Muon_pt" not in batch.jet_columns
    assert pc.list_value_length(batch.table["Jet_btagDeepB"]).to_pylist() == batch.counts.tolist()
