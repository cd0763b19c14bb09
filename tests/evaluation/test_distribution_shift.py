"""Whether a file looks like the training: quiet where it does, loud where it does not."""

import numpy as np
import pytest

from atlas_keras.errors import RunError
from atlas_keras.evaluation.distribution_shift import ShiftTally, compare, sentences
from atlas_keras.evaluation.observables import Observables
from atlas_keras.evaluation.reference import Reference
from atlas_keras.output import write_json
from atlas_keras.schema import FOUR_MOMENTUM


@pytest.fixture(scope="module")
def halves(table_and_places):
    """The sample, an event in the one half or in the other."""
    table, _ = table_and_places
    even = table.event % 2 == 0
    return table.jets[even], table.jets[~even]


@pytest.fixture(scope="module")
def reference(halves):
    return Reference.of([halves[0]], halves[0], np.concatenate(halves), FOUR_MOMENTUM, "GeV")


def look(jets, reference):
    return compare(
        ShiftTally.of(Observables(np.asarray(jets, np.float32), FOUR_MOMENTUM), reference), reference, FOUR_MOMENTUM
    )


def test_the_training_itself_is_alike(halves, reference):
    comparison = look(halves[0], reference)
    assert comparison["alike"]
    assert comparison["outside_fraction"] == 0
    assert max(v["distance"] for v in comparison["variables"].values()) < 0.002
    assert sentences(comparison) == []


def test_other_jets_of_the_same_origin_are_alike(halves, reference):
    assert look(halves[1], reference)["alike"]


@pytest.mark.parametrize("n", [1, 5, 40])
def test_few_jets_prove_nothing(halves, reference, n):
    assert look(halves[1][:n], reference)["alike"]


def test_a_shift_is_told(halves, reference):
    jets = halves[1].copy()
    jets[:, 2] = jets[:, 2] * 0.6
    comparison = look(jets, reference)
    assert comparison["variables"]["eta"]["verdict"] == "shifted"
    assert not comparison["alike"]
    assert any("eta: distributed differently" in s for s in sentences(comparison))


def test_distance_is_that_of_kolmogorov_and_smirnov(halves, reference):
    jets = halves[1].copy()
    jets[:, 1] *= 1.3
    points = np.sort(np.concatenate([halves[0][:, 1], jets[:, 1]]))
    cumulative = [np.searchsorted(np.sort(v), points, "right") / len(v) for v in (halves[0][:, 1], jets[:, 1])]
    expected = np.abs(cumulative[0] - cumulative[1]).max()
    assert look(jets, reference)["variables"]["pt"]["distance"] == pytest.approx(expected, abs=0.006)


def test_an_angle_just_beyond_pi_is_no_other_angle(halves):
    jets = halves[0].copy()
    jets[:2, 3] = 3.14159, -3.14159
    reference = Reference.of([jets], jets, jets, FOUR_MOMENTUM, "GeV")
    jets[:40:2, 3] = 3.1416015625
    jets[1:40:2, 3] = -3.1416015625
    found = look(jets, reference)
    assert found["outside_fraction"] == 0
    assert found["variables"]["phi"]["verdict"] == "alike"
    jets[:40, 3] = 3.3 - 2 * np.pi  # as other angles are written, and in the range
    assert look(jets, reference)["outside_fraction"] == 0
    jets[:40, 3] = 40.0
    narrow = halves[0] * [1, 1, 1, 0.1]
    assert look(jets, Reference.of([narrow], narrow, jets, FOUR_MOMENTUM, "GeV"))["variables"]["phi"]["above"] > 40


def test_a_spike_is_a_shift(halves, reference):
    jets = halves[1].copy()
    jets[:, 3] = 0.5
    assert look(jets, reference)["variables"]["phi"]["distance"] > 0.5


def test_jets_out_of_range_are_counted_and_told(halves, reference):
    jets = halves[1].copy()
    jets[:100, :2] *= 1e4
    comparison = look(jets, reference)
    assert comparison["variables"]["pt"]["verdict"] == "out of range"
    assert comparison["variables"]["pt"]["above"] == pytest.approx(100, abs=3)
    assert comparison["outside_fraction"] == pytest.approx(100 / len(jets), abs=2e-3)
    assert any(s.startswith("pt: ") and "GeV" in s and "above" in s for s in sentences(comparison))


def test_another_unit_is_suspected(halves, reference):
    jets = halves[1] * np.array([1000, 1000, 1, 1], np.float32)
    assert "unit" in sentences(look(jets, reference))[0]


def test_reference_round_trip(reference, tmp_path):
    write_json(tmp_path / "reference.json", reference.to_dict())
    again = Reference.read(tmp_path / "reference.json")
    assert again.to_dict() == reference.to_dict()
    assert again.baselines == reference.baselines


@pytest.mark.parametrize("content", [None, "", "{}", '{"unit": "GeV", "n_jets": 1, "distributions": [1]}'])
def test_a_damaged_reference_is_named(tmp_path, content):
    path = tmp_path / "reference.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RunError, match=r"reference\.json"):
        Reference.read(path)
