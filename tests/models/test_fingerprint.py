"""A fingerprint tells models apart, and nothing else."""

import keras
import numpy as np
import pytest

from atlas_keras import build_autoencoder, load_autoencoder, load_jets
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.presets import PRESETS

JETS = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:2000]


def build(preset, **changes):
    keras.utils.set_random_seed(1)
    return build_autoencoder(preset, jets=JETS, **changes)


@pytest.mark.parametrize("preset", PRESETS)
def test_saving_loading_and_building_again_change_nothing(preset, tmp_path):
    model = build(preset)
    model.save(tmp_path / "model.keras")
    assert fingerprint(model) == fingerprint(build(preset)) == fingerprint(load_autoencoder(tmp_path / "model.keras"))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_weight_and_constant_counts(preset):
    model = build(preset)
    seen = {fingerprint(model), fingerprint(build(preset, activation="relu"))}
    seen.add(fingerprint(build(preset, unit="GeV")))
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        weight.assign(np.nextafter(value, np.inf))
        seen.add(fingerprint(model))
        weight.assign(value)
    assert len(seen) == 3 + len(model.weights)


def test_constants_of_the_preprocessing_count():
    keras.utils.set_random_seed(1)
    other = build_autoencoder("folded", jets=JETS * np.float32([1.5, 1.5, 1, 1]))
    assert fingerprint(other) != fingerprint(build("folded"))
