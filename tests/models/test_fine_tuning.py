"""Our autoencoders in plain Keras: trained further by `compile` and `fit`, and saved and loaded by its ways."""

import pickle

import keras
import numpy as np
import pytest

from atlas_keras import NormalizedLoss, build_autoencoder, load_jets
from atlas_keras.evaluation.observables import Observables, residual
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.jet_autoencoder import JetAutoencoder, TrainingSetup
from atlas_keras.models.prediction import predict
from atlas_keras.schema import FOUR_MOMENTUM
from tests.architectures import OF_FLOATS

JETS = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:2048]


def save_keras(model, folder):
    model.save(folder / "model.keras")
    return keras.saving.load_model(folder / "model.keras", safe_mode=True)


def save_h5(model, folder):
    model.save(folder / "model.h5")
    return keras.saving.load_model(folder / "model.h5")


def inside_of_another(model, folder):
    jets = keras.Input((4,))
    return save_keras(keras.Model(jets, model(jets)), folder).layers[-1]


WAYS = {
    "keras": save_keras,
    "h5": save_h5,
    "inside of another model": inside_of_another,
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
}


@pytest.fixture(params=OF_FLOATS)
def model(request):
    keras.utils.set_random_seed(1)
    return build_autoencoder(request.param, jets=JETS)


def mass_error(model):
    mass = residual(Observables(JETS, FOUR_MOMENTUM), Observables(predict(model, JETS), FOUR_MOMENTUM), "mass")
    return float(np.nanmedian(np.abs(mass)))


def shared(model):
    """Return the names of the layers with weights that both halves have, and check that they are the same layers."""
    encoder, decoder = (
        {layer.name: layer for layer in model.get_layer(name).layers} for name in ("encoder", "decoder")
    )
    both = [name for name, layer in encoder.items() if name in decoder and layer.weights]
    assert all(encoder[name] is decoder[name] for name in both)
    return both


@pytest.mark.parametrize("way", WAYS)
def test_what_both_halves_have_is_one_layer_whatever_way_it_came(model, way, tmp_path):
    back = WAYS[way](model, tmp_path)
    assert isinstance(back, JetAutoencoder)
    assert fingerprint(back) == fingerprint(model)
    assert shared(back) == shared(model)
    assert back.count_params() == model.count_params()
    assert bool(shared(model)) == (model.facts.architecture == "folded")
    assert type(back.objective) is type(model.objective)
    assert back.objective.get_config() == model.objective.get_config()


def test_the_normalized_loss_is_that_of_our_own_training(model):
    training_setup = TrainingSetup.of(model)
    rows = predict(training_setup.normalize, JETS)
    own = float(training_setup.loss(rows, training_setup.trained(rows)))
    model.compile("adam", loss=NormalizedLoss())
    assert model.evaluate(JETS, JETS, batch_size=len(JETS), verbose=0) == pytest.approx(own, rel=1e-4)
    assert model.evaluate(JETS, batch_size=len(JETS), verbose=0) == pytest.approx(
        own, rel=1e-4
    )  # the target is the jet


@pytest.mark.parametrize(
    "model",
    [pytest.param(p, marks=[pytest.mark.slow] * (p in ("published", "kinematic"))) for p in OF_FLOATS],
    indirect=True,
)
def test_plain_keras_trains_it_further(model, tmp_path):
    """The loss falls, the halves stay together, and a compiled model that was saved goes on."""
    model.compile(keras.optimizers.Adam(1e-3), loss=NormalizedLoss())
    losses = model.fit(JETS, JETS, batch_size=128, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model = save_keras(model, tmp_path)
    assert isinstance(model.loss, NormalizedLoss)
    more = model.fit(JETS, batch_size=128, epochs=2, verbose=0).history["loss"]
    assert more[-1] < losses[0]
    shared(model)
    if model.facts.architecture == "folded":
        assert mass_error(model) < 1e-3


def test_a_squared_error_cannot_part_the_halves_of_folded():
    """It is a bad loss, but what one half folds the other unfolds."""
    model = build_autoencoder("folded", jets=JETS)
    model.compile(keras.optimizers.Adam(1e-2), loss="mse")
    before = model.get_weights()
    model.fit(JETS, JETS, batch_size=128, epochs=3, verbose=0)
    assert any(np.any(a != b) for a, b in zip(before, model.get_weights(), strict=True))
    assert mass_error(model) < 1e-3


def test_refusals_are_sentences(model):
    jets = keras.Input((4,))
    other = keras.Model(jets, keras.layers.Dense(4)(jets))
    other.compile("adam", loss=NormalizedLoss())
    with pytest.raises(ValueError, match="autoencoder of atlas_keras"):
        other.fit(JETS, JETS, verbose=0)
    model.compile("adam", loss=NormalizedLoss())
    with pytest.raises(ValueError, match="no sample weights"):
        model.fit(JETS, JETS, sample_weight=np.ones(len(JETS)), verbose=0)
