import keras
import numpy as np
import pytest

from atlas_keras.layers import DenseInParts, Sum
from tests.rounding import check_outputs

rng = np.random.default_rng(4)
to_numpy = keras.ops.convert_to_numpy


def twins(n_inputs, activation=None):
    """Build the layer and a plain dense one of the same weights."""
    layers = DenseInParts(4, activation=activation), keras.layers.Dense(4, activation=activation)
    for layer in layers:
        layer.build((None, n_inputs))
    kernel, bias = rng.normal(0, n_inputs**-0.5, (n_inputs, 4)), rng.normal(0, 1, 4)
    for layer in layers:
        layer.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return *layers, kernel.astype(np.float32).astype(np.float64), bias.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("n_inputs", [1, 2, 7, 50, 51, 200])
@pytest.mark.parametrize("activation", [None, "tanh"])
def test_it_is_a_dense_layer(n_inputs, activation):
    layer, dense, _, _ = twins(n_inputs, activation)
    x = rng.uniform(-1, 1, (100, n_inputs)).astype(np.float32)
    inputs = keras.Input((n_inputs,))
    check_outputs(layer(x), keras.Model(inputs, dense(inputs)), x)
    assert layer(x[:0]).shape == (0, 4)


def test_it_rounds_less():
    layer, _, kernel, bias = twins(200)
    x = rng.uniform(-1, 1, (20_000, 200)).astype(np.float32)
    exact = x.astype(np.float64) @ kernel + bias
    one_by_one = np.zeros((len(x), 4), np.float32)
    for k in range(200):
        one_by_one += x[:, k : k + 1] * kernel[k].astype(np.float32)
    one_by_one += bias.astype(np.float32)
    assert np.abs(to_numpy(layer(x)) - exact).max() < 0.7 * np.abs(one_by_one - exact).max()


def test_it_saves_and_loads(tmp_path):
    inputs = keras.Input((200,))
    model = keras.Model(inputs, DenseInParts(4)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    x = rng.uniform(-1, 1, (10, 200)).astype(np.float32)
    np.testing.assert_array_equal(to_numpy(loaded(x)), to_numpy(model(x)))


@pytest.mark.parametrize("n", [0, 1, 3, 4])
def test_a_sum_of_any_number_of_rows(n):
    """A summand of one or no row looks to Keras like a bias, one of as many rows as columns may."""
    x, y = (rng.normal(size=(n, 3)).astype(np.float32) for _ in range(2))
    inputs = [keras.Input((3,)) for _ in range(2)]
    model = keras.Model(inputs, Sum()(inputs))
    assert model.output_shape == (None, 3)
    for total in (Sum()([x, y]), model([x, y]), model.predict_on_batch([x, y])):
        np.testing.assert_array_equal(to_numpy(total), x + y)
