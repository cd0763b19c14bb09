"""Grids: every jet that has a cell comes back within the bounds, whatever the bounds are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_keras.codec.bounds import Bounds, input_precision
from atlas_keras.codec.quantizer import MAX_INDEX, JetQuantizer
from atlas_keras.data.readers import load_jets
from atlas_keras.errors import JetDataError
from atlas_keras.schema import PHI_MAX
from tests.codec.laws import check_bounds, masses, random_jets, spoiled

BOUND = st.floats(-6.9, -1.05).map(lambda x: 10**x)
SAMPLE = load_jets()[["E", "pt", "eta", "phi"]].to_numpy()


@settings(max_examples=40)
@given(st.tuples(BOUND, BOUND, BOUND, BOUND), st.integers(0, 2**32))
def test_jets_with_a_cell_keep_the_bounds(entropy_model, limits, seed):
    bounds = Bounds(*limits)
    jets = spoiled(random_jets(500, seed), seed)
    grid = JetQuantizer.of(bounds, entropy_model)
    cells, odd = grid.quantize(jets, bounds)
    back = grid.dequantize(cells)
    kept = bounds.kept(jets, back)
    check_bounds(jets[kept], back[kept], bounds)
    ordinary = np.isfinite(jets).all(axis=1) & (jets[:, :2] > 1e-6).all(axis=1) & (jets < 1e10).all(axis=1)
    reachable = (
        ordinary & (np.abs(cells) < MAX_INDEX).all(axis=1) & (np.abs(jets[:, 2]) < 12) & (np.abs(jets[:, 3]) <= PHI_MAX)
    )
    assert np.all(kept[reachable & ~odd])
    assert not np.any(odd[reachable])


@pytest.mark.parametrize("bound", ["1e-2", "1e-3", "1e-5", "1e-7", "E=1e-2,pt=1e-4,eta=1e-3,phi=1e-5"])
def test_all_jets_of_the_sample_have_cells(entropy_model, bound):
    bounds = Bounds.parse(bound)
    grid = JetQuantizer.of(bounds, entropy_model)
    cells, odd = grid.quantize(SAMPLE, bounds)
    assert not odd.any()
    assert bounds.kept(SAMPLE, grid.dequantize(cells)).all()
    check_bounds(SAMPLE, grid.dequantize(cells), bounds)


@pytest.mark.parametrize("bound", ["1e-3,mass=1e-2", "1e-2,mass=5e-2", "1e-4,mass=1e-2", "1e-5,mass=1e-4"])
def test_masses_keep_their_bound(entropy_model, bound):
    bounds = Bounds.parse(bound)
    assert input_precision(SAMPLE) == pytest.approx(5e-6)
    grid = JetQuantizer.of(bounds, entropy_model)
    cells, _ = grid.quantize(SAMPLE, bounds)
    back = grid.dequantize(cells)
    check_bounds(SAMPLE, back, bounds)
    before, after = masses(SAMPLE), masses(back)
    floor = 2 * 5e-6 * (2 * SAMPLE[:, 0] ** 2)
    relative = np.abs(np.sqrt(np.maximum(after, 0)) / np.sqrt(np.maximum(before, 1e-30)) - 1)
    assert np.all((relative <= bounds.mass) | (np.abs(after - before) <= floor))
    assert np.mean(relative <= bounds.mass) > 0.95
    assert np.all(after > 0)


def test_different_bounds_of_a_mass_need_few_exceptions(entropy_model):
    """Jets of any mass, in double precision: the cells serve E, pt and mass together."""
    jets = random_jets(20_000, 5)
    jets = jets[masses(jets) > 1e-12 * jets[:, 0] ** 2]
    for limits in ((1e-3, 1e-3, 1e-3, 1e-3, 1e-2), (1e-4, 1e-2, 1e-3, 1e-3, 1e-2), (1e-2, 1e-4, 1e-3, 1e-3, 1e-3)):
        bounds = Bounds(*limits)
        grid = JetQuantizer.of(bounds, entropy_model)
        cells, odd = grid.quantize(jets, bounds)
        kept = bounds.kept(jets, grid.dequantize(cells))
        assert np.mean(kept & ~odd) > 0.9, limits


def test_phi_wraps_into_one_cell(entropy_model):
    bounds = Bounds.parse("1e-3")
    grid = JetQuantizer.of(bounds, entropy_model)
    jets = np.array([[2e5, 1e5, 0.5, phi] for phi in (np.pi, -np.pi, float(np.float32(np.pi)))])
    cells, _ = grid.quantize(jets, bounds)
    assert cells[0, 2] == cells[1, 2] == cells[2, 2] == 0
    assert np.all(np.abs(grid.dequantize(cells)[:, 3]) < np.pi)


def test_a_grid_is_stored_exactly_and_a_hostile_one_refused(entropy_model):
    grid = JetQuantizer.of(Bounds.parse("1e-3,mass=1e-2"), entropy_model)
    assert JetQuantizer.from_list(grid.to_list(), "here") == grid
    for index, value in ((0, 0.0), (0, "x"), (2, float("nan")), (4, 1.5), (4, 1 << 40), (4, -4), (6, float("inf"))):
        values = grid.to_list()
        values[index] = value
        with pytest.raises(JetDataError, match="here"):
            JetQuantizer.from_list(values, "here")
    with pytest.raises(JetDataError, match="here"):
        JetQuantizer.from_list(grid.to_list()[:5], "here")
