"""Trees find what is there, and nothing where nothing is."""

import numpy as np
import pytest

from atlas_keras.codec.entropy_model.tree import TOTAL, code_length, grow, integer_probabilities


@pytest.fixture(scope="module")
def structured():
    rng = np.random.default_rng(0)
    n = 20_000
    informative, noise = rng.integers(-100, 100, n).astype(np.int16), rng.integers(0, 50, n).astype(np.int16)
    bins = np.where(informative > 20, rng.integers(0, 4, n), rng.integers(4, 8, n))
    return [noise, informative], bins


def test_a_tree_splits_where_the_density_changes(structured):
    features, bins = structured
    tree = grow(features, bins, 8)
    assert tree.feature[0] == 1
    assert set(tree.feature[tree.feature >= 0].tolist()) == {1}
    sharp = [row for row in tree.counts if row[:4].sum() > 0.98 * TOTAL or row[4:].sum() > 0.98 * TOTAL]
    assert len(sharp) >= 2


def test_noise_grows_no_tree(structured):
    features, bins = structured
    shuffled = np.random.default_rng(1).permutation(bins)
    assert len(grow(features, shuffled, 8).counts) == 1


def test_a_partition_is_complete_disjoint_and_ordered(structured):
    features, bins = structured
    tree = grow(features, bins, 8)
    groups = tree.partition(features)
    rows = np.concatenate([rows for _, rows in groups])
    assert sorted(rows.tolist()) == list(range(len(bins)))
    assert all(np.all(np.diff(rows) > 0) for _, rows in groups)
    assert len({leaf for leaf, _ in groups}) == len(groups)
    assert tree.partition([f[:0] for f in features]) == []


def test_weights_count_as_so_many_jets(structured):
    features, bins = structured
    once = grow(features, bins, 8)
    twice = grow([np.tile(f, 2) for f in features], np.tile(bins, 2), 8, weight=0.5)
    for part in ("feature", "threshold", "child", "counts"):
        np.testing.assert_array_equal(getattr(once, part), getattr(twice, part))


def test_integer_probabilities_are_positive_and_add_up():
    for histogram in ([1, 0, 0], [1e-9, 1, 1], np.random.default_rng(2).random(100)):
        counts = integer_probabilities(np.array(histogram, float))
        assert counts.sum() == TOTAL
        assert counts.min() > 0


def test_code_length_is_that_of_counting_one_by_one():
    prior, seen, bits = np.array([2.0, 3.0]), np.zeros(2), 0.0
    for symbol in (0, 1, 1, 0, 1):
        bits -= np.log2((prior + seen)[symbol] / (prior + seen).sum())
        seen[symbol] += 1
    assert code_length(seen, prior) == pytest.approx(bits)
