"""Every value of every type comes back within its bound, and what has no error comes back bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from atlas_keras.codec.columns import compiled, momenta, ordered, quantizer
from atlas_keras.codec.columns.momenta import energy
from atlas_keras.codec.columns.ordered import exp2, features_of, from_ordered, to_ordered
from atlas_keras.codec.columns.quantizer import DTYPES, SPECIAL, Quantizer, kept
from atlas_keras.errors import JetDataError
from atlas_keras.schema import PHI_MAX, Bound

FLOATS = [name for name in DTYPES if name.startswith("float")]
BOUNDS = [
    Bound("relative", 1e-3),
    Bound("relative", 1e-7),
    Bound("relative", 0.5),
    Bound("absolute", 1e-3),
    Bound("absolute", 1e6),
    Bound("angle", 1e-3),
    Bound("exact"),
]


def same_bits(x, y):
    return x.dtype == y.dtype and x.tobytes() == y.tobytes()


def check_law(x, bound):
    """Check the errors by other formulas, in extended precision."""
    quantizer = Quantizer.fit(x, bound)
    quantizer.check()
    cells, verbatim, y = quantizer.encode(x, bound)
    assert same_bits(quantizer.decode(cells, verbatim), y)
    assert y.dtype == x.dtype
    usual = np.isfinite(x) & (x != 0)
    assert same_bits(y[~usual], x[~usual])
    a, b = x[usual].astype(np.longdouble), y[usual].astype(np.longdouble)
    if bound.kind == "exact":
        assert same_bits(x, y)
    elif bound.kind == "relative":
        assert np.all(np.abs(b - a) <= bound.size * np.abs(a) * (1 + 1e-15))
    elif bound.kind == "absolute":
        assert np.all(np.abs(b - a) <= bound.size * (1 + 1e-12))
    else:
        far = np.abs(a) > PHI_MAX
        assert np.all(a[far] == b[far])
        assert np.all(np.abs(np.angle(np.exp(1j * (b - a)[~far]))) <= bound.size * (1 + 1e-9))
    return cells


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bound", BOUNDS[:6], ids=str)
def test_numpy_gives_the_cells_of_the_compiler(monkeypatch, dtype, bound):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=4000) * 2.0 ** rng.integers(-40, 40, 4000)).astype(dtype)
    info = np.finfo(dtype)
    x[::9] = -999
    x[1:9] = [np.nan, np.inf, -np.inf, 0, -0.0, info.max, info.tiny, info.smallest_subnormal]
    pt, eta = rng.exponential(50, 4000).astype(dtype), rng.normal(0, 3, 4000).astype(dtype)
    found = []
    for compiles in (True, False):
        for module in (momenta, ordered, quantizer):
            monkeypatch.setattr(module, "COMPILES", compiles and compiled.COMPILES)
        formula = energy(pt, eta)
        for own in (Quantizer.fit(x, bound), Quantizer("ratio", dtype, 1e-3)):
            cells, verbatim, y = own.encode(x, bound, formula if own.kind == "ratio" else quantizer.ONE)
            found.append((cells.tobytes(), verbatim.tobytes(), y.tobytes()))
    assert found[:2] == found[2:]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bound", BOUNDS, ids=str)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_floats_come_back_within_their_bound(dtype, bound, data):
    x = data.draw(stn.arrays(dtype, st.integers(0, 40), elements=stn.from_dtype(np.dtype(dtype))))
    check_law(x, bound)


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name not in FLOATS])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_integers_come_back_as_they_were(dtype, data):
    x = data.draw(stn.arrays(dtype, st.integers(0, 40), elements=stn.from_dtype(np.dtype(dtype))))
    quantizer = Quantizer.fit(x, Bound("relative", 1e-3))
    cells, verbatim, decoded = quantizer.encode(x, Bound("relative", 1e-3))
    assert same_bits(quantizer.decode(cells, verbatim), x)
    assert same_bits(decoded, x)


@pytest.mark.parametrize("dtype", FLOATS[1:])
@pytest.mark.parametrize("bound", [bound for bound in BOUNDS if bound.size < 0.1], ids=str)
def test_fillers_come_back_as_they_were(dtype, bound):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, 3000).astype(dtype)
    payload = np.array([0x7FC01234], np.uint32).view(np.float32).astype(dtype)[0]
    fillers = np.array([-1, -999, np.inf, -np.inf, np.nan, payload, 0.0, -0.0, 1], dtype)
    at = rng.random(3000) < 0.3
    x[at] = rng.choice(fillers, at.sum())
    quantizer = Quantizer.fit(x, bound)
    y = quantizer.decode(*quantizer.encode(x, bound)[:2])
    assert same_bits(y[at], x[at])
    check_law(x, bound)


def test_energies_are_compared_with_what_follows_from_the_momentum():
    rng = np.random.default_rng(5)
    pt, eta, mass = rng.exponential(50, 4000) + 20, rng.normal(0, 2, 4000), rng.exponential(5, 4000)
    x = np.hypot(pt * np.cosh(eta), mass).astype(np.float32)
    x[:3], x[3], pt[4] = 0.0, np.nan, np.nan
    bound, formula = Bound("relative", 1e-3), energy(pt, eta)
    quantizer = Quantizer.fit(x, bound, formula)
    assert quantizer.kind == "ratio"
    cells, verbatim, decoded = quantizer.encode(x, bound, formula)
    assert kept(x, decoded, bound).all()
    assert same_bits(quantizer.decode(cells, verbatim, formula), decoded)
    assert np.ptp(np.quantile(cells[cells < SPECIAL], [0.1, 0.9])) < 20
    assert Quantizer.fit(x, bound, rng.exponential(50, 4000)).kind == "relative"  # declared wrongly


def test_an_azimuth_has_one_cell_whatever_side_it_is_seen_from():
    bound = Bound("angle", 2e-2)  # with an even number of cells
    x = np.array([np.pi, -np.pi, np.pi + 2.0**-9, 0.1, 3.2], np.float32)
    quantizer = Quantizer.fit(x, bound)
    cells, verbatim, decoded = quantizer.encode(x, bound)
    assert len(set(cells[:3])) == 1
    assert cells[:4].min() >= -(quantizer.n_turn // 2)
    assert cells[:4].max() < quantizer.n_turn - quantizer.n_turn // 2
    assert kept(x, decoded, bound).all()
    assert verbatim.tolist() == [x[4]]


def test_truncated_mantissas_are_kept_exactly_where_that_is_smaller():
    x = np.random.default_rng(2).exponential(40, 5000).astype(np.float32)
    x = (x.view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)[:]
    x[::1000] = 0.1  # a few that are not truncated
    quantizer = Quantizer.fit(x, Bound("relative", 1e-4))
    assert (quantizer.kind, quantizer.shift) == ("floats", 12)
    check_law(x, Bound("relative", 1e-4))


def test_a_bound_finer_than_the_type_is_exact():
    x = np.random.default_rng(3).normal(0, 1, 100).astype(np.float32)
    assert Quantizer.fit(x, Bound("relative", 1e-8)).kind == "floats"


def test_ordered_integers_are_in_order_and_lose_nothing():
    for dtype in map(np.dtype, FLOATS):
        bits = np.random.default_rng(4).integers(0, 2**63, 1000).astype(np.uint64).astype(f"u{dtype.itemsize}")
        x = bits.view(dtype)
        assert same_bits(from_ordered(to_ordered(x), dtype), x)
        finite = x[np.isfinite(x)]
        order = np.argsort(to_ordered(finite))
        assert np.all(np.diff(finite[order].astype(np.float64)) >= 0)


def test_powers_of_two_are_right_and_pinned():
    x = np.linspace(-30, 30, 10_001)
    assert np.abs(exp2(x) / np.exp2(x) - 1).max() < 5e-16
    assert exp2(np.array([0.1, -3.7, 100.25])).tobytes().hex() == PINNED


PINNED = "640625eefb25f13f2883ff7bc4b2b33f15b7310afe063346"


def test_features_are_in_the_order_of_the_values():
    assert np.all(np.diff(features_of(np.array([-np.inf, -5.0, -1e-30, 0.0, 1.0, 7.0, np.inf])).astype(int)) > 0)
    assert features_of(np.array([True, False])).tolist() == [0x3F80, 0]


def test_cells_that_cannot_be_are_refused():
    quantizer = Quantizer("relative", "float32", 0.003, 0, (5,))
    with pytest.raises(JetDataError, match="spike"):
        quantizer.decode(np.array([SPECIAL + 2]), np.empty(0, np.float32))
    with pytest.raises(JetDataError, match="verbatim"):
        quantizer.decode(np.array([SPECIAL]), np.empty(0, np.float32))
    for wrong in (
        Quantizer("relative", "float16", 0.003),
        Quantizer("integers", "int8", 0.1),
        Quantizer("floats", "int8"),
    ):
        with pytest.raises(JetDataError, match="grid"):
            wrong.check()
