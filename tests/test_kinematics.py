import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas_keras.kinematics import delta_phi, energy, mass, momentum

PT = st.floats(1.0, 1e7)
ETA = st.floats(-5.0, 5.0)


@given(PT, ETA, st.floats(0.05, 1.0))
def test_mass_inverts_energy(pt, eta, ratio):
    m = ratio * pt
    np.testing.assert_allclose(mass(energy(pt, eta, m), pt, eta), m, rtol=1e-7)


@given(PT, ETA)
def test_negative_mass_is_spacelike(pt, eta):
    assert energy(pt, eta, -0.1 * pt) < momentum(pt, eta)
    assert mass(energy(pt, eta, -0.1 * pt), pt, eta) < 0


def test_impossible_mass_gives_nan():
    assert np.isnan(energy(1.0, 0.0, -2.0))


@given(st.floats(-np.pi, np.pi), st.floats(-np.pi, np.pi))
def test_delta_phi_wraps(a, b):
    d = delta_phi(a, b)
    assert -np.pi <= d < np.pi
    np.testing.assert_allclose(np.exp(1j * d), np.exp(1j * (a - b)), atol=1e-12)
