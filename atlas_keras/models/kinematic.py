"""The kinematic autoencoder: a smooth latent, by weighted principal components and a small network beside them.

Three smooth numbers cannot hold four independent variables; what is given up is the spread of the jet mass at a given
pt and eta. pt, eta and phi come back almost as they were, E at the mean that pt and eta allow, and never below p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.layers.standardization import Standardization
from atlas_keras.models.architecture import Architecture, ModelConfig, ModelFacts, Tolerance
from atlas_keras.models.building import chain, jets_input, kinematic_coordinates, latent_input
from atlas_keras.models.jet_autoencoder import JetAutoencoder, Objective
from atlas_keras.models.residual_map import ResidualMap, principal_components
from atlas_keras.models.training_rows import TrainingRows

# How much an error of ln pt, eta and phi counts against one of ln(E/p) of the same size. The mass limits the last one
# to some 1e-3 whatever the network does; the others can be, and are wanted, far smaller.
WEIGHTS = np.array([3.0, 3.0, 3.0, 1.0], np.float32)


@dataclass(frozen=True)
class KinematicConfig(ModelConfig):
    """The configuration of a kinematic autoencoder: that of every autoencoder, with a latent of 1 to 4 numbers."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class WeightedError(Objective):
    """The weighted mean squared error of ln pt, eta, phi and ln(E/p) = rho^2/2, divided by the spread of the last.

    A loss near 1 keeps gradients above the optimizer's epsilon.

    Args:
        mean, deviation: of the coordinates (ln pt, eta, phi, rho), as the standardization has them.
        spread: variance of ln(E/p) in the training split.
    """

    def __init__(self, mean: Sequence[float], deviation: Sequence[float], spread: float) -> None:
        self.mean, self.deviation, self.spread = list(mean), list(deviation), spread
        self._weights = (WEIGHTS * np.asarray(deviation, np.float32))[:3]

    def __call__(self, rows: Any, outputs: Any) -> Any:
        """Compute the mean over jets; both of shape `(n_jets, 4)`."""
        first = ops.sum(ops.square(ops.multiply(outputs[:, :3] - rows[:, :3], self._weights)), axis=1)
        rho, rho_hat = (self.deviation[3] * y[:, 3] + self.mean[3] for y in (rows, outputs))
        return ops.mean(first + ops.square((ops.square(rho_hat) - ops.square(rho)) / 2)) / self.spread

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"mean": self.mean, "deviation": self.deviation, "spread": self.spread}


def build_kinematic(config: KinematicConfig, rows: TrainingRows, facts: ModelFacts) -> JetAutoencoder:
    """Build the kinematic autoencoder.

    Args:
        config: widths of both networks, their activation, and the latent's size, 1 to 4.
        rows: the training split: E, pt [unit], eta, phi [rad].
        facts: the columns, which are the four-momentum, and the unit of E and pt, in the data and in the model.

    Raises:
        ConfigError: other columns.
    """
    kinematic, coordinates = kinematic_coordinates(rows.drawn, facts)
    statistics = rows.statistics(kinematic)
    standardization = Standardization.adapted(statistics, name="standardization")
    down = ResidualMap(len(facts.collection), config.n_latent, config, "encoder")
    up = ResidualMap(config.n_latent, len(facts.collection), config, "decoder")

    inputs, latent = jets_input(len(facts.collection)), latent_input(config.n_latent)
    encoder = keras.Model(inputs, down(chain(inputs, [kinematic, standardization])), name="encoder")
    inverse = [layer.inverse() for layer in (standardization, kinematic)]
    decoder = keras.Model(latent, chain(up(latent), inverse), name="decoder")

    mean, variance = (np.asarray(s, np.float32) for s in (standardization.mean, standardization.variance))
    deviation = np.sqrt(variance)
    start = principal_components(statistics.about(mean) / deviation, deviation * WEIGHTS, config.n_latent)
    for residual, kernel in zip((down, up), start, strict=True):
        residual.start(kernel)
    spread = float(np.var(coordinates[:, 3] ** 2 / 2))
    objective = WeightedError(mean.tolist(), deviation.tolist(), max(spread, 1e-12))
    return JetAutoencoder(encoder, decoder, objective, facts, name="autoencoder")


KINEMATIC = Architecture(
    "kinematic",
    KinematicConfig,
    build_kinematic,
    space={"learning_rate": {"low": 5e-4, "high": 3e-2, "scale": "log"}, "width": {"values": [8, 12, 16, 24, 32]}},
    quantized={
        "float16": Tolerance(None, 1e-5, 1e-4),
        "dynamic": Tolerance(None, 5e-4, 5e-3),
        "weight_only": Tolerance(None, 5e-4, 5e-3),
        "int8": Tolerance(None, 3e-3, 1e-2),
        "int16x8": Tolerance(None, 5e-4, 5e-3),
    },
)
