"""The range coding of blocks: any representable cells come back, on any machine, and damage is told."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.entropy_coding import EntropyCoding
from atlas_keras.codec.entropy_model.context import CUT, EventContext, MissingMomentum, cut_events
from atlas_keras.codec.entropy_model.fitting import EventTable, fit_entropy_model
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.codec.symbols import SymbolTables
from atlas_keras.errors import JetDataError
from tests.codec.laws import events, random_cells, random_jets


def coding(entropy_model, bound="1e-3", cut=CUT):
    return EntropyCoding(JetQuantizer.of(Bounds.parse(bound), entropy_model), entropy_model, cut)


@settings(max_examples=25)
@given(
    st.sampled_from(["1e-2", "1e-3", "1e-6", "1e-7", "1e-3,mass=1e-2", "E=1e-7,pt=1e-1,eta=1e-3,phi=1e-1"]),
    st.integers(0, 60),
    st.integers(0, 2**32),
)
def test_any_cells_come_back(entropy_model, bound, n_events, seed):
    entropy_coding = coding(entropy_model, bound)
    n_jets, missing = events(n_events, seed)
    cells = random_cells(entropy_coding, n_jets.sum(), seed)
    assert entropy_coding.representable(cells).all()
    content = entropy_coding.encode(cells, n_jets, missing)
    back, counts = entropy_coding.decode(content, n_events, missing, 1 << 20)
    np.testing.assert_array_equal(back, cells)
    np.testing.assert_array_equal(counts, n_jets)


SIZES = [[0], [1], [255], [256], [257], [5000], [0, 1025, 1, 0, 257, 255, 512, 256, 3], [513, 0, 0, 300]]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cut", [0, 1, CUT])
def test_events_of_any_size_come_back(entropy_model, sizes, cut):
    entropy_coding, n_jets = coding(entropy_model, cut=cut), np.array(sizes)
    missing = MissingMomentum(np.linspace(0, 1e6, len(sizes)), np.linspace(-3, 3, len(sizes)))
    cells = random_cells(entropy_coding, n_jets.sum(), 1)
    back, counts = entropy_coding.decode(entropy_coding.encode(cells, n_jets, missing), len(sizes), missing, 1 << 20)
    np.testing.assert_array_equal(back, cells)
    np.testing.assert_array_equal(counts, n_jets)


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(0, 12))
def test_cut_events_hold_the_same_jets_in_the_same_order(sizes, most):
    n_jets, events = np.array(sizes, np.int64), np.arange(len(sizes), dtype=np.float64)
    parts, missing = cut_events(n_jets, MissingMomentum(events, -events), most)
    np.testing.assert_array_equal(np.repeat(missing.met, parts), np.repeat(events, n_jets))
    np.testing.assert_array_equal(missing.phi, -missing.met)
    assert parts.max(initial=0) <= (most or 40)
    assert np.bincount(missing.met.astype(int), minlength=len(sizes)).tolist() == [
        max(-(-n // most), 1) if most else 1 for n in sizes
    ]


def test_ordinary_events_are_coded_as_ever(entropy_model):
    """No event is cut that does not have to be: not a bit of ordinary files depends on where long events are cut."""
    n_jets = np.array([CUT, 3, 0, CUT - 1, 1])
    whole, cut = coding(entropy_model, cut=0), coding(entropy_model)
    cells, missing = random_cells(cut, n_jets.sum(), 1), MissingMomentum.none(5)
    assert whole.encode(cells, n_jets, missing) == cut.encode(cells, n_jets, missing)


def test_the_steps_of_a_walk_do_not_grow_with_the_event(entropy_model, monkeypatch):
    """A step takes as long for one event as for hundreds: one event of a million jets is as fast as a thousand."""
    steps = []
    monkeypatch.setattr(
        EventContext, "advance", lambda self, *args, _do=EventContext.advance: steps.append(_do(self, *args))
    )
    entropy_coding, n_jets, none = coding(entropy_model), np.array([20_000]), MissingMomentum.none(1)
    entropy_coding.encode(random_cells(entropy_coding, 20_000, 1), n_jets, none)
    assert len(steps) == CUT
    fit_entropy_model(EventTable(n_jets, random_jets(20_000, 1), none))
    assert len(steps) == 2 * CUT


def test_what_has_no_symbol_is_told(entropy_model):
    entropy_coding = coding(entropy_model)
    a = entropy_coding.symbol_tables
    cells = np.zeros((5, 4), np.int64)
    for row, (column, value) in enumerate(
        [(0, a.pt.first[-1]), (1, a.eta.first[0] - 1), (2, entropy_coding.grid.n_phi), (3, a.energy.first[-1])]
    ):
        cells[row, column] = value
    assert entropy_coding.representable(cells).tolist() == [False] * 4 + [True]


@pytest.mark.parametrize("bound", ["1e-1", "1e-2", "1e-4", "1e-7", "1e-3,mass=1e-2", "1e-7,mass=1e-7"])
def test_symbols_are_disjoint_and_have_probabilities(entropy_model, bound):
    symbol_tables = SymbolTables.of(JetQuantizer.of(Bounds.parse(bound), entropy_model), entropy_model)
    for name in ("n_jets", "pt", "eta", "phi", "energy"):
        symbols = getattr(symbol_tables, name)
        assert np.all(np.diff(symbols.first) > 0)
        assert symbols.weights.shape[1] == len(symbols.first) - 1
        assert np.all(symbols.weights >= 0)
        assert np.all(symbols.weights.sum(axis=1) > 0)


def test_the_probabilities_are_those_of_the_jets(entropy_model):
    """The code is as long as the histogram says: no table is shifted against the cells that it is for."""
    from atlas_keras.codec.entropy_model.fitting import collect_events
    from atlas_keras.data.readers import read_events

    sample = collect_events(read_events(), np.ones(4097, bool))
    bits = {}
    for missing in (sample.missing, MissingMomentum.none(4097)):
        entropy_coding = coding(entropy_model)
        cells, _ = entropy_coding.grid.quantize(sample.jets, Bounds.parse("1e-3"))
        bits[missing is sample.missing] = 8 * len(entropy_coding.encode(cells, sample.n_jets, missing)) / len(cells)
    assert bits[True] < 34.2
    assert bits[True] < bits[False]


@pytest.mark.parametrize("cut", [0, 7, 8, 11, -4, -3])
def test_truncated_blocks_are_errors_or_other_cells(entropy_model, cut):
    entropy_coding = coding(entropy_model)
    cells = np.zeros((100, 4), np.int64)
    none = MissingMomentum.none(50)
    content = entropy_coding.encode(cells, np.full(50, 2), none)
    if len(content[:cut]) < 8 or len(content[:cut]) % 4:
        with pytest.raises(JetDataError, match="impossible length"):
            entropy_coding.decode(content[:cut], 50, none, 1 << 20)
        return
    try:
        back, _ = entropy_coding.decode(content[:cut], 50, none, 1 << 20)
    except JetDataError:
        return
    assert back.shape == (100, 4)  # the checksums of files tell; a block alone cannot


def test_blocks_that_claim_too_much_are_refused(entropy_model):
    entropy_coding = coding(entropy_model)
    with pytest.raises(JetDataError, match="claims"):
        entropy_coding.decode((3).to_bytes(4, "little") + b"\xff" * 4, 3, MissingMomentum.none(3), 1 << 20)
    with pytest.raises(JetDataError, match="claims 4294967295 events"):
        entropy_coding.n_events(b"\xff" * 8)


PROGRAM = """
import hashlib, sys
import numpy as np
from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.entropy_coding import EntropyCoding
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.codec.entropy_model.model import EntropyModel
from tests.codec.laws import events, random_cells
entropy_model = EntropyModel.load(sys.argv[1])
digest = hashlib.sha256()
for bound in ("1e-2", "1e-4", "1e-3,mass=1e-2"):
    entropy_coding = EntropyCoding(JetQuantizer.of(Bounds.parse(bound), entropy_model), entropy_model)
    n_jets, missing = events(3000, 1)
    cells = random_cells(entropy_coding, n_jets.sum(), 2)
    content = entropy_coding.encode(cells, n_jets, missing)
    back, _ = entropy_coding.decode(content, 3000, missing, 1 << 20)
    assert np.array_equal(back, cells)
    digest.update(content)
