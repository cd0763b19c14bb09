"""Cells become bytes and cells again: packed, learned, compiled and not compiled."""

import importlib
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from atlas_keras import codec
from atlas_keras.codec.columns import compiled, linear
from atlas_keras.codec.columns.alphabet import Alphabet
from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.column_rows import symbols_of
from atlas_keras.codec.columns.features import FIRST_LEAF, Candidate, Rows, roundest
from atlas_keras.codec.columns.fitting import fit_column
from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.learned import LearnedColumn, initial_counts
from atlas_keras.codec.columns.linear import FORMS, Predictor, Term
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.origin import Fixed, Previous
from atlas_keras.codec.columns.packing import pack, pack_bytes, unpack, unpack_bytes
from atlas_keras.codec.columns.quantizer import SPECIAL
from atlas_keras.codec.columns.recoil import TABLES, Recoil
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


def features(known, rows):
    return Known(rows, lambda leaf: (known, np.ones(rows.n, bool)))


def written(model):
    writer = ByteWriter()
    model.write(writer, {term: place for place, term in enumerate(model.terms)})
    return bytes(writer.content)


@pytest.mark.parametrize("seed", range(3))
def test_learned_cells_come_back_and_the_bits_are_as_estimated(seed):
    cells, specials, rows, known = example(seed)
    given = features(known, rows)
    warm, _ = fit_column(cells, specials, given, candidates(known), warm=True)
    model, bits = fit_column(cells, specials, given, candidates(known))
    assert len(warm.encode(cells, given)) < 0.95 * bits / 8
    assert model.uses == (FIRST_LEAF,)
    again = LearnedColumn.read(ByteReader(written(model)), specials, FIRST_LEAF + 1)
    content = again.encode(cells, given)
    assert content == model.encode(cells, given)
    assert np.array_equal(again.decode(content, features(known, rows)), cells)
    assert 0.9 * bits < 8 * (len(content) + len(written(model))) < 1.1 * bits


def test_other_data_than_learned_comes_back():
    cells, specials, rows, known = example(4)
    model, _ = fit_column(cells, specials, features(known, rows), candidates(known))
    rng = np.random.default_rng(5)
    other = rng.integers(-(2**63), 2**63 - 1, 500)
    known = features(rng.integers(-(2**15), 2**15, 500).astype(np.int16), Rows(np.array([0, 500, 0])))
    assert np.array_equal(model.decode(model.encode(other, known), known), other)


def test_sorted_lists_are_measured_from_the_row_before():
    rng = np.random.default_rng(6)
    rows = Rows(rng.poisson(8, 300).astype(np.int64))
    cells = np.concatenate([rng.integers(0, 10**9) + np.arange(n) for n in rows.counts]).astype(np.int64)
    known = features(cells, rows)
    model, _ = fit_column(cells, np.empty(0, np.int64), known, [])
    assert isinstance(model.origin, Previous)
    assert np.array_equal(model.decode(model.encode(cells, known), known), cells)


def test_the_smallest_integer_as_a_filler_has_no_residual():
    # Its absolute value is negative in 64 bits. It is what NumPy and pandas have for a time that is missing.
    cells, specials = np.zeros(1000, np.int64), np.empty(0, np.int64)
    cells[::10], cells[::25] = 7, -(2**63)
    known = features(np.zeros(1000, np.int16), Rows(np.array([1000])))
    model, bits = fit_column(cells, specials, known, [])
    assert 0 < bits < 64 * len(cells)
    again = LearnedColumn.read(ByteReader(written(model)), specials, FIRST_LEAF + 1)
    assert np.array_equal(again.decode(again.encode(cells, known), known), cells)


