"""Tallies add up: whatever the parts and their order, what is counted of the whole is the same."""

import itertools
import operator
from functools import reduce

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_keras.config import DataConfig
from atlas_keras.data.entry_ranges import EntryRange
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.evaluation import drawn_events, run_jets
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.fine_histogram import FineHistogram
from atlas_keras.evaluation.run_jets import read_chunks
from atlas_keras.evaluation.tally import Tally
from atlas_keras.schema import FOUR_MOMENTUM

numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60)


@settings(max_examples=30)
@given(numbers, st.lists(st.integers(0, 60), max_size=4))
def test_histograms_of_parts_add_up(values, cuts):
    x = np.array(values)
    whole, parts = (
        FineHistogram.of(x, [x > 0]),
        [FineHistogram.of(part, [part > 0]) for part in np.split(x, sorted(cuts))],
    )
    for order in (parts, parts[::-1]):
        added = reduce(operator.add, order)
        assert (added.codes.tolist(), added.counts.tolist()) == (whole.codes.tolist(), whole.counts.tolist())
        assert (added.n, added.low, added.high) == (len(x), x.min(), x.max())
        assert added.weights.tolist() == whole.weights.tolist()
        np.testing.assert_allclose(added.sums, whole.sums, rtol=1e-12)


@settings(max_examples=30)
@given(numbers, st.floats(0, 1))
def test_quantiles_are_those_of_the_values_to_the_width_of_a_bin(values, fraction):
    x = np.array(values)
    found = FineHistogram.of(x)
    assert (np.diff(found.codes) > 0).all()
    assert (np.diff(found.values) > 0).all()
    for histogram, exact in ((found, x), (found.sizes, np.abs(x))):
        tolerance = 2.0**-12 * np.abs(x).max()
        assert histogram.quantiles(fraction) == pytest.approx(np.quantile(exact, fraction), rel=2.0**-12, abs=tolerance)
        assert histogram.ranked([0, len(x) - 1]).tolist() == [exact.min(), exact.max()]
    assert found.sizes.total == pytest.approx(np.abs(x).sum())


def test_a_histogram_of_any_range_is_sorted_or_counted():
    """Few octaves are counted in place, many are sorted; a number that repeats stands for itself."""
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=5000), np.append(rng.normal(size=50), [5e-324, 1e308, -1e-300, 0.0, -0.0])):
        found = FineHistogram.of(x)
        assert found.counts_below(0.0, "left") == np.sum(x < 0)
        assert found.counts_below(0.0, "right") == np.sum(x <= 0)
        assert found.total == pytest.approx(x.sum(), rel=1e-9)
    assert FineHistogram.of([3, -1, 3, 0]).values.tolist() == [-1, 0, 3]
    assert FineHistogram.of([]).n == 0
    assert FineHistogram.of([np.inf, np.inf]).quantiles(0.5) == np.inf


def cut(table, positions, numbers, jets_back):
    """Cut the sample into chunks of two parts at these events."""
    edges = [0, *sorted(numbers), table.n_events]
    half, chunks = table.n_events // 2, []
    for start, stop in itertools.pairwise(edges):
        for part, low, high in ((0, start, min(stop, half)), (1, max(start, half), stop)):
            chosen = (table.event >= low) & (table.event < high)
            if low < high:
                first = -part * half
                chunk = Chunk(
                    table.jets[chosen], FOUR_MOMENTUM, table.event[chosen] + first, high - low, positions, first, part
                )
                chunks.append((chunk, {"model": jets_back[chosen]}))
    return chunks


def test_an_evaluation_of_parts_is_that_of_the_whole(table_and_places, evaluation, monkeypatch):
    """Counts, quantiles, worst jets and drawn events are the same; sums differ by their rounding alone."""
    table, positions = table_and_places
    rng = np.random.default_rng(3)
    jets_back = (table.jets * (1 + 1e-3 * rng.standard_normal(table.jets.shape))).astype(np.float32)
    monkeypatch.setattr(drawn_events, "MAX_JETS", 3000)

    def evaluate(numbers, order):
        chunks = cut(table, positions, numbers, jets_back)
        tallies = [Tally.of(*chunk, evaluation.reference) for chunk in chunks]
        tally = reduce(operator.add, order(tallies))
        return Evaluation(tally, FOUR_MOMENTUM, {"model": "a model"}, evaluation.reference)

    whole, parts = evaluate([], list), evaluate([100, 1500, 2600, 4000], reversed)
    assert whole.tally.n_jets == parts.tally.n_jets == table.n_jets
    assert 2900 < whole.n_drawn == parts.n_drawn <= 3000
    assert whole.metrics["events"] == parts.metrics["events"]
    for name, expected in whole.tables.items():
        pd.testing.assert_frame_equal(parts.tables[name], expected, rtol=1e-9, atol=1e-15, obj=name)
    drawn = whole.jets()
    assert drawn["event"].is_monotonic_increasing
    assert len(np.unique(drawn["event"])) == pytest.approx(3000 / table.n_jets * table.n_events, rel=0.1)
    for event in drawn["event"].unique()[:20]:  # as a whole, and where it stands in the data
        np.testing.assert_array_equal(drawn.loc[drawn["event"] == event, "pt"], table.jets[table.event == event, 1])


def test_large_batches_are_cut_at_events_and_small_ones_gathered(small_file, monkeypatch):
    config, policy = DataConfig(paths=(str(small_file),)), InvalidPolicy()
    (whole,) = read_chunks(config, EntryRange(str(small_file)), 3, policy)
    monkeypatch.setattr(run_jets, "CHUNK_JETS", 100)
    chunks = list(read_chunks(config, EntryRange(str(small_file)), 3, policy))
    assert len(chunks) > 10
    assert {chunk.part for chunk in chunks} == {3}
    assert sum(chunk.n_events for chunk in chunks) == whole.n_events
    assert max(len(chunk.jets) for chunk in chunks) < 250
    np.testing.assert_array_equal(np.concatenate([chunk.jets for chunk in chunks]), whole.jets)
    np.testing.assert_array_equal(np.concatenate([chunk.event for chunk in chunks]), whole.event)
    last = chunks[-1]
    assert last.positions.describe(int(last.event[-1]) - last.first) == whole.positions.describe(int(whole.event[-1]))
