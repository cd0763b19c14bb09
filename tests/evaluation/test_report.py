"""What a report tells follows from facts that it is given, not from the words of other sentences."""

from dataclasses import replace

import pytest

from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.report import Provenance
from atlas_keras.evaluation.report.figures import formulas
from atlas_keras.evaluation.report.pictures import before_after, profiles
from atlas_keras.evaluation.report.report_data import ReportData
from atlas_keras.html_page import number
from atlas_keras.schema import FOUR_MOMENTUM


@pytest.mark.parametrize("jets", ["the test split", "Le lot d'essai", "all jets", "the test beam's jets", ""])
@pytest.mark.parametrize("unseen", [True, False])
def test_captions_say_unseen_where_the_jets_are(evaluation, tmp_path, jets, unseen):
    (tmp_path / "distribution_pt.png").write_bytes(b"a picture")
    told = ReportData(evaluation, {}, Provenance("title", jets, unseen, "command", {}), tmp_path)
    (grid, _) = before_after(told)
    assert ("unseen jets" in grid) == unseen
    assert f"pt, before and after{' on unseen jets' if unseen else ''}, with the ratio beneath." in grid


def test_formulas_are_told_of_any_four_momenta(evaluate, tmp_path):
    """Muons have no dijets: theirs are pairs."""
    muons = evaluate(slice(0, 400), collection=replace(FOUR_MOMENTUM, name="Muon"))
    _, found = formulas(ReportData(muons, muons.metrics, Provenance("title", "all", False, "", {}), tmp_path))
    assert "mass of the leading pair" in found
    assert "jet" not in found


def test_a_report_says_how_many_it_stands_for(evaluation, tmp_path, monkeypatch):
    report = ReportData(evaluation, {}, Provenance("title", "all", False, "", {}), tmp_path)
    assert len(profiles(report)) == 1  # all were drawn
    monkeypatch.setattr(Evaluation, "n_drawn", 1000)
    (said, _) = profiles(report)
    assert f"stand for all {evaluation.tally.n_jets:,} jets. " in said
    assert "are of 1,000 jets, those of events that were drawn" in said


def test_what_is_beyond_all_numbers_is_told():
    """An error of a model that has hardly been trained can be."""
    assert [number(value) for value in (float("inf"), float("-inf"), float("nan"), None)] == ["∞", "-∞", "–", "–"]
