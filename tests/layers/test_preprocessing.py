from functools import partial

import keras
import numpy as np
import pytest

from atlas_keras.layers import Scaling, Standardization
from atlas_keras.schema import FOUR_MOMENTUM
from tests.layers.laws import check_gradient, check_inverse, check_layer_config, check_saves

rng = np.random.default_rng(1)
N = 1000
JETS = np.column_stack(
    [10 ** rng.uniform(2, 7, N), 10 ** rng.uniform(1, 6.5, N), rng.uniform(-5, 5, N), rng.uniform(-np.pi, np.pi, N)]
).astype(np.float32)
EXTREMES = np.array([[1e-3, 1e-3, 0, np.pi], [7e6, 7e6, -5, -np.pi], [1.2e-38, 1e30, 4.9, 0], [1, 1, 0, 0]], np.float32)
CASES = {
    "scaling": Scaling.published(FOUR_MOMENTUM, name="scaling"),
    "scaling_float64": Scaling.published(FOUR_MOMENTUM, name="scaling", dtype="float64"),
    "min_max": Standardization.adapted(JETS, "min-max", name="standardization"),
    "mean_variance": Standardization.adapted(JETS, name="standardization"),
}


@pytest.mark.parametrize("name", CASES)
def test_laws(name, tmp_path):
    layer = CASES[name]
    check_inverse(layer, JETS)
    check_layer_config(layer, JETS)
    check_saves(layer, JETS, tmp_path)
    check_gradient(layer, JETS)


def test_scaling_inverts_the_extremes_of_float32():
    check_inverse(Scaling.published(FOUR_MOMENTUM), EXTREMES)


def test_scaling_is_the_published_one():
    expected = np.column_stack([np.log10(JETS[:, 0]), np.log10(JETS[:, 1]), JETS[:, 2] / 5, JETS[:, 3] / 3])
    np.testing.assert_allclose(np.asarray(Scaling.published(FOUR_MOMENTUM)(JETS)), expected, rtol=1e-6)


def test_min_max_maps_the_range_to_0_and_1():
    y = np.asarray(Standardization.adapted(JETS, "min-max")(JETS))
    np.testing.assert_allclose(y.min(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(y.max(axis=0), 1, atol=1e-6)


def test_mean_variance_standardizes():
    y = np.asarray(Standardization.adapted(JETS)(JETS), np.float64)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=1e-5)


def test_a_constant_column_stays_finite():
    data = np.column_stack([np.full(10, 7.0), np.arange(10.0)])
    for kind in ("min-max", "mean-variance"):
        layer = Standardization.adapted(data, kind)
        check_inverse(layer, data)
        assert np.isfinite(np.asarray(layer(data))).all()


def test_no_deviation_is_below_the_least():
    data = np.column_stack([JETS[:, 2], 5 + 1e-9 * JETS[:, 2].astype(float), np.full(N, 7.0)])
    layer = Standardization.adapted(data, least=[1e-3, 1e-3, 1e-3])
    np.testing.assert_allclose(layer.variance, [data[:, 0].var(), 1e-6, 1])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16"])
@pytest.mark.parametrize(
    "build", [partial(Scaling.published, FOUR_MOMENTUM), lambda **k: Standardization([0.0], [1.0], **k)]
)
def test_half_precision_is_refused(build, dtype):
    with pytest.raises(ValueError, match="float32 or float64"):
        build(dtype=dtype)


def test_a_global_half_precision_policy_leaves_preprocessing_in_float32():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert Scaling.published(FOUR_MOMENTUM).compute_dtype == "float32"
        assert np.asarray(Scaling.published(FOUR_MOMENTUM)(JETS)).dtype == np.float32
    finally:
        keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Scaling(transforms=("sqrt",), scales=(1.0,)),
        lambda: Scaling(transforms=("linear",), scales=(0.0,)),
        lambda: Scaling(transforms=("linear", "log10"), scales=(1.0,)),
        lambda: Standardization([0.0], [0.0]),
        lambda: Standardization([np.nan], [1.0]),
        lambda: Standardization.adapted(np.empty((0, 4))),
        lambda: Standardization.adapted(JETS, "robust"),
    ],
)
def test_impossible_arguments_are_refused(build):
    with pytest.raises(ValueError, match="Received"):
        build()