print(digest.hexdigest())
"""
MACHINES = [
    {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0"},
    {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "TF_ENABLE_ONEDNN_OPTS": "1"},
    {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"},
    {"NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX2 FMA3"},
    {"OPENBLAS_CORETYPE": "Prescott"},
]


def test_the_code_does_not_depend_on_threads_or_instruction_sets(run_folder):
    """The same cells make the same bytes with one thread or two, oneDNN or not, AVX512, AVX2 or neither."""
    made = set()
    for machine in MACHINES:
        environment = {**os.environ, **machine, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-c", PROGRAM, str(run_folder)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        made.add(done.stdout)
    assert len(made) == 1
    assert len(made.pop().strip()) == len(hashlib.sha256().hexdigest())


def test_random_jets_of_all_kinds_have_cells_with_symbols(entropy_model):
    bounds = Bounds.parse("1e-3")
    entropy_coding = coding(entropy_model)
    jets = random_jets(5000, 3)
    jets = jets[(jets[:, 0] < 1e9) & (jets[:, 1] > 1e-3) & (jets[:, 0] / jets[:, 1] / np.cosh(jets[:, 2]) < 100)]
    cells, odd = entropy_coding.grid.quantize(jets, bounds)
    assert np.mean(entropy_coding.representable(cells) & ~odd) > 0.99
