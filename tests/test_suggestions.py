import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_keras.suggestions import MAX, suggest


@given(st.text(max_size=300), st.lists(st.text(max_size=300), max_size=300))
def test_a_hint_is_never_long_and_never_empty(name, known):
    assert 0 < len(suggest(name, known)) <= MAX


def test_the_nearest_name_is_asked_for():
    assert suggest("tflit", ["saved_model", "tflite"]) == "did you mean 'tflite'?"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("PFJet", "'ScoutingPFJet'"),
        ("scoutingpfjet", "'ScoutingPFJet'"),
        ("Jet", "'GenJet' or 'ScoutingPFJet'"),
        ("Jet_pt", "'pt'"),
        ("Photon", "'GenProton'"),
    ],
)
def test_names_as_people_say_them_are_near(name, hint):
    assert suggest(name, ["GenProton", "ScoutingPFJet", "GenJet", "pt"]) == f"did you mean {hint}?"


def test_without_a_near_one_the_known_names_are_listed_in_their_order():
    assert suggest("x", ["saved_model", "tflite"]) == "known: saved_model, tflite"
    assert suggest("E", ["pt", "eta"]) == "known: pt, eta"
    assert suggest("x", []) == "there are none"


def test_of_many_names_some_are_listed_and_the_others_counted():
    hint = suggest("x", [f"column_{i:04}" for i in range(2000)])
    assert hint.startswith("known: column_0000, column_0001")
    assert hint.endswith(" more")
    assert hint.count("column_") + int(hint.split()[-2]) == 2000
