"""Numbers that come back bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_keras.codec.verbatim import AS_BITS, VerbatimColumn, pack_jets, unpack_jets
from atlas_keras.errors import JetDataError


def check_exact(x):
    x = np.asarray(x, np.float64)
    column = VerbatimColumn.of(x)
    np.testing.assert_array_equal(column.values().view(np.int64), x.view(np.int64))
    return column


@given(st.lists(st.floats(allow_nan=True, width=64)))
def test_any_doubles(x):
    check_exact(x)


@given(st.lists(st.floats(width=32)))
def test_any_singles(x):
    check_exact(x)


@given(st.lists(st.tuples(st.integers(-999_999, 999_999).filter(bool), st.integers(-9, 6))), st.integers(3, 9))
def test_decimals_have_short_integers(numbers, digits):
    x = [float(f"{mantissa * 10.0**exponent:.{digits}g}") for mantissa, exponent in numbers]
    column = check_exact(x)
    assert column.digits <= max(digits, 3)
    assert np.abs(column.integers).max(initial=0) < 27 * 9 * 10.0 ** (column.digits - 1)


def test_zero_negative_zero_and_nan_keep_their_bits():
    assert check_exact([0.0, 1.5, -2.25]).digits == 3
    assert check_exact([0.0, -0.0, np.nan, 1.5]).digits == AS_BITS


def test_integers_that_no_column_has_are_refused():
    with pytest.raises(JetDataError, match="100 digits"):
        VerbatimColumn(np.zeros(3, np.int64), 100).values()


def test_jets_and_their_places_come_back():
    jets = np.array([[np.nan, 1, 2, 3], [4, np.inf, -0.0, 7]])
    positions, back = unpack_jets(pack_jets(np.array([3, 9]), jets), 10)
    assert positions.tolist() == [3, 9]
    np.testing.assert_array_equal(back.view(np.int64), jets.view(np.int64))
    assert pack_jets(np.zeros(0, np.int64), jets[:0]) is None
    assert len(unpack_jets(None, 10)[0]) == 0


@pytest.mark.parametrize("content", [b"", b"\1", b"\xff\xff\xff\xff", b"\1\0\0\0" + b"\xff" * 36])
def test_impossible_places_are_refused(content):
    with pytest.raises(JetDataError, match="verbatim jet"):
        unpack_jets(content, 10)
