import keras
import numpy as np
import pytest
import tensorflow as tf

from atlas_keras.layers import BinProbabilities, Fold
from tests.layers.laws import check_layer_config

rng = np.random.default_rng(3)
N, N_BINS = 20_000, 12
EDGES = [0.0, *np.geomspace(0.02, 4, N_BINS)]
to_numpy = keras.ops.convert_to_numpy


def coordinates(n=N):
    phi = rng.uniform(-np.pi, np.pi, n)
    phi[:4] = np.pi, -np.pi, 0, np.nextafter(np.pi, 0)
    return np.column_stack([rng.uniform(-9, 5, n), rng.uniform(-5, 5, n), phi, rng.uniform(0, 4, n)]).astype("float32")


def probabilities(n=N):
    outputs = rng.normal(0, 3, (n, N_BINS)).astype(np.float32)
    return to_numpy(BinProbabilities(EDGES, 0.125)(outputs))


X, H = coordinates(), probabilities()


def distance(a, b):
    return np.abs(np.mod(a.astype(float) - b + np.pi, 2 * np.pi) - np.pi)


@pytest.mark.parametrize("bits", [1, 8, 12, 14, 16, 20])
def test_unfold_undoes_fold_within_the_documented_precision(bits):
    layer = Fold(EDGES, bits, name="fold")
    latent = to_numpy(layer([X, H]))
    assert latent.shape == (N, 3)
    assert np.all(np.abs(latent[:, 2]) <= 1)
    back = to_numpy(layer.inverse()([latent, H]))
    np.testing.assert_array_equal(back[:, :2], X[:, :2])
    assert np.max(distance(back[:, 2], X[:, 2])) <= np.pi * 2.0**-bits * (1 + 1e-4) + 5e-7
    # u is within one step of v, 2^(bits - 25); rho moves by that over the density of its bin
    bins = np.searchsorted(EDGES, X[:, 3], side="right") - 1
    density = H / np.diff(EDGES)
    lowest = np.minimum.reduce([density[np.arange(N), np.clip(bins + d, 0, N_BINS - 1)] for d in (-1, 0, 1)])
    step = 2.0 ** (bits - 25)
    assert np.all(np.abs(back[:, 3] - X[:, 3]) <= (1.1 * step + 1e-6) / lowest + 1e-6)


def test_float32_is_the_limit():
    """The same formula in float64 loses nothing of rho: what float32 loses are the bits that v has no room for."""
    layers = Fold(EDGES, 14, dtype="float64"), Fold(EDGES, 14)
    errors = []
    for layer in layers:
        x, h = X.astype(layer.compute_dtype), H.astype(layer.compute_dtype)
        back = to_numpy(layer.inverse()([layer([x, h]), h]))
        errors.append(np.abs(back[:, 3] - X[:, 3]).max())
    assert errors[0] < 1e-9
    assert errors[1] > 1e4 * errors[0]


def test_u_is_monotone_in_rho():
    n = 5000
    x = np.tile(X[7], (n, 1))
    x[:, 3] = np.linspace(0, 4, n)
    v = to_numpy(Fold(EDGES, 14)([x, np.tile(H[7], (n, 1))]))[:, 2]
    assert np.all(np.diff(v) >= 0)
    assert v[0] < v[-1]


def test_fold_keeps_its_config_and_both_ways_are_layers():
    layer = Fold(EDGES, 12, name="fold")
    check_layer_config(layer, [X, H])
    assert layer.inverse().inverse().get_config() == layer.get_config()
    check_layer_config(BinProbabilities(EDGES, 0.125), H)


def test_the_round_trip_saves_and_loads(tmp_path):
    layer = Fold(EDGES, 14, name="fold")
    x, h = keras.Input((4,)), keras.Input((N_BINS,))
    model = keras.Model([x, h], layer.inverse()([layer([x, h]), h]))
    model.save(tmp_path / "fold.keras")
    loaded = keras.saving.load_model(tmp_path / "fold.keras", safe_mode=True)
    for n in (0, 1, N):
        np.testing.assert_array_equal(to_numpy(loaded([X[:n], H[:n]])), to_numpy(model([X[:n], H[:n]])))


def test_gradients_reach_every_input_and_are_finite():
    layer = Fold(EDGES, 14)
    x, h = tf.constant(X), tf.constant(H)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, h])
        latent = layer([x, h])
        back = layer.inverse()([latent, h])
        v, phi = latent[:, 2], back[:, 2]
    for gradient in tape.gradient(back, [x, h]):
        assert np.isfinite(gradient.numpy()).all()
    np.testing.assert_allclose(tape.gradient(v, x).numpy()[:, 2], 1 / np.pi, rtol=1e-5)  # rounding counts as none
    np.testing.assert_allclose(tape.gradient(phi, x).numpy()[:, 2], 1, rtol=1e-5)


@pytest.mark.parametrize("disturbance", [2.0**-20, 2.0**-16, 1e-3])
def test_a_disturbed_latent_moves_phi_by_whole_cells_and_pt_and_eta_not_at_all(disturbance):
    layer = Fold(EDGES, 14)
    latent = to_numpy(layer([X, H]))
    latent[:, 2] += rng.choice([-1, 1], N) * np.float32(disturbance)
    back = to_numpy(layer.inverse()([latent, H]))
    np.testing.assert_array_equal(back[:, :2], X[:, :2])
    assert np.all(distance(back[:, 2], X[:, 2]) <= np.pi * (disturbance + 2.0**-13 + 2.0**-14))
    assert np.isfinite(back).all()
    assert back[:, 3].min() >= 0
    assert back[:, 3].max() <= 4.00001


def test_half_precision_keeps_phi_to_two_thousandths():
    layer = Fold(EDGES, 14)
    latent = to_numpy(layer([X, H])).astype(np.float16).astype(np.float32)
    back = to_numpy(layer.inverse()([latent, H]))
    assert np.max(distance(back[:, 2], X[:, 2])) < 2e-3
    assert np.isfinite(back).all()


def test_probabilities_sum_to_one_above_the_floor():
    outputs = rng.normal(0, 30, (100, N_BINS)).astype(np.float32)
    h = to_numpy(BinProbabilities(EDGES, 0.125)(outputs))
    np.testing.assert_allclose(h.sum(axis=1), 1, rtol=1e-5)
    assert np.all(h >= 0.125 * np.diff(EDGES) / 4 * (1 - 1e-6))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Fold([0.1, 1.0]),
        lambda: Fold([0.0, 1.0, 1.0]),
        lambda: Fold([0.0]),
        lambda: Fold(EDGES, 0),
        lambda: Fold(EDGES, 21),
        lambda: BinProbabilities(EDGES, 0.0),
        lambda: BinProbabilities(EDGES, 1.0),
    ],
)
def test_impossible_arguments_are_refused(build):
    with pytest.raises(ValueError, match="Received"):
        build()


def test_half_precision_is_refused():
    with pytest.raises(ValueError, match="float32 or float64"):
        Fold(EDGES, dtype="float16")
