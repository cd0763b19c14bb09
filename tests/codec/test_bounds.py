"""Bounds: read, checked, and never a jet too many."""

import numpy as np
import pytest

from atlas_keras.codec.bounds import Bounds, input_precision, step
from atlas_keras.errors import ConfigError


def test_one_number_is_for_all_four():
    assert Bounds.parse("1e-3") == Bounds(1e-3, 1e-3, 1e-3, 1e-3)
    assert Bounds.parse("1e-3,mass=1e-2").mass == 1e-2
    assert Bounds.parse("E=1e-2, pt=1e-3, eta=5e-4,phi=1e-4") == Bounds(1e-2, 1e-3, 5e-4, 1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no number"),
        ("fine", "'fine' is no number"),
        ("E=1e-3", "pt, eta, phi has no bound"),
        ("1e-3,E=1e-4", "E has two bounds"),
        ("1e-3,m=1e-2", "unknown variable 'm'"),
        ("0", "E=0"),
        ("-1e-3", "1e-07 to 0.1"),
        ("nan", "1e-07 to 0.1"),
        ("1e-3,mass=2", "mass=2"),
    ],
)
def test_what_is_no_bound_is_told(text, message):
    with pytest.raises(ConfigError, match=message):
        Bounds.parse(text)


JET = np.array([[2000.0, 1000.0, 1.2, 3.1]])


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ([0, 0, 0, 0], True),
        ([1.99, 0, 0, 0], True),
        ([2.01, 0, 0, 0], False),
        ([0, -1.01, 0, 0], False),
        ([0, 0, 1.01e-3, 0], False),
        ([0, 0, 0, -2 * np.pi + 0.9e-3], True),
        ([0, 0, 0, 1.1e-3], False),
        ([np.nan, 0, 0, 0], False),
        ([0, 0, np.inf, 0], False),
    ],
)
def test_a_jet_keeps_its_bounds_or_not(change, kept):
    assert Bounds.parse("1e-3").kept(JET, JET + change).tolist() == [kept]


def test_a_jet_without_an_error_keeps_no_bound():
    odd = np.array([[0.0, 1, 0, 0], [1, -1, 0, 0], [np.nan, 1, 0, 0], [np.inf, 1, 0, 0]])
    assert not Bounds.parse("1e-3").kept(odd, odd).any()


def test_mass_has_the_floor_of_the_input_digits():
    x = np.array([[1.0e6, 1.0e6, 0.0, 0.0]])  # massless within six digits
    x_hat = x + np.array([2.0, 0, 0, 0])  # m = 2 GeV, from 2e-6 of E
    assert not Bounds.parse("1e-3,mass=1e-2").kept(x, x_hat)[0]
    assert Bounds.parse("1e-3,mass=1e-2").kept(x, x_hat, precision=5e-6)[0]
    assert not Bounds.parse("1e-3,mass=1e-2").kept(x, x_hat, precision=5e-7)[0]


def test_the_precision_of_the_input_is_found():
    rng = np.random.default_rng(0)
    x = np.column_stack([10 ** rng.uniform(3, 6, 500) for _ in range(4)])
    decimal = np.array([[float(f"{v:.6g}") for v in row] for row in x])
    assert input_precision(decimal) == pytest.approx(5e-6)
    assert input_precision(x.astype(np.float32).astype(float)) == pytest.approx(2**-22)
    assert input_precision(x) == pytest.approx(2**-50)
    assert input_precision(np.full((3, 4), np.nan)) == 0


@pytest.mark.parametrize("bound", [1e-7, 1e-3, 0.1])
def test_a_step_is_as_wide_as_a_cell_of_a_relative_bound(bound):
    assert np.exp(step(bound)) == pytest.approx((1 + bound) / (1 - bound), rel=1e-14)
