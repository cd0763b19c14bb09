import keras
import numpy as np
import pytest

from atlas_keras.layers import ColumnTransforms
from tests.layers.laws import check_gradient, check_inverse, check_layer_config, check_saves

rng = np.random.default_rng(2)
N = 500
COLUMNS = {
    "identity": rng.normal(3, 2, N),
    "angle": rng.uniform(-3.14, 3.14, N),
    "log": 10 ** rng.uniform(-3, 6, N),
    "signed_log": rng.standard_t(2, N) * 20,
    "logit": rng.uniform(0, 1, N),
}
X = np.column_stack(list(COLUMNS.values())).astype(np.float32)
SCALES = [2.0, 1.0, 5.0, 0.7, 1.0]
FILLERS = [[(-999.0, -8.0, -7.0), (-1.0, -10.0, -9.0)], [], [], [(0.0, -20.0, -19.0)], []]


def layer_of(names, fillers=(), **arguments):
    at = [list(COLUMNS).index(name) for name in names]
    return ColumnTransforms(list(names), [SCALES[i] for i in at], fillers, name="transforms", **arguments), X[:, at]


CASES = {
    "all": layer_of(COLUMNS),
    "mixed": layer_of(["log", "identity", "log", "angle", "identity"]),
    "alone": layer_of(["signed_log"]),
    "float64": layer_of(COLUMNS, dtype="float64"),
}


@pytest.mark.parametrize("name", CASES)
def test_laws(name, tmp_path):
    layer, x = CASES[name]
    check_inverse(layer, x)
    check_layer_config(layer, x)
    check_saves(layer, x, tmp_path)
    check_gradient(layer, x)


def test_transforms_are_what_the_docstring_says():
    y = np.asarray(CASES["all"][0](X), np.float64)
    x, scale = X.astype(np.float64), np.array(SCALES)
    f = x[:, 4]
    expected = np.column_stack(
        [
            x[:, 0] / 2,
            x[:, 1],
            np.log(x[:, 2] / scale[2]),
            np.sign(x[:, 3]) * np.log1p(np.abs(x[:, 3]) / scale[3]),
            np.log((f + 1e-3) / (1 - f + 1e-3)),
        ]
    )
    # A quotient, a sum and a logarithm, each rounded once or twice; of the logit two logarithms of up to 7.
    np.testing.assert_allclose(y, expected, rtol=4 * 2.0**-23, atol=16 * 2.0**-23)


def test_fillers_come_back_as_they_were(tmp_path):
    layer = ColumnTransforms(list(COLUMNS), SCALES, FILLERS, name="transforms")
    x = X.copy()
    x[::3, 0], x[1::3, 0], x[::2, 3] = -999, -1, 0
    y = np.asarray(layer(x))
    assert set(y[::3, 0]) == {np.float32(-8)}
    assert set(y[1::3, 0]) == {np.float32(-10)}
    back = np.asarray(layer.inverse()(y + np.float32(0.4)))  # as a decoder that errs
    np.testing.assert_array_equal(back[::3, 0], -999)
    np.testing.assert_array_equal(back[1::3, 0], -1)
    np.testing.assert_array_equal(back[::2, 3], 0)
    check_inverse(layer, x)
    check_layer_config(layer, x)
    check_saves(layer, x, tmp_path)


def test_what_has_no_logarithm_and_nan_have_a_meaning():
    """Zero and less count as 1e-30 in a logarithm; a NaN spoils its own column alone."""
    layer = ColumnTransforms(["log", "logit", "identity"], [1.0, 1.0, 1.0], [[], [], [(-1.0, -3.0, -2.0)]])
    y = np.asarray(layer(np.array([[0, 2, 1], [-5, -3, 1], [1, 0.5, np.nan]], np.float32)))
    assert np.isfinite(y[:2]).all()
    np.testing.assert_allclose(y[:2, 0], np.log(1e-30), rtol=1e-6)
    assert np.isnan(y[2]).tolist() == [False, False, True]


def test_an_inverse_never_leaves_the_range_of_an_angle():
    inverse = ColumnTransforms(["angle"], [1.0]).inverse()
    angles = np.linspace(-20, 20, 401, dtype=np.float32)[:, None]
    back = np.asarray(inverse(angles), np.float64)
    assert np.abs(back).max() <= np.float32(np.pi)
    # A multiple of 2 pi in float32 is off by some units of its last place.
    np.testing.assert_allclose(np.exp(1j * back), np.exp(1j * angles.astype(float)), atol=20 * 2.0**-22)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["logs"], [1.0]), "one of identity"),
        ((["log"], [0.0]), "positive"),
        ((["log"], [1.0, 2.0]), "Each column"),
        ((["log"], [1.0], [[], []]), "Each column"),
        ((["log"], [1.0], [[(-1.0, -2.0, -3.0)]]), "fall"),
        ((["log"], [1.0], [[(-1.0, -3.0, -2.0), (-9.0, -3.5, -3.0)]]), "fall"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ColumnTransforms(*arguments)


def test_it_knows_its_shape():
    inputs = keras.Input((5,))
    assert CASES["all"][0](inputs).shape == (None, 5)
