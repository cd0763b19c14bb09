"""A training split in parts, of which few rows were drawn: autoencoders are adapted to all of its rows."""

import importlib.util

import numpy as np
import pytest

from atlas_keras import load_jets, preset_config
from atlas_keras.evaluation.principal_components import PrincipalComponents
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.kinematic import WEIGHTS
from atlas_keras.models.prediction import predict
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.schema import FOUR_MOMENTUM

JETS = load_jets()[list(FOUR_MOMENTUM.names)].to_numpy(np.float32)[:1000]
ROWS = TrainingRows(JETS[:60], JETS, part=97)
# Float32 rounds the rows and the maps to 6e-8 of numbers up to 10; what 60 of 1000 rows say is off by some 0.1.
CLOSE = 1e-5


def begun(preset):
    """Return what is trained first, and the normalized rows of all jets."""
    setup = set_up_training(preset_config(preset).model, ROWS)
    return setup, predict(setup.normalize, JETS).astype(np.float64)


def test_all_rows_are_in_the_range():
    _, z = begun("published")
    np.testing.assert_allclose([z.min(axis=0), z.max(axis=0)], [[0] * 4, [1] * 4], atol=CLOSE)


@pytest.mark.parametrize("preset", ["kinematic", "columns"])
def test_mean_deviation_and_principal_components_are_those_of_all_rows(preset):
    setup, z = begun(preset)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=CLOSE)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=CLOSE)
    weights = np.asarray(setup.loss.deviation) * WEIGHTS if preset == "kinematic" else np.asarray(setup.loss.weights)
    axes = np.linalg.svd(z * weights, full_matrices=False)[2][:3]
    np.testing.assert_allclose(predict(setup.trained, z) * weights, (z * weights) @ axes.T @ axes, atol=10 * CLOSE)
    if preset == "columns":
        of_parts, of_all = (PrincipalComponents.of(setup.autoencoder, rows) for rows in (ROWS, JETS))
        np.testing.assert_allclose(np.abs(of_parts.up), np.abs(of_all.up), atol=CLOSE)


@pytest.mark.skipif(importlib.util.find_spec("hgq") is None, reason="the extra fpga is not installed")
def test_an_encoder_of_triggers_begins_at_the_mean_and_components_of_all_rows():
    setup, codes = begun("trigger")
    _, bias = setup.autoencoder.get_layer("decoder").get_layer("decoder_output").get_weights()
    np.testing.assert_allclose(bias, codes.mean(axis=0), atol=CLOSE)
    cells = np.exp2(np.asarray(setup.loss.bits) - 2)
    lost = np.linalg.svd((codes - codes.mean(axis=0)) * cells, compute_uv=False)[3:]
    assert setup.loss.usual == pytest.approx(np.sum(lost**2) / codes.size, rel=CLOSE)
