"""The published autoencoder: log10 and scaling, standardization, then a symmetric multilayer perceptron.

S. Tripathi's notebooks "ATLAS-Autoencoders-Evaluation" train 4-200-200-20-3-20-200-200-4 with tanh after every layer
but the last one of each half, and tanh on the latent at the decoder's entrance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.layers.scaling import Scaling
from atlas_keras.layers.standardization import Standardization
from atlas_keras.models.architecture import Architecture, ModelConfig, ModelFacts, Tolerance
from atlas_keras.models.building import chain, dense_stack, jets_input, latent_input
from atlas_keras.models.jet_autoencoder import JetAutoencoder, Objective
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.sections import require


@dataclass(frozen=True)
class PublishedConfig(ModelConfig):
    """The configuration of a published autoencoder.

    Args:
        latent_activation: applied to the latent at the decoder's entrance.
        standardization: `min-max` (to [0, 1]) or `mean-variance`, adapted on the training split.
    """

    latent_activation: str
    standardization: str

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.standardization in ("min-max", "mean-variance"),
            f"model.standardization is min-max or mean-variance. Received: {self.standardization!r}",
        )

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of all activations that the model has."""
        return (self.activation, self.latent_activation)


@keras.saving.register_keras_serializable(package=PACKAGE)
class MeanSquaredError(Objective):
    """The mean squared error of all columns."""

    def __call__(self, rows: Any, outputs: Any) -> Any:
        """Compute the mean over columns and jets; both of shape `(n_jets, n_columns)`."""
        return ops.mean(ops.mean(ops.square(outputs - rows), axis=-1))


def build_published(config: PublishedConfig, rows: TrainingRows, facts: ModelFacts) -> JetAutoencoder:
    """Build the published autoencoder.

    Args:
        config: widths, latent, activations and kind of standardization.
        rows: the training split.
        facts: the columns, and the unit of energies, in the data and in the model.
    """
    collection = facts.collection
    scaling = Scaling.published(collection, name="scaling")
    standardization = Standardization.adapted(rows.statistics(scaling), config.standardization, name="standardization")
    down = dense_stack(len(collection), config.widths, config.n_latent, config.activation, "encoder", exact=True)
    widths = tuple(reversed(config.widths))
    up = [
        keras.layers.Activation(config.latent_activation, name="latent_activation"),
        *dense_stack(config.n_latent, widths, len(collection), config.activation, "decoder", exact=True),
    ]

    inputs, latent = jets_input(len(collection)), latent_input(config.n_latent)
    encoder = keras.Model(inputs, chain(inputs, [scaling, standardization, *down]), name="encoder")
    inverse = [layer.inverse() for layer in (standardization, scaling)]
    decoder = keras.Model(latent, chain(latent, [*up, *inverse]), name="decoder")
    return JetAutoencoder(encoder, decoder, MeanSquaredError(), facts, name="autoencoder")


PUBLISHED = Architecture(
    "published",
    PublishedConfig,
    build_published,
    space={"learning_rate": {"low": 5e-4, "high": 2e-2, "scale": "log"}, "width": {"values": [50, 100, 200]}},
    loss_depends_on="standardization",
    quantized={
        "float16": Tolerance(None, 3e-3, 1e-2),
        "dynamic": Tolerance(None, 5e-2, 0.2),
        "weight_only": Tolerance(None, 5e-2, 0.1),
        "int8": Tolerance(None, 0.15, 0.7),
        "int16x8": Tolerance(None, 5e-2, 0.1),
    },
)
