"""Which collection a name means, and which one is the jets of a file where nobody has said it."""

import numpy as np
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.data.contents import TreeContents
from atlas_keras.data.find_collection import find_collection, why_not
from atlas_keras.data.grouping import Leaf, make_group
from atlas_keras.data.look import choose_collection
from atlas_keras.errors import JetDataError
from tests.data.small_files import JET, columns, write_parquet, write_ttree

MOMENTUM = ("pt", "eta", "phi", "mass")


def tree(*names, kinematics=MOMENTUM, name="t", events=()):
    def leaf(column):
        return Leaf(column, "float32", True, "", column, "", 0)

    groups = tuple(make_group(one, [leaf(column) for column in kinematics], "") for one in names)
    of_events = make_group("events", [leaf(column) for column in events], "") if events else None
    return TreeContents(name, "tree", 1, None, groups, of_events)


def named(trees, name):
    return [group.collection.name for _, group in find_collection(trees, name)]


def test_capitals_matter_where_there_are_both():
    trees = [tree("Tau", "tau", "Jets")]
    for name, found in {"tau": ["tau"], "Tau": ["Tau"], "TAU": ["Tau"], "jets": ["Jets"], "Muon": []}.items():
        assert named(trees, name) == found


@pytest.mark.parametrize(
    ("collections", "jets"),
    [
        ("Muon Jet FatJet SubJet", "Jet"),  # NanoAOD
        ("ScoutingJet ScoutingFatJet GenJet ScoutingPFJet ScoutingMuon", "ScoutingPFJet"),
        ("AnalysisJets AnalysisLargeRJets AnalysisTauJets AntiKt4TruthDressedWZJets", "AnalysisJets"),
        ("Jets JetsAK8 GenJets JetsAK8_subjets", "Jets"),  # treemaker
        ("jet fatjet truthjet el mu", "jet"),  # mini-trees
        ("offline_akt4_pf_NOSYS trigger_akt4_pf", "offline_akt4_pf_NOSYS"),
        ("recojet_antikt4PFlow_NOSYS recojet_antikt10UFO_NOSYS truthjet_antikt4", "recojet_antikt4PFlow_NOSYS"),
        ("JetPUPPI JetPUPPIAK8 GenJet ElectronCHS", "JetPUPPI"),  # Delphes
        ("PandoraPFOs Durham2Jets MCTruthJets", "Durham2Jets"),  # key4hep
        ("ReconstructedParticles Jet Particle", "Jet"),  # FCC
    ],
)
def test_the_jets_of_a_file_are_found_by_the_names_of_its_kind(collections, jets):
    assert named([tree(*collections.split())], "jets") == [jets]


@pytest.mark.parametrize("collections", ["ak4Jet pfJet Muon", "GenJet", "FatJet Muon", "Muon", "jetCands_8 TauJets"])
def test_nobody_guesses(collections):
    assert named([tree(*collections.split())], "jets") == []


def test_what_has_no_momentum_is_not_the_jets():
    assert named([tree("bJet", kinematics=("pt", "eta"))], "jets") == []
    assert named([tree("bJet"), tree("pfJet", kinematics=("area",), name="u")], "jets") == ["bJet"]
    assert named([tree("bJet", kinematics=("px", "py", "pz", "E"))], "jets") == ["bJet"]


def test_names_come_before_rules_in_all_trees():
    assert named([tree("bJet"), tree("Jet", name="u")], "jets") == ["Jet"]
    found = find_collection([tree("pfJet"), tree("pfJet", name="JES_up")], "jets")
    assert [one.name for one, _ in found] == ["t", "JES_up"]  # --tree chooses


def test_what_to_do_is_said():
    assert why_not([tree("ak4Jet", "Muon", "pfJet")], "jets") == (
        "not supported: it is not said which collection is the jets; "
        "choose one with --collection NAME: ak4Jet, pfJet, Muon"
    )
    no_jets = [tree("Hit", kinematics=("time",)), tree("Muon")]
    assert why_not(no_jets, "jets").endswith("by its name; choose one with --collection NAME: Muon")
    assert why_not([tree("Muon")], "Muo") == "there is no collection 'Muo'; did you mean 'Muon'?"
    assert "--collection events --features NAMES" in why_not([tree(events=["px1"])], "jets")


def test_columns_of_the_events_are_a_collection(tmp_path):
    """A row an event, in files with a row an event, and whatever else they hold."""
    events = {"px1": np.float32([1, -2, 3]), "M": np.float64([91, 90, 92]), "Q1": np.int32([1, 1, 1])}
    files = [
        write_ttree(tmp_path / "a.root", {**columns(JET, "jet_"), **events}),
        write_parquet(tmp_path / "a.parquet", {"a_pt": [[1.0]] * 3, **events}),
    ]
    for path in files:
        collection = choose_collection(path, "events", ["px1", "mass", "Q1"])
        assert collection.names == ("px1", "mass", "Q1")
        (batch,) = read_events(path, collection=collection, unit="MeV", source_unit="GeV")
        assert batch.counts.tolist() == [1, 1, 1]
        np.testing.assert_array_equal(batch.jets(), [[1e3, 91e3, 1], [-2e3, 90e3, 1], [3e3, 92e3, 1]])
        with pytest.raises(JetDataError, match="the unit of the energies of events is nowhere stated"):
            load_jets(path, collection=collection)
    with pytest.raises(JetDataError, match="events has no column 'py1'; did you mean 'px1'"):
        choose_collection(files[0], "events", ["py1"])


def test_what_the_user_says_comes_before_what_files_of_a_kind_have(tmp_path):
    """But not before what the file itself says."""
    nano = write_ttree(tmp_path / "nano.root", {**columns(JET, "Jet_"), "luminosityBlock": np.array([1, 1, 1])})
    table = {"Jet_pt": [[2.0]], "luminosityBlock": [1]}
    kind = write_parquet(tmp_path / "kind.parquet", table)
    stated = write_parquet(tmp_path / "stated.parquet", table, unit="GeV")
    pt = choose_collection(nano, "Jet", ["pt"])
    for path, factor in ((nano, 1000), (kind, 1000)):
        known = load_jets(path, collection=pt)["pt"]
        np.testing.assert_allclose(known, factor * load_jets(path, collection=pt, source_unit="MeV")["pt"])
    np.testing.assert_allclose(load_jets(nano)["pt"], 1000 * load_jets(nano, source_unit="MeV")["pt"])
    with pytest.raises(JetDataError, match="the file says that its unit is GeV, not MeV"):
        load_jets(stated, collection=pt, source_unit="MeV")
