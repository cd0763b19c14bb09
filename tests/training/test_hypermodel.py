"""The HyperModel in somebody else's keras-tuner script; the error where keras-tuner is missing."""

import dataclasses
import importlib
import pickle
import sys
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from atlas_keras import load_jets
from atlas_keras.config import DataConfig, preset_config
from atlas_keras.data.look import choose_collection
from atlas_keras.data.readers import find_files
from atlas_keras.errors import ConfigError, MissingExtraError
from atlas_keras.evaluation.published_figures import PublishedSpace, published_figures
from atlas_keras.models.prediction import predict
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.serving import latency, speed
from atlas_keras.training.hypermodel import JetHyperModel
from atlas_keras.training.space import configure

NAMES = ["E", "pt", "eta", "phi"]


@pytest.fixture(scope="module")
def hypermodel():
    config = configure(preset_config("folded"), {"epochs": 1, "batch_size": 4096})
    return JetHyperModel(config, {"width": {"values": [4, 8]}, "rho_bins": {"low": 8, "high": 12}})


@pytest.fixture(scope="module")
def small_hypermodel(small_file):
    config = configure(preset_config("folded"), {"epochs": 3, "batch_size": 512})
    return JetHyperModel(dataclasses.replace(config, data=DataConfig(paths=(str(small_file),))))


def test_a_tuner_of_keras_tuner_takes_it_and_gives_autoencoders_back(hypermodel, tmp_path):
    tuner = keras_tuner.RandomSearch(
        hypermodel, objective=keras_tuner.Objective("val_density", "min"), max_trials=1, seed=1, directory=tmp_path
    )
    tuner.search(verbose=0)
    best = tuner.oracle.get_best_trials()[0]
    model = tuner.get_best_models()[0]
    x = hypermodel.jets["validation"]
    y = predict(model, x)
    np.testing.assert_allclose(y[:, :3], x[:, :3], rtol=2e-3, atol=2e-3)
    mse = published_figures(x, y, hypermodel.published_space)["mse"]
    assert mse == pytest.approx(best.metrics.get_last_value("val_mse"), rel=1e-6)


def test_hyperband_tells_a_trial_its_epochs(hypermodel):
    hp = keras_tuner.HyperParameters()
    hp.values = {"width": 8, "rho_bins": 9, "tuner/epochs": 7, "tuner/round": 1}
    config = hypermodel.config_of(hp)
    assert (config.training.epochs, config.model.widths, config.model.rho_bins) == (7, (8,), 9)


def test_the_test_split_is_not_seen(hypermodel):
    """Neither kept, nor in the range of the published formula."""
    assert set(hypermodel.jets) == {"train", "validation"}
    seen = np.concatenate(list(hypermodel.jets.values()))
    everything = load_jets()[NAMES].to_numpy(np.float32)
    assert len(seen) < 0.95 * len(everything)
    space = PublishedSpace.of(seen, FOUR_MOMENTUM)
    np.testing.assert_array_equal(hypermodel.published_space.low, space.low)
    np.testing.assert_array_equal(hypermodel.published_space.high, space.high)


