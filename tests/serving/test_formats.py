"""What other programs load computes what the Keras model computes."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from atlas_keras import build_autoencoder, load_jets
from atlas_keras.kinematics import delta_phi
from atlas_keras.models.prediction import predict
from atlas_keras.presets import PRESETS
from atlas_keras.serving.litert import litert_bytes
from atlas_keras.serving.saved_model import SIGNATURES, write_saved_model

JETS = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)


@pytest.fixture(scope="module", params=PRESETS)
def model(request):
    keras.utils.set_random_seed(0)
    return build_autoencoder(request.param, jets=JETS)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    write_saved_model(model, path)
    return path


def check_equal_jets(actual, expected, preset):
    """Within 5e-6; a folded jet's E within what the last bits of its latent are worth, phi in the same cell.

    The published network, untrained, takes 10 to the power of numbers near 4: its rounding counts tenfold.
    """
    tolerance = 5e-5 if "published" in preset else 5e-6
    np.testing.assert_allclose(actual[:, 0], expected[:, 0], rtol=1e-3 if "folded" in preset else tolerance)
    np.testing.assert_allclose(actual[:, 1], expected[:, 1], rtol=tolerance)
    np.testing.assert_allclose(actual[:, 2], expected[:, 2], atol=tolerance)
    assert np.all(np.abs(delta_phi(actual[:, 3], expected[:, 3])) <= tolerance)


def test_saved_model_computes_the_same_for_any_number_of_jets(model, saved):
    loaded = tf.saved_model.load(str(saved))
    assert set(SIGNATURES) <= set(loaded.signatures)
    for n in (0, 1, 1000):
        x = JETS[:n]
        latent = loaded.signatures["encode"](jets=tf.constant(x))["latent"].numpy()
        jets = loaded.signatures["decode"](latent=tf.constant(latent))["jets"].numpy()
        np.testing.assert_allclose(latent, predict(model.get_layer("encoder"), x), rtol=5e-6, atol=5e-6)
        check_equal_jets(jets, predict(model, x), model.name)
        check_equal_jets(loaded.signatures["reconstruct"](jets=tf.constant(x))["jets"].numpy(), jets, model.name)


def test_saved_model_needs_neither_keras_nor_this_package(saved):
    code = f"""import sys
sys.modules["keras"] = sys.modules["atlas_keras"] = None
import tensorflow as tf
loaded = tf.saved_model.load({str(saved)!r})
print(loaded.signatures["reconstruct"](jets=tf.constant([[2e5, 1e5, 1.0, 0.5]]))["jets"].shape)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "(1, 4)" in done.stdout


def test_litert_computes_the_same_with_builtin_operations(model):
    content = litert_bytes(model, ["encode", "decode"])
    encode, decode = (
        Interpreter(model_content=content).get_signature_runner(signature) for signature in ("encode", "decode")
    )
    latent = encode(jets=JETS)["latent"]
    jets = decode(latent=latent)["jets"]
    expected = predict(model, JETS)
    check_equal_jets(jets, expected, model.name)
    if "folded" in model.name:
        exact = predict(model.get_layer("encoder"), JETS)
        np.testing.assert_array_equal(np.floor(latent[:, 2] * 2.0**13), np.floor(exact[:, 2] * 2.0**13))
