"""Statistics of parts are those of the whole, in float64, whatever the parts and their order."""

import functools
import operator

import numpy as np
import pytest

from atlas_keras.layers.standardization import Standardization
from atlas_keras.layers.statistics import StatisticsOfRows
from atlas_keras.models.residual_map import principal_components

EPS = np.finfo(np.float64).eps
N, K = 600, 5
rng = np.random.default_rng(5)
# Far from zero against their spread, correlated, of different sizes; the last but one constant, the last one nothing.
SPREAD = rng.normal(size=(N, K)) @ (np.diag([1.0, 0.5, 0.2, 0.05, 0.01]) + 0.1 * rng.normal(size=(K, K)))
ROWS = np.column_stack([(SPREAD + 1e3) * [1, 1e-3, 1e4, 1, 7], np.full(N, 0.1), np.zeros(N)])
SIZE = np.abs(ROWS).max(axis=0)
WAYS = {
    "halves": [300],
    "uneven": [1, 7, 8, 200, 599],
    "rows": list(range(1, N)),
    "empty": [0, 0, 300, 300, N],
}


def added(*cuts, order=1):
    return functools.reduce(operator.add, (StatisticsOfRows(part) for part in np.split(ROWS, cuts)[::order]))


@pytest.fixture(scope="module")
def whole():
    return StatisticsOfRows(ROWS)


@pytest.fixture(params=[(way, order) for way in WAYS for order in (1, -1)], ids=str)
def parts(request):
    way, order = request.param
    return added(*WAYS[way], order=order)


def test_mean_deviation_and_range_are_those_of_the_whole(parts, whole):
    assert parts.n == whole.n == N
    np.testing.assert_array_equal([parts.low, parts.high], [ROWS.min(axis=0), ROWS.max(axis=0)])
    for dtype in (np.float64, np.float32):
        error = N * EPS * SIZE + (dtype == np.float32) * np.finfo(np.float32).eps * SIZE  # n roundings of a sum
        assert parts.mean(dtype).dtype == dtype
        assert (np.abs(parts.mean(dtype) - ROWS.mean(axis=0)) <= error).all()
    assert (np.abs(parts.deviation - ROWS.std(axis=0)) <= N * EPS * (SIZE + ROWS.shape[1] * ROWS.std(axis=0)))[:K].all()
    np.testing.assert_array_equal(parts.deviation[K:], 0)
    layers = [
        Standardization.adapted(of, kind, least=1e-9) for kind in ("mean-variance", "min-max") for of in (parts, whole)
    ]
    for one, other in (layers[:2], layers[2:]):
        np.testing.assert_allclose(one.mean, other.mean, rtol=N * EPS)
        np.testing.assert_allclose(one.variance[:K], other.variance[:K], rtol=1e-9)
        np.testing.assert_array_equal(one.variance[K:], 1)


def test_outer_products_about_any_point_are_those_of_the_whole(parts, whole):
    for point in (whole.mean(), whole.mean() + ROWS.std(axis=0), 0.0):
        found, rows = parts.about(point), whole.about(point)
        assert len(found) <= ROWS.shape[1] + 1
        length = np.sqrt(np.mean(rows**2, axis=0))
        # A column of a QR decomposition errs by n k of its length, and what is added up by n of its largest value.
        error = N * EPS * (ROWS.shape[1] * length + SIZE)
        products = np.abs(found.T @ found / len(found) - rows.T @ rows / N)
        assert (products <= np.outer(error, length) + np.outer(length, error)).all()


def test_principal_components_are_those_of_the_whole(parts, whole):
    deviation = np.append(ROWS.std(axis=0)[:K], [1, 1])
    weights = np.linspace(1, 2, K + 2).astype(np.float32)
    of_parts, of_all = (
        principal_components(of.about(whole.mean()) / deviation, weights, K - 1) for of in (parts, whole)
    )
    sign = np.sign(np.sum(of_parts[0] * of_all[0], axis=0))
    np.testing.assert_allclose(of_parts[0] * sign, of_all[0], atol=2e-6 * np.abs(of_all[0]).max())
    np.testing.assert_allclose(of_parts[1] * sign[:, None], of_all[1], atol=2e-6 * np.abs(of_all[1]).max())


def test_nothing_but_empty_parts_is_empty():
    none = StatisticsOfRows(ROWS[:0])
    assert (none + none).n == 0
    assert np.isinf((none + none).low).all()
