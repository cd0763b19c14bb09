import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from atlas_keras import build_autoencoder, load_autoencoder, load_jets
from atlas_keras.config import preset_config
from atlas_keras.errors import ConfigError, RunError
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.prediction import predict
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.serving.parity import SPREADS, Precisions, Reference
from atlas_keras.serving.rounding import DoubleModel
from tests.architectures import OF_FLOATS
from tests.rounding import check_jets, exact_and_spread

JETS = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:500]


@pytest.fixture(scope="module", params=OF_FLOATS)
def model(request):
    return build_autoencoder(request.param, jets=JETS)


@pytest.fixture(scope="module")
def reference(model):
    return Reference(Precisions(model), JETS)


def test_saves_and_loads_to_the_same_bits(model, reference, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = load_autoencoder(tmp_path / "model.keras")
    assert fingerprint(loaded) == fingerprint(model)
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    check_jets(predict(loaded, JETS), reference)
    assert predict(loaded, JETS[:0]).shape == (0, 4)
    assert loaded.facts == model.facts
    assert (loaded.facts.unit, loaded.facts.collection) == ("MeV", FOUR_MOMENTUM)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5])
def test_plain_keras_takes_any_number_of_jets(model, n):
    """Also where a tensor has as many rows, or as few, as might be taken for something else."""
    encoder, decoder = (model.get_layer(name) for name in ("encoder", "decoder"))
    whole = predict(model, JETS)[:n]
    for back in (model(JETS[:n]), model.predict_on_batch(JETS[:n]), decoder(encoder(JETS[:n]))):
        assert back.shape == (n, 4)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(back), whole, rtol=1e-3, atol=1e-3)


def test_encoder_and_decoder_save_on_their_own(model, reference, tmp_path):
    for name in ("encoder", "decoder"):
        model.get_layer(name).save(tmp_path / f"{name}.keras")
    encoder, decoder = (load_autoencoder(tmp_path / f"{name}.keras") for name in ("encoder", "decoder"))
    latent = predict(encoder, JETS)
    assert latent.shape == (len(JETS), 3)
    for loaded, name in ((encoder, "encoder"), (decoder, "decoder")):
        assert fingerprint(loaded) == fingerprint(model.get_layer(name))
    check_jets(predict(decoder, latent), reference)


def test_trained_part_shares_the_weights_and_works_in_normalized_space():
    training_setup = set_up_training(preset_config("published").model, JETS)
    x = predict(training_setup.normalize, JETS)
    np.testing.assert_allclose([x.min(), x.max()], [0, 1], atol=1e-6)
    through_model = keras.Model(
        training_setup.autoencoder.input, training_setup.normalize(training_setup.autoencoder.output)
    )
    through_core = keras.Model(training_setup.normalize.input, training_setup.trained(training_setup.normalize.output))
    expected, spread = exact_and_spread(through_model, JETS[:50])
    assert np.all(np.abs(DoubleModel(through_core).exact(JETS[:50]) - expected) <= SPREADS * spread)
    training_setup.trained.set_weights([np.zeros_like(w) for w in training_setup.trained.get_weights()])
    assert np.ptp(predict(training_setup.autoencoder, JETS), axis=0).max() == 0


def test_published_network_is_the_published_one():
    keras.utils.set_random_seed(1)
    model = build_autoencoder("published", jets=JETS)
    assert model.count_params() == 90_567  # 4-200-200-20-3-20-200-200-4 with biases
    dense = [layer for half in model.layers[1:] for layer in half.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [200, 200, 20, 3, 20, 200, 200, 4]
    assert [layer.activation.__name__ for layer in dense] == ["tanh"] * 3 + ["linear"] + ["tanh"] * 3 + ["linear"]
    for layer in dense:  # the start of torch.nn.Linear
        limit = layer.kernel.shape[0] ** -0.5
        for start in layer.get_weights():
            assert np.abs(start).max() <= limit
        kernel = layer.get_weights()[0]
        spread = (0.2 / kernel.size) ** 0.5  # of the standard deviation of so many uniform numbers
        assert kernel.std() == pytest.approx(limit / 3**0.5, rel=5 * spread)


@pytest.mark.parametrize("n_latent", [1, 2, 3, 4])
def test_a_preset_can_be_changed(n_latent):
    model = build_autoencoder("published", jets=JETS, widths=(16, 8), n_latent=n_latent, unit="GeV")
    assert model.get_layer("encoder").output_shape == (None, n_latent)
    assert model.facts.unit == "GeV"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "publishd"}, "did you mean 'published'"),
        ({"preset": "published", "width": (3,)}, "did you mean 'widths'"),
        ({"preset": "published", "n_latent": 5}, "1 to 4"),
    ],
)
def test_impossible_models_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        build_autoencoder(jets=JETS, **arguments)


def test_bad_files_are_told_in_one_sentence(tmp_path):
    with pytest.raises(RunError, match="no such file"):
        load_autoencoder(tmp_path)
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(RunError, match="truncated or damaged"):
        load_autoencoder(tmp_path)


@pytest.mark.slow
def test_plain_keras_that_was_imported_first_loads_it(tmp_path):
    """`tests/test_registration.py` has the other orders. The backend is the one that is imported soonest."""
    model = build_autoencoder("published", jets=JETS, widths=(4,))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", JETS[:9])
    np.save(tmp_path / "y.npy", np.asarray(model(JETS[:9])))
    code = """import keras, atlas_keras
import numpy as np
model = keras.saving.load_model("model.keras", safe_mode=True)
assert np.allclose(model(np.load("x.npy")), np.load("y.npy"), rtol=1e-4, atol=1e-4)"""
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
