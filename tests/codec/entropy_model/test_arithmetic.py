"""The arithmetic of contexts: near the truth, and the same bits everywhere."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from atlas_keras.codec.entropy_model import arithmetic as a

ANGLES = st.floats(-1e3, 1e3)


def test_tables_are_the_same_on_every_machine():
    """A machine whose libm rounds one entry otherwise could not read files of others: it has to fail here."""
    digest = hashlib.sha256(b"".join(t.astype("<f8").tobytes() for t in (a.EXP2, a.LOG2, a.COS, a.ATAN)))
    assert digest.hexdigest() == "3d7f345748dcdb2c52ef86dd1899a1e669962dead22f1f579c7e9fe37082c2c3"
    assert a.LOG2_E.hex() == "0x1.71547652b8000p+0"


@given(st.lists(ANGLES, min_size=1))
def test_cosine_and_sine(angles):
    x = np.array(angles)
    np.testing.assert_allclose(a.cosine(a.to_turn(x)), np.cos(x), atol=2e-3)
    np.testing.assert_allclose(a.sine(a.to_turn(x)), np.sin(x), atol=2e-3)


@given(st.lists(st.floats(-20, 25), min_size=1))
def test_exponential_and_logarithm(values):
    x = np.array(values)
    np.testing.assert_allclose(a.exponential(x), np.exp(x), rtol=1e-3)
    np.testing.assert_allclose(a.log2(np.exp(x)), x / np.log(2), atol=1.5e-3)


def test_logarithm_of_nothing_is_no_crash():
    assert a.log2(np.array([0.0, -1.0])).tolist() == a.log2(np.full(2, 5e-324)).tolist()


@given(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
def test_direction(x, y):
    got = a.direction(np.array([x]), np.array([y]))[0]
    assert 0 <= got < a.TURN
    if abs(x) + abs(y) > 1e-100:
        difference = a.signed_turn(np.array([got - int(np.floor(np.arctan2(y, x) * a.PER_RADIAN))]))[0]
        assert abs(difference) / a.PER_RADIAN < 1.2e-3
