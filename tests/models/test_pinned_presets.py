"""The presets of four-momenta as they have been since the shipped runs: values, layers and number of parameters.

A change here is another preset: it needs a search, new exports and a line in the changelog.
"""

from dataclasses import asdict

import numpy as np
import pytest

from atlas_keras import build_autoencoder, load_jets
from atlas_keras.config import preset_config

JETS = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:512]

MODELS = {
    "folded": {"architecture": "folded", "widths": [16], "n_latent": 3, "phi_bits": 14, "rho_bins": 8},
    "kinematic": {"architecture": "kinematic", "widths": [16, 16], "n_latent": 3},
    "kinematic-small": {"architecture": "kinematic", "widths": [8], "n_latent": 3},
    "published": {
        "architecture": "published", "widths": [200, 200, 20], "n_latent": 3, "latent_activation": "tanh",
        "standardization": "min-max",
    },
}  # fmt: skip
TRAININGS = {  # epochs, batch size, peak of the learning rate
    "folded": (30, 512, 1e-2),
    "kinematic": (100, 256, 3e-3),
    "kinematic-small": (100, 256, 3e-3),
    "published": (150, 256, 4.8e-3),
}
N_PARAMETERS = {"folded": 184, "kinematic": 831, "kinematic-small": 159, "published": 90567}
COORDINATES, STANDARD, TANH = "KinematicCoordinates 4", "Standardization 4", "Dense 16 tanh"
PROBABILITIES = ["FirstColumns 2", "Standardization 2", TANH, "Dense 8 linear", "BinProbabilities 8"]
ENCODERS = {
    "folded": [COORDINATES, *PROBABILITIES, "Fold 3"],
    "kinematic": [COORDINATES, STANDARD, TANH, TANH, "Dense 3 linear", "Dense 3 linear", "Sum 3"],
    "kinematic-small": [COORDINATES, STANDARD, "Dense 8 tanh", "Dense 3 linear", "Dense 3 linear", "Sum 3"],
    "published": [
        "Scaling 4", STANDARD, "Dense 200 tanh", "Dense 200 tanh", "DenseInParts 20 tanh", "DenseInParts 3 linear",
    ],
}  # fmt: skip
DECODERS = {
    "folded": [*PROBABILITIES, "Fold 4", COORDINATES],
    "kinematic": [TANH, TANH, "Dense 4 linear", "Dense 4 linear", "Sum 4", STANDARD, COORDINATES],
    "kinematic-small": ["Dense 8 tanh", "Dense 4 linear", "Dense 4 linear", "Sum 4", STANDARD, COORDINATES],
    "published": [
        "Activation 3 tanh", "Dense 20 tanh", "Dense 200 tanh", "Dense 200 tanh", "DenseInParts 4 linear", STANDARD,
        "Scaling 4",
    ],
}  # fmt: skip


def layers(model):
    """Describe the layers behind the input: class, width, activation."""
    found = [
        (type(layer).__name__, layer.output.shape[-1], getattr(layer, "activation", None)) for layer in model.layers
    ]
    return [" ".join(filter(None, (kind, str(width), getattr(act, "__name__", "")))) for kind, width, act in found[1:]]


@pytest.mark.parametrize("preset", MODELS)
def test_the_presets_of_four_momenta_are_unchanged(preset):
    config = preset_config(preset)
    assert config.model.to_dict() == {"preset": preset, "activation": "tanh", **MODELS[preset]}
    training = asdict(config.training)
    chosen = ("epochs", "batch_size", "learning_rate", "weight_decay")
    assert tuple(training[name] for name in chosen) == (*TRAININGS[preset], 1e-6)
    model = build_autoencoder(preset, jets=JETS)
    assert layers(model.get_layer("encoder")) == ENCODERS[preset]
    assert layers(model.get_layer("decoder")) == DECODERS[preset]
    assert model.training_setup.n_parameters == N_PARAMETERS[preset]
