"""Trained models of all presets and their exports: the shipped ones, and the published network after a few epochs."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import keras
import pytest

from atlas_keras import load_autoencoder
from atlas_keras.config import DataConfig, preset_config
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import collect, split_events
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.prediction import predict
from atlas_keras.serving.parity import Reference
from atlas_keras.training.fit import fit

EXPORTS = Path(__file__).parents[2] / "exports"


@pytest.fixture(scope="session")
def splits():
    return {name: part.jets for name, part in split_events(collect(read_events()), DataConfig(), 0).items()}


def train(preset, splits, epochs):
    keras.utils.set_random_seed(0)
    config = preset_config(preset)
    training_setup = set_up_training(config.model, splits["train"])
    rows = {name: predict(training_setup.normalize, splits[name]) for name in ("train", "validation")}
    training = replace(config.training, epochs=epochs)
    fit(training_setup, rows["train"], rows["validation"], training, learning_rate=training.learning_rate)
    return training_setup.autoencoder


@pytest.fixture(scope="session")
def models(splits):
    """Return a function from a preset to its trained model."""

    @cache
    def model(preset):
        run = EXPORTS / preset / "run"
        return load_autoencoder(run) if run.exists() else train(preset, splits, epochs=6)

    return model


@pytest.fixture(scope="session")
def precisions(models, precisions_of):
    """Return a function from a preset to its model in both precisions."""
    return cache(lambda preset: precisions_of(models(preset)))


@pytest.fixture(scope="session")
def reference(precisions, splits):
    """Return a function from a preset to what its model computes for jets of the test split."""
    return cache(lambda preset: Reference(precisions(preset), splits["test"][:1000]))
