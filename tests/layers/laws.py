"""The laws of all layers of ours: each layer module's test applies them to its layers."""

import keras
import numpy as np

from tests.rounding import check_outputs


def check_inverse(layer, x):
    """layer.inverse() undoes the layer, as far as rounding lets it; the inverse of the inverse is the layer."""
    x = np.asarray(x, np.float64 if layer.compute_dtype == "float64" else np.float32)
    inputs = keras.Input(x.shape[1:], dtype=layer.compute_dtype)
    model = keras.Model(inputs, layer.inverse()(layer(inputs)))
    if layer.compute_dtype == "float64":
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), x, rtol=1e-13, atol=1e-13)
    else:
        exact = check_outputs(model(x), model, x)
        np.testing.assert_allclose(exact, x, rtol=1e-7, atol=1e-7)  # constants, and pi, have the digits of float32
    again = layer.inverse().inverse()
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(layer(x)))


def check_layer_config(layer, x):
    """A layer built from another's configuration has the same configuration and computes the same bits."""
    twin = type(layer).from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    np.testing.assert_array_equal(np.asarray(twin(x)), np.asarray(layer(x)))
    assert twin.compute_dtype == layer.compute_dtype


def check_saves(layer, x, tmp_path):
    """A model with the layer is saved and loaded in safe mode, and computes the same bits for any batch size."""
    inputs = keras.Input(np.shape(x)[1:])
    model = keras.Model(inputs, layer.inverse()(layer(inputs)))
    model.save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras", safe_mode=True)
    for rows in (x, x[:1], x[:0]):
        np.testing.assert_array_equal(np.asarray(loaded(rows)), np.asarray(model(rows)))


def check_gradient(layer, x):
    """Gradients of all inputs exist and are finite."""
    import tensorflow as tf

    x = tf.constant(np.asarray(x, np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x)
    gradient = tape.gradient(y, x)
    assert gradient is not None
    assert np.isfinite(gradient.numpy()).all()
