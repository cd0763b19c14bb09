"""Headers say everything: what an old one left out is frozen, and a new one lacks nothing."""

import dataclasses
import json

import pytest

from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.header import VERSION, Header
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.errors import JetDataError

STEPS = [0.002, 8.5, 0.001999999, -4.851997, 3142, 0.002, -0.006307733, 0.0]
GRID = JetQuantizer.from_list(STEPS, "here")
MASS_STEPS = [0.0008, 8.5, 0.001999999, -4.851997, 3142, 0.0002, -5.00025e-05, 0.02000066]
MASS_GRID = JetQuantizer.from_list(MASS_STEPS, "here")
FOUR, FIVE = Bounds.parse("1e-3"), Bounds.parse("1e-3,mass=1e-2")
HEADERS = [
    Header("entropy", "MeV", "ab", FOUR, GRID, 256, n_events=3, n_jets=7),
    Header(
        "entropy", "GeV", "ab", FIVE, MASS_GRID, 0, precision=5e-7, layout="jets", dtype="float32", jets_at=4, n_exact=1
    ),
    Header("parquet", "MeV", "ab", FOUR, GRID),
    Header("lossless", "GeV", n_events=1),
]


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_comes_back(header):
    assert Header.from_json(header.to_json().encode(), "here") == header


@pytest.mark.parametrize("header", HEADERS)
def test_a_new_header_without_one_of_its_parts_is_refused(header):
    """So nothing that a file means hangs on a default of this package."""
    values = json.loads(header.to_json())
    for key in values:
        some = {name: value for name, value in values.items() if name != key}
        with pytest.raises(JetDataError, match="header is damaged"):
            Header.from_json(json.dumps(some).encode(), "here")


OLD = {
    "version": 1,
    "coding": "entropy",
    "unit": "MeV",
    "model": "ab",
    "bounds": [1e-3] * 4,
    "grid": STEPS,
    "digest": "0",
}
SAID = {"n_events": 3, "n_jets": 7, "n_exact": 1, "layout": "jets", "jets_at": 2, "dtype": "float32", "precision": 5e-4}


def test_what_an_old_header_leaves_out_is_what_it_was_then():
    header = Header.from_json(json.dumps(OLD).encode(), "here")
    assert dataclasses.asdict(header) == {
        "version": 1, "coding": "entropy", "unit": "MeV", "model": "ab", "digest": "0",
        "bounds": {"E": 1e-3, "pt": 1e-3, "eta": 1e-3, "phi": 1e-3, "mass": None}, "grid": dataclasses.asdict(GRID),
        "layout": "events", "jets_at": 0, "dtype": "float64", "precision": 0.0, "cut": 0,
        "n_events": 0, "n_jets": 0, "n_exact": 0,
    }  # fmt: skip
    lossless = Header.from_json(b'{"version":1,"coding":"lossless","unit":"GeV","digest":"0"}', "here")
    assert (lossless.model, lossless.bounds, lossless.grid) == ("", None, None)


def test_what_an_old_header_says_counts():
    header = Header.from_json(
        json.dumps({**OLD, **SAID, "bounds": [1e-3] * 4 + [1e-2], "grid": MASS_STEPS}).encode(), "here"
    )
    assert {name: getattr(header, name) for name in SAID} == SAID
    assert header.bounds == FIVE
    with pytest.raises(JetDataError, match="header is damaged"):
        Header.from_json(json.dumps({**OLD, "schema": "27 variables"}).encode(), "here")


@pytest.mark.parametrize("precision", [-5e-7, 1e-2, float("nan"), float("inf"), 1])
def test_a_precision_that_no_input_has_is_damage(precision):
    values = {**json.loads(HEADERS[1].to_json()), "precision": precision}
    with pytest.raises(JetDataError, match="header is damaged"):
        Header.from_json(json.dumps(values).encode(), "here")


def test_another_version_is_told_from_damage():
    with pytest.raises(JetDataError, match=f"format version {VERSION + 1}; this package reads 1 to {VERSION}"):
        Header.from_json(json.dumps({**OLD, "version": VERSION + 1}).encode(), "here")