def balanced(seed, n_cells=6284, n_lists=500):
    """Make events whose third object balances two others: azimuths as cells, and what is known of the objects."""
    rng = np.random.default_rng(seed)
    rows = Rows(3 * rng.integers(0, 2, n_lists))
    pt, turn = rng.exponential(100, (rows.n // 3, 3)), rng.uniform(-np.pi, np.pi, (rows.n // 3, 3))
    others = (pt[:, :2] * np.exp(1j * turn[:, :2])).sum(axis=1)
    turn[:, 2] = np.angle(-others) + rng.normal(0, 0.01, len(turn))
    cells = (np.rint(turn.ravel() / (2 * np.pi) * n_cells).astype(np.int64) + n_cells // 2) % n_cells - n_cells // 2
    cells[::50] = SPECIAL  # stored as they are
    leaves = [pt.ravel().astype(np.float32), rng.normal(0, 2, rows.n).astype(np.float32)]
    leaves[0][::70], leaves[1][::90] = np.nan, np.inf
    return cells, Known(rows, lambda leaf: (leaves[leaf], np.isfinite(leaves[leaf]))), n_cells


def test_azimuths_are_measured_from_the_recoil():
    cells, known, n_cells = balanced(11)
    recoil = Recoil.of(n_cells, FIRST_LEAF, FIRST_LEAF + 1, (), known.values)
    specials = SPECIAL + np.arange(1)
    alone, alone_bits = fit_column(cells, specials, known, [])
    model, bits = fit_column(cells, specials, known, [], recoils=[recoil])
    assert isinstance(model.origin, Recoil)
    assert bits < 0.9 * alone_bits
    assert model.leaves == {0, 1}
    assert not alone.leaves
    again = LearnedColumn.read(ByteReader(written(model)), specials, FIRST_LEAF + 2, n_cells=n_cells)
    assert np.array_equal(again.decode(model.encode(cells, known), known), cells)


def test_cells_that_are_none_of_a_turn_come_back_too():
    cells, known, n_cells = balanced(12)
    recoil = Recoil.of(n_cells, FIRST_LEAF, FIRST_LEAF + 1, (), known.values)
    model, _ = fit_column(cells, SPECIAL + np.arange(1), known, [], recoils=[recoil])
    cells[::7] += n_cells
    assert np.array_equal(model.decode(model.encode(cells, known), known), cells)


@pytest.mark.parametrize(
    ("numbers", "scale", "n_cells"),
    [((0, 3, 5), 0, 100), ((0, 4, 5), 99, 100), ((0, 4, 5), 0, 0), ((1, 4, 5, 6), 0, 100), ((2, 4, 5, 2, 6), 0, 100)],
)
def test_impossible_recoils_are_refused(numbers, scale, n_cells):
    writer = ByteWriter()
    for number in numbers:
        writer.number(number)
    writer.signed(scale)
    with pytest.raises(JetDataError, match="recoil"):
        Recoil.read(ByteReader(bytes(writer.content)), 10, n_cells)


def test_directions_and_sizes_are_near_the_exact_ones():
    rng = np.random.default_rng(13)
    pt = np.exp(rng.uniform(0, 12, 1000)).astype(np.float32)
    known = Known(Rows(np.ones(1000, np.int64)), lambda leaf: ([pt, pt, angle][leaf], np.ones(1000, bool)))
    angle = rng.uniform(-np.pi, np.pi, 1000).astype(np.float32)
    recoil = Recoil(1 << 16, FIRST_LEAF, FIRST_LEAF, (FIRST_LEAF + 1, FIRST_LEAF + 2), 10)
    base, seen = recoil.walk(np.zeros(1000, np.int64), recoil.momenta(known.values, 1000), np.ones(1000, np.uint8))
    off = base / 2**16 * 2 * np.pi - (angle + np.pi)  # the missing momentum is balanced by what is opposite to it
    assert np.abs((off + np.pi) % (2 * np.pi) - np.pi).max() < 3e-3
    assert np.abs(seen[0] / 16 - (np.log2(pt) + 10)).max() < 0.1
    assert np.abs(seen[1]).max() <= 1


def test_tables_of_the_recoil_are_pinned():
    assert [zlib.crc32(table.astype("<i8").tobytes()) for table in TABLES] == PINNED


def test_python_does_what_the_compiler_does(monkeypatch):
    """The loops as they are, over lists of Python's integers: an install without numba reads the same cells."""
    cells, specials, rows, known = example(7, 100)
    given = features(known, rows)
    model, bits = fit_column(cells, specials, given, candidates(known))
    azimuths, balance, n_cells = balanced(14, n_lists=150)
    recoil = Recoil.of(n_cells, FIRST_LEAF, FIRST_LEAF + 1, (), balance.values)
    around, _ = fit_column(azimuths, specials[:1], balance, [], recoils=[recoil])
    assert isinstance(around.origin, Recoil)

    monkeypatch.setattr(codec, "columns", codec.columns)  # all is put back behind the test
    monkeypatch.setitem(sys.modules, "numba", None)
    for name in [name for name in sys.modules if name.startswith("atlas_keras.codec.columns")]:
        monkeypatch.delitem(sys.modules, name)
    learned, fitting = (importlib.import_module(f"atlas_keras.codec.columns.{n}") for n in ("learned", "fitting"))
    assert not sys.modules["atlas_keras.codec.columns.compiled"].COMPILES

    for fitted, x, known_of_x, one in ((model, cells, given, specials), (around, azimuths, balance, specials[:1])):
        same = learned.LearnedColumn.read(ByteReader(written(fitted)), one, FIRST_LEAF + 2, n_cells=n_cells)
        content = fitted.encode(x, known_of_x)
        assert same.encode(x, known_of_x) == content
        assert np.array_equal(same.decode(content, known_of_x), x)
    grown, slow_bits = fitting.fit_column(cells, specials, given, candidates(known))
    assert slow_bits == pytest.approx(bits, rel=1e-9)
    assert grown.tree.n_leaves == model.tree.n_leaves


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, bool])
def test_compiled_terms_are_those_of_numpy(form, dtype, monkeypatch):
    rng = np.random.default_rng(10)
    bits = rng.integers(0, 256, 80_000, np.uint8)
    values = bits.view(dtype) if dtype is not bool else bits > 100
    values = np.concatenate([values, rng.normal(0, 3, 20_000).astype(dtype)])
    usable = rng.random(len(values)) < 0.9
    for center, scale in ((0.0, 1.0), (1.25, 3000.0), (-3e20, 1e-18)):
        term = Term(FIRST_LEAF, form, center, scale)
        found, expected = np.ones(len(values), np.int16), np.ones(len(values), np.int16)
        term.fill(found, values, usable)
        with monkeypatch.context() as patch:
            patch.setattr(linear, "COMPILES", False)
            term.fill(expected, values, usable)
        assert np.array_equal(found, expected)


def test_weights_of_all_sizes_are_summed_up():
    rng = np.random.default_rng(15)
    known = features(rng.normal(0, 3, 9000), Rows(np.array([9000])))
    terms = tuple(Term(FIRST_LEAF, "value", k / 8, 1000.0) for k in range(80))  # of more than one slab
    for largest in (1 << 20, 1 << 36):
        weights = tuple(int(w) for w in rng.integers(-largest, largest, len(terms)))
        expected = 7 + sum(w * known.term(t).astype(np.int64) for w, t in zip(weights, terms, strict=True))
        assert np.array_equal(Predictor(terms, weights, 7).predict(known), expected >> 20)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=100), st.integers(0, 100))
