"""Which branches make a collection: by what a file declares, then by names."""

import pytest

from atlas_keras.data.grouping import Leaf, group_leaves, make_group


def leaf(name, *, of="", column="", counter="", dtype="float32", is_list=True):
    return Leaf(name, dtype, is_list, of, column or name, counter, 10)


def grouped(*leaves):
    """Return the columns of each collection, and what is left over."""
    groups, lone = group_leaves(list(leaves))
    return {g.collection.name: g.collection.names for g in groups}, [one.name for one in lone]


def counted(counter, *names):
    return [leaf(name, counter=counter) for name in names]


@pytest.mark.parametrize(
    ("counter", "names", "collection"),
    [
        ("nJet", ("Jet_pt", "Jet_eta"), "Jet"),
        ("NJet", ("Jet_pt", "Jet_eta"), "Jet"),
        ("n_Jet", ("Jet_pt", "Jet_eta"), "Jet"),
        ("nJet", ("JetPt", "JetEta"), "Jet"),
        ("nmu", ("mu_pt", "mu_eta"), "mu"),
        ("nmu", ("mupt", "mueta"), "mu"),
        ("n_mu", ("mu_pt", "mu_eta"), "mu"),
        ("Jet_size", ("Jet.PT", "Jet.Eta"), "Jet"),
        ("jet_n", ("jet_pt", "jet_eta"), "jet"),
        ("how_many", ("el_pt", "el_eta"), "el"),
    ],
)
def test_a_counter_names_its_collection(counter, names, collection):
    assert grouped(*counted(counter, *names)) == ({collection: ("pt", "eta")}, [])
    (group,), _ = group_leaves(counted(counter, *names))
    assert group.collection.counter == counter
    assert group.sources == dict(zip(("pt", "eta"), names, strict=True))
    assert group.n_bytes == {"pt": 10, "eta": 10}


def test_a_counter_without_a_common_name_is_the_name():
    assert grouped(*counted("nhit", "pt", "eta")) == ({"nhit": ("pt", "eta")}, [])
    assert grouped(*counted("nother", "charge")) == ({"charge": ("charge",)}, [])


def test_two_counters_are_two_collections_whatever_they_are_called():
    found, _ = grouped(*counted("nJet", "Jet_pt"), *counted("Jet_size", "Jet_eta"), leaf("x", of="Jet", column="m"))
    assert found == {"Jet_2": ("pt",), "Jet_3": ("eta",), "Jet": ("mass",)}


def test_members_of_an_object_are_its_columns():
    members = [leaf(f"Jet/Jet.{name}", of="Jet", column=name) for name in ("PT", "Eta", "Phi", "Mass", "BTag")]
    assert grouped(*members) == ({"Jet": ("pt", "eta", "phi", "mass", "BTag")}, [])


def test_lists_beside_each_other_belong_together_where_one_is_a_pt_or_an_energy():
    names = ("jet_pt", "jet_eta", "jet_is_b", "mu_e", "mu_px", "mu_q", "track_chi2", "weights")
    assert grouped(*map(leaf, names)) == (
        {"jet": ("pt", "eta", "is_b"), "mu": ("E", "px", "q")},
        ["track_chi2", "weights"],
    )


def test_what_has_but_a_number_is_a_list_of_its_own():
    names = [leaf("Track/Track.energy", of="Track", column="energy"), leaf("Track_0"), leaf("Track_chi2")]
    assert grouped(*names) == ({"Track": ("E", "chi2")}, ["Track_0"])


def test_the_longest_prefix_holds():
    names = ("jet_pt", "jet_eta", "jet_truth_pt", "jet_truth_eta", "jet_truth_id", "jets_pt", "jetpt")
    assert grouped(*map(leaf, names)) == (
        {"jet": ("pt", "eta"), "jet_truth": ("pt", "eta", "id"), "jets": ("pt",)},
        ["jetpt"],
    )


def test_another_pt_of_the_same_objects_makes_no_collection():
    names = ("jet_pt", "jet_eta", "jet_raw_pt", "jet_raw_area")
    assert grouped(*map(leaf, names)) == ({"jet": ("pt", "eta", "raw_pt", "raw_area")}, [])
    assert grouped(*map(leaf, ("raw_pt", "raw_area"))) == ({"raw": ("pt", "area")}, [])


def test_what_is_true_or_false_is_no_energy():
    assert grouped(leaf("is_e", dtype="bool"), leaf("is_mu", dtype="bool")) == ({}, ["is_e", "is_mu"])


def test_a_counter_among_the_columns_of_the_events_declares_a_collection():
    found, lone = grouped(leaf("nTau", is_list=False, dtype="int32"), leaf("Tau_idx"), leaf("Taus"))
    assert (found, lone) == ({"Tau": ("idx",)}, ["Taus"])
    (group,), _ = group_leaves([leaf("nTau", is_list=False, dtype="int32"), leaf("Tau_idx")])
    assert group.collection.counter == "nTau"


def test_columns_of_events_are_in_no_collection():
    assert grouped(leaf("MET_pt", is_list=False), leaf("jet_pt")) == ({"jet": ("pt",)}, [])


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (("PT", "Eta"), ("pt", "eta")),
        (("pt", "PT"), ("pt", "PT")),
        (("PT", "pt"), ("PT", "pt")),
        (("e", "energy"), ("E", "energy")),
        (("m", "mass", "M"), ("m", "mass", "M")),
        (("x", "x"), ("x", "x_2")),
        (("x", "x", "x_2"), ("x", "x_2", "x_2_2")),
        (("pt", "pt"), ("pt", "pt_2")),
    ],
)
def test_each_column_has_a_name_of_its_own(columns, names):
    group = make_group("Jet", [leaf(f"b{at}", column=column) for at, column in enumerate(columns)], "")
    assert group.collection.names == names
    assert list(group.sources.values()) == [f"b{at}" for at in range(len(columns))]
