import keras
import numpy as np
import pytest

from atlas_keras.kinematics import momentum
from atlas_keras.layers import KinematicCoordinates
from atlas_keras.layers.kinematic_coordinates import MIN_EXCESS
from tests.layers.laws import check_gradient, check_inverse, check_layer_config, check_saves

rng = np.random.default_rng(2)
N = 20_000
to_numpy = keras.ops.convert_to_numpy


def jets(rho, pt=None, eta=None, phi=None):
    """Make jets of a given rho: pt from 20 MeV to 10 TeV, |eta| up to 5."""
    n = len(rho)
    pt = 10 ** rng.uniform(np.log10(20), 7, n) if pt is None else pt
    eta = rng.uniform(-5, 5, n) if eta is None else eta
    phi = rng.uniform(-np.pi, np.pi, n) if phi is None else phi
    return np.column_stack([momentum(pt, eta) * np.exp(np.square(rho) / 2), pt, eta, phi]).astype(np.float32)


JETS = jets(rng.uniform(0.02, 2, N))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_laws(dtype, tmp_path):
    layer = KinematicCoordinates(5e4, name="kinematic", dtype=dtype)
    check_inverse(layer, JETS)
    check_layer_config(layer, JETS)
    check_gradient(layer, JETS)
    if dtype == "float32":
        check_saves(layer, JETS, tmp_path)


def test_coordinates_are_the_formula():
    y = to_numpy(KinematicCoordinates(5e4, dtype="float64")(JETS.astype(np.float64)))
    e, pt, eta, phi = JETS.astype(np.float64).T
    np.testing.assert_allclose(y[:, 0], np.log(pt / 5e4), atol=1e-13)
    np.testing.assert_array_equal(y[:, 1:3], np.column_stack([eta, phi]))
    np.testing.assert_allclose(y[:, 3], np.sqrt(2 * np.log(e / momentum(pt, eta))), rtol=1e-9)


def test_light_jets_keep_their_mass_as_far_as_float32_has_it():
    """Rho of a light jet lives in the last bits: ln(E/p) is good to the rounding of p, which no formula can undo.

    p = pt (exp(eta) + exp(-eta)) / 2: the exponentials are good to four units in the last place, sum and product are
    rounded once each, and E - p, the ratio and the root add one: six steps of E/p.
    """
    light = jets(rng.uniform(0.005, 0.05, N))
    rho, exact = (
        to_numpy(KinematicCoordinates(5e4, dtype=dtype)(light.astype(dtype)))[:, 3] for dtype in ("float32", "float64")
    )
    eps = np.finfo(np.float32).eps
    assert np.max(np.abs(rho**2 - exact**2) / 2) < 6 * eps


@pytest.mark.parametrize("excess", [0.0, -1e-7, -1e-5, -1e-3])
def test_massless_and_spacelike_jets_come_back_timelike(excess):
    x = jets(np.zeros(N))
    x[:, 0] *= np.float32(1 + excess)
    layer = KinematicCoordinates(5e4)
    y = to_numpy(layer.inverse()(layer(x))).astype(np.float64)
    p = momentum(y[:, 1], y[:, 2])
    assert np.all(y[:, 0] > p)
    # The least excess, and the rounding of E: p within four units of its last place, two products.
    assert np.max(y[:, 0] / p - 1) < MIN_EXCESS + 6 * np.finfo(np.float32).eps
    check_gradient(layer, x)


def test_no_rho_makes_a_jet_spacelike():
    coordinates = np.column_stack([rng.uniform(-9, 9, N), rng.uniform(-5, 5, N), rng.uniform(-4, 4, N), np.zeros(N)])
    coordinates[:, 3] = rng.choice([-1, 1], N) * 10 ** rng.uniform(-6, 0.5, N)
    y = to_numpy(KinematicCoordinates(5e4).inverse()(coordinates.astype(np.float32))).astype(np.float64)
    assert np.all(y[:, 0] > momentum(y[:, 1], y[:, 2]))
    assert np.all(np.abs(y[:, 3]) <= np.float32(np.pi))


@pytest.mark.parametrize("reference", [0.0, -1.0, np.nan, np.inf])
def test_an_impossible_reference_is_refused(reference):
    with pytest.raises(ValueError, match="Received"):
        KinematicCoordinates(reference)