def test_hostile_bytes_decode_to_something_or_are_refused(content, n):
    cells, specials, rows, known = example(8, 100)
    if not MODEL:
        MODEL["model"] = fit_column(cells, specials, features(known, rows), candidates(known))[0]
    found = MODEL["model"].decode(content, features(np.zeros(n, np.int16), Rows(np.array([n]))))
    assert len(found) == n
    reader = ByteReader(content)
    try:
        LearnedColumn.read(reader, specials, 10)
    except JetDataError:
        return


MODEL = {}
PINNED = [1073223126, 3963204671, 1115085626]  # checksums


def test_initial_counts_are_pinned():
    assert initial_counts(np.array([0, 4, 5, 60]), 8).tolist() == [133, 67, 56, 1]


def test_intervals_cover_what_they_were_fitted_to():
    x = np.random.default_rng(9).integers(-50, 50, 1000)
    alphabet = Alphabet.fit(np.empty(0, np.int64), x, 8)
    symbols, offsets = symbols_of(x, np.zeros(1, np.int64), np.ones(1000, np.uint8), Fixed(0), alphabet)
    assert np.all(symbols < alphabet.n_symbols - 1)
    assert np.array_equal(alphabet.edges[symbols] + offsets, x)
    assert np.all(np.diff(alphabet.edges) > 0)
