import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas_keras.kinematics import delta_phi, energy, mass, momentum, way_to

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


MOMENTUM = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@given(MOMENTUM, MOMENTUM, MOMENTUM, MOMENTUM.map(abs))
def test_energy_and_mass_follow_from_any_momentum(px, py, pz, m):
    """Along the beam, too, where eta is infinite."""
    for x, y in ((px, py), (0.0, 0.0)):
        e = np.sqrt(x**2 + y**2 + pz**2 + m**2)
        known = {"E": e, "px": x, "py": y, "pz": pz, "mass": m}
        for name in ("E", "mass"):
            way = way_to(name, known.keys() - {name})
            found = way.function(*(known[source] for source in way.sources))
            np.testing.assert_allclose(found, known[name], rtol=1e-9, atol=1e-7 * e)


def test_what_cannot_be_gives_nan_without_a_warning():
    with np.errstate(all="raise"):
        assert np.isnan(energy(0.0, 1e5, 1.0))
        assert np.isnan(mass(1.0, 0.0, 1e5))