@pytest.mark.slow
def test_densities_of_different_bins_are_comparable(hypermodel):
    """val_density is the mean of -ln of a density that integrates to 1, whatever the bins."""
    for n_bins in (8, 12):
        config = configure(hypermodel.config, {"rho_bins": n_bins})
        figures = hypermodel.fit_to(config, hypermodel.build_from(config))
        training_setup = hypermodel._assembly
        rows = predict(training_setup.normalize, hypermodel.jets["validation"])
        edges = np.array(training_setup.loss.edges)
        density = predict(training_setup.trained, rows).astype(float) / np.diff(edges)
        np.testing.assert_allclose((density * np.diff(edges)).sum(axis=1), 1, rtol=1e-5)
        j = np.searchsorted(edges, np.clip(rows[:, 3], 0, 3.999), side="right") - 1
        expected = -np.log(density[np.arange(len(rows)), j]).mean()
        assert figures["val_density"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_the_latency_is_that_of_the_encoder_in_its_fastest_round(hypermodel, monkeypatch):
    """By a clock that adds a nanosecond for each number in the file, and twice that in all rounds but one."""
    clock, calls, sizes = [0.0], [0], []

    class Timed(Interpreter):
        def allocate_tensors(self):
            super().allocate_tensors()
            sizes.append(sum(int(np.prod(tensor["shape"])) for tensor in self.get_tensor_details()))

        def invoke(self):
            super().invoke()
            factor = 1 if calls[0] // latency.CALLS == 5 else 2
            clock[0] += factor * sizes[-1] * 1e-9
            calls[0] += 1

    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter", Timed)
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(latency, "CALLS", 20)
    for width in (4, 400):
        model = hypermodel.build_from(configure(hypermodel.config, {"width": width}))
        calls[0] = 0
        measured = latency.encoder_latency(model, hypermodel.jets["train"][:1])
        assert calls[0] == latency.CALLS * latency.ROUNDS
        assert measured == pytest.approx(sizes[-1] * 1e-3)
        assert sizes[-1] > width * 8


def test_fit_refuses_a_model_of_another_build(hypermodel):
    first = hypermodel.build_from(hypermodel.config)
    hypermodel.build_from(hypermodel.config)
    with pytest.raises(ValueError, match="last call of build"):
        hypermodel.fit_to(hypermodel.config, first)


def test_a_bad_space_is_refused_before_anything_is_read():
    with pytest.raises(ConfigError, match="n_latent is 3 in a folded"):
        JetHyperModel("folded", {"n_latent": {"values": [2, 3]}})
    with pytest.raises(ConfigError, match="no hyperparameter"):
        JetHyperModel("folded", {"depths": {"values": [2, 3]}})


def test_a_missing_keras_tuner_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "atlas_keras.training.hypermodel")
    monkeypatch.setitem(sys.modules, "keras_tuner", None)
    with pytest.raises(MissingExtraError, match=r"pip install .\.\[tuning\]"):
        importlib.import_module("atlas_keras.training.hypermodel")


CALLBACKS = {
    "scheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 100 if epoch == 1 else rate),
    "plateau": lambda: keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=1, factor=0.01, min_delta=1e9),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_of_a_script_work_on_what_they_see(name, small_hypermodel, tmp_path):
    """They read and set the rate, log, and stop the training."""
    callbacks, rates = keras.callbacks, []
    watch = [
        CALLBACKS[name](),
        callbacks.TensorBoard(str(tmp_path / "logs")),
        callbacks.EarlyStopping(monitor="val_loss", patience=3, min_delta=1e9),
    ]
    hp = keras_tuner.HyperParameters()
    model = small_hypermodel.build(hp)
    watch.append(
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(float(model.optimizer.learning_rate)))
    )
    figures = small_hypermodel.fit(hp, model, callbacks=watch, epochs=9)
    assert figures["epochs"] == len(rates) < 9
    assert min(rates) < rates[0] / 50  # the cycle itself still rises
    assert list((tmp_path / "logs").rglob("events.out*"))


@pytest.mark.slow
def test_jets_of_any_columns_are_searched():
    """What the tuner itself does is the same for all presets."""
    features = ("pt", "eta", "phi", "mass", "girth", "btag")
    (path,) = find_files("sample:substructure")
    data = DataConfig(paths=("sample:substructure",), collection=choose_collection(path, "Jet", features), unit="GeV")
    config = configure(dataclasses.replace(preset_config("columns"), data=data), {"epochs": 1, "batch_size": 4096})
    hypermodel = JetHyperModel(config, {"width": {"values": [4, 8]}, "n_latent": {"values": [4]}})
    hp = keras_tuner.HyperParameters()
    model = hypermodel.build(hp)
    assert np.isfinite(hypermodel.fit(hp, model, verbose=0)["val_loss"])
    assert hypermodel.config_of(hp).model.n_latent == 4
    rows = hypermodel.jets["validation"][:100]
    assert rows.shape == (100, len(features))
    assert np.isfinite(predict(model, rows)).all()


def test_what_search_is_given_is_obeyed_or_refused(small_hypermodel):
    hp = keras_tuner.HyperParameters()
    model = small_hypermodel.build(hp)
    assert small_hypermodel.fit(hp, model, epochs=2, verbose=0)["epochs"] == 2
    with pytest.raises(ValueError, match="come from the configuration"):
        small_hypermodel.fit(hp, model, np.zeros((3, 4)), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="Received: batch_size"):
        small_hypermodel.fit(hp, model, batch_size=3)


def test_it_pickles(small_hypermodel):
    hp = keras_tuner.HyperParameters()
    weights = small_hypermodel.build(hp).get_weights()
    again = pickle.loads(pickle.dumps(small_hypermodel))
    for a, b in zip(weights, again.build(hp).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="last call of build"):
        again.fit(hp, small_hypermodel.build(hp))
