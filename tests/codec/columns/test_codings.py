"""Cells become bytes and cells again: packed, learned, compiled and not compiled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from atlas_keras.codec.columns import compiled
from atlas_keras.codec.columns.alphabet import Alphabet
from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.features import FIRST_LEAF, Candidate, Rows, roundest
from atlas_keras.codec.columns.fitting import fit_column
from atlas_keras.codec.columns.learned import LearnedColumn, initial_counts
from atlas_keras.codec.columns.linear import FORMS, Predictor, Term
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.packing import pack, pack_bytes, unpack, unpack_bytes
from atlas_keras.codec.columns.quantizer import SPECIAL
from atlas_keras.errors import JetDataError

pytestmark = pytest.mark.skipif(not compiled.COMPILES, reason="learning wants the compiler")


@given(stn.arrays(np.uint64, st.integers(0, 300), elements=st.integers(0, 2**64 - 1) | st.integers(0, 3)))
def test_packed_numbers_come_back(values):
    assert np.array_equal(unpack(pack(values), len(values)), values)


@given(st.binary(max_size=300))
def test_packed_bytes_come_back(content):
    assert unpack_bytes(pack_bytes(content)) == content


@given(st.binary(max_size=60), st.integers(0, 50))
def test_hostile_packings_are_refused(content, n):
    for read in (lambda: unpack(content, n), lambda: unpack_bytes(content, 1000)):
        try:
            read()
        except JetDataError:
            continue


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 300)), st.integers(-(2**63), 2**63 - 1), st.binary())
def test_numbers_come_back(values, signed, content):
    writer = ByteWriter()
    for value in values:
        writer.number(value)
    writer.signed(signed)
    writer.chunk(content)
    reader = ByteReader(bytes(writer.content))
    assert [reader.number() for _ in values] == values
    assert (reader.signed(), reader.chunk(), reader.left()) == (signed, content, 0)


@given(st.integers(-(2**15), 2**15 - 2), st.integers(1, 1000))
def test_the_roundest_number_lies_where_it_is_asked_for(low, more):
    assert low <= roundest(low, low + more) < low + more


def example(seed, n_lists=400):
    """Make cells with spikes, odd ones and a feature that tells of them."""
    rng = np.random.default_rng(seed)
    rows = Rows(rng.poisson(3, n_lists).astype(np.int64))
    known = rng.integers(-100, 100, rows.n)
    cells = 3 * known + rng.integers(-5, 5, rows.n) + 1000
    cells[rng.random(rows.n) < 0.2] = SPECIAL + 1
    cells[::97] = SPECIAL
    cells[::101] = rng.integers(-(2**62), 2**60, len(cells[::101]))
    return cells, SPECIAL + np.arange(3), rows, known.astype(np.int16)


def candidates(known):
    return [Candidate(FIRST_LEAF, features_of(known))]


def features(model, known, rows):
    return lambda f: (known if f == FIRST_LEAF else rows.feature(f), np.ones(rows.n, bool))


@pytest.mark.parametrize("seed", range(3))
def test_learned_cells_come_back_and_the_bits_are_as_estimated(seed):
    cells, specials, rows, known = example(seed)
    warm, _ = fit_column(cells, specials, rows, candidates(known), warm=True)
    model, bits = fit_column(cells, specials, rows, candidates(known))
    assert len(warm.encode(cells, rows, features(warm, known, rows))) < 0.95 * bits / 8
    assert model.uses == (FIRST_LEAF,)
    writer = ByteWriter()
    model.write(writer)
    again = LearnedColumn.read(ByteReader(bytes(writer.content)), specials, FIRST_LEAF + 1)
    content = again.encode(cells, rows, features(model, known, rows))
    assert content == model.encode(cells, rows, features(model, known, rows))
    assert np.array_equal(again.decode(content, rows, features(model, known, rows)), cells)
    assert 0.9 * bits < 8 * (len(content) + len(writer.content)) < 1.1 * bits


def test_other_data_than_learned_comes_back():
    cells, specials, rows, known = example(4)
    model, _ = fit_column(cells, specials, rows, candidates(known))
    rng = np.random.default_rng(5)
    other = rng.integers(-(2**63), 2**63 - 1, 500)
    rows = Rows(np.array([0, 500, 0]))
    known = rng.integers(-(2**15), 2**15, 500).astype(np.int16)
    content = model.encode(other, rows, features(model, known, rows))
    assert np.array_equal(model.decode(content, rows, features(model, known, rows)), other)


def test_sorted_lists_are_measured_from_the_row_before():
    rng = np.random.default_rng(6)
    rows = Rows(rng.poisson(8, 300).astype(np.int64))
    cells = np.concatenate([rng.integers(0, 10**9) + np.arange(n) for n in rows.counts]).astype(np.int64)
    model, _ = fit_column(cells, np.empty(0, np.int64), rows, [])
    assert model.by_previous
    none = None
    assert np.array_equal(model.decode(model.encode(cells, rows, none), rows, none), cells)


def test_python_does_what_the_compiler_does(monkeypatch):
    """The loops as they are, over lists of Python's integers: an install without numba reads the same cells."""
    import importlib

    from atlas_keras.codec.columns import fitting, growth, learned, ordered, range_coder, row_coding

    cells, specials, rows, known = example(7, 100)
    model, bits = fit_column(cells, specials, rows, candidates(known))
    writer = ByteWriter()
    model.write(writer)
    given_features = features(model, known, rows)
    content = model.encode(cells, rows, given_features)
    modules = (ordered, range_coder, row_coding, growth, learned, fitting)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(compiled, "COMPILES", False)
            for module in modules:
                importlib.reload(module)
            same = learned.LearnedColumn.read(ByteReader(bytes(writer.content)), specials, FIRST_LEAF + 1)
            assert np.array_equal(same.decode(content, rows, given_features), cells)
            assert same.encode(cells, rows, given_features) == content
            grown, slow_bits = fitting.fit_column(cells, specials, rows, candidates(known))
            assert slow_bits == pytest.approx(bits, rel=1e-9)
            assert grown.tree.n_leaves == model.tree.n_leaves
    finally:
        for module in modules:
            importlib.reload(module)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_compiled_terms_are_those_of_numpy(form, dtype):
    rng = np.random.default_rng(10)
    bits = rng.integers(0, 256, 80_000, np.uint8)
    values = bits.view(dtype) if dtype is not bool else bits > 100
    values = np.concatenate([values, rng.normal(0, 3, 20_000).astype(dtype)])
    usable = rng.random(len(values)) < 0.9
    for center, scale in ((0.0, 1.0), (1.25, 3000.0), (-3e20, 1e-18)):
        term = Term(FIRST_LEAF, form, center, scale)
        expected = (2**30 * term.of(values, usable) + 7) >> 20
        found = Predictor((term,), (2**30,), 7).predict(lambda feature: (values, usable), len(values))
        assert np.array_equal(found, expected)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=100), st.integers(0, 100))
def test_hostile_bytes_decode_to_something_or_are_refused(content, n):
    cells, specials, rows, known = example(8, 100)
    model, _ = MODEL.setdefault("model", fit_column(cells, specials, rows, candidates(known)))
    other = Rows(np.array([n]))
    found = model.decode(content, other, lambda f: (np.zeros(n, np.int16), np.ones(n, bool)))
    assert len(found) == n
    reader = ByteReader(content)
    try:
        LearnedColumn.read(reader, specials, 10)
    except JetDataError:
        return


MODEL = {}


def test_initial_counts_are_pinned():
    assert initial_counts(np.array([0, 4, 5, 60]), 8).tolist() == [133, 67, 56, 1]


def test_intervals_cover_what_they_were_fitted_to():
    x = np.random.default_rng(9).integers(-50, 50, 1000)
    alphabet = Alphabet.fit(np.empty(0, np.int64), x, 8)
    assert np.all(alphabet.symbols(x, x) < alphabet.n_symbols - 1)
    assert np.all(np.diff(alphabet.edges) > 0)
