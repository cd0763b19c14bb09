"""The autoencoder that users get and the part of it that is trained, which share their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.models.architecture import ModelFacts
from atlas_keras.models.building import jets_input


class Objective:
    """What a preset minimizes: a loss in its normalized space. It is saved with the autoencoder.

    A preset with another loss, or another part to train, has a class of its own; `get_config` gives its arguments.
    """

    normalized = "standardization"  # the encoder's layer that gives the normalized jets

    def __call__(self, rows: Any, outputs: Any) -> Any:
        """Compute the mean loss.

        Args:
            rows: normalized jets, shape `(n_jets, n_columns)`.
            outputs: of the trained part, shape `(n_jets, n_outputs)`.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define its loss")

    def trained(self, encoder: keras.Model, decoder: keras.Model) -> keras.Model:
        """Return what is trained, rows -> outputs: here all between the normalized spaces of both ends."""
        down = keras.Model(encoder.get_layer(self.normalized).output, encoder.output)
        up = keras.Model(decoder.input, decoder.get_layer(f"{self.normalized}_inverse").input)
        rows = keras.Input(down.input.shape[1:])
        return keras.Model(rows, up(down(rows)), name="normalized_autoencoder")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Objective:
        """Build from the arguments."""
        return cls(**config)


@keras.saving.register_keras_serializable(package=PACKAGE)
class NormalizedLoss(keras.losses.Loss):
    """The loss that a preset is trained with, for `compile` of its autoencoder: computed in normalized space.

    A mean squared error of E, pt, eta and phi as they are would be one of E alone: its numbers are the largest.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Refuse: other models have no normalized space.

        Raises:
            ValueError: always.
        """
        raise ValueError("NormalizedLoss is for compile() of an autoencoder of atlas_keras; other models need another")


@keras.saving.register_keras_serializable(package=PACKAGE)
class JetAutoencoder(keras.Model):
    """Jets -> jets in physical units, by the layers `encoder` and `decoder`.

    What both halves need, such as the network of the preset `folded`, is one layer of the same name in both. Saved, it
    stands in each; here the decoder gets the encoder's again. So the halves cannot drift apart, whoever trains them.

    Args:
        encoder: jets -> latent.
        decoder: latent -> jets.
        objective: what it is trained for.
        facts: what is known of it.
    """

    def __init__(
        self, encoder: keras.Model, decoder: keras.Model, objective: Objective, facts: ModelFacts, **kwargs: Any
    ) -> None:
        decoder = _with_layers(decoder, {layer.name: layer for layer in encoder.layers if layer.weights})
        jets = jets_input(encoder.input.shape[1])
        super().__init__(jets, decoder(encoder(jets)), **kwargs)
        self.objective, self.facts = objective, facts

    @cached_property
    def training_setup(self) -> TrainingSetup:
        """What trains it."""
        return TrainingSetup.of(self)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Compute the loss of `fit` and `evaluate`; a `NormalizedLoss` is that of the objective.

        Raises:
            ValueError: sample weights for a `NormalizedLoss`.
        """
        if not isinstance(self.loss, NormalizedLoss):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        if sample_weight is not None:
            raise ValueError("NormalizedLoss takes no sample weights: every jet counts as one")
        rows = self.training_setup.normalize(x)
        target = rows if y is None or y is x else self.training_setup.normalize(y)
        loss = self.objective(target, self.training_setup.trained(rows, training=training))
        return loss + sum(self.losses)  # what layers count beside it, such as bits

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        parts = {
            "encoder": self.get_layer("encoder"),
            "decoder": self.get_layer("decoder"),
            "objective": self.objective,
        }
        serialized = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {"name": self.name, "trainable": self.trainable, "facts": self.facts.to_dict(), **serialized}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> JetAutoencoder:
        """Build from the arguments, with new weights."""
        parts = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("encoder", "decoder", "objective")
        }
        return cls(**{**config, **parts, "facts": ModelFacts.from_dict(config["facts"], "facts.")})


# Files of the older format .h5 tell the class of a model without its package.
keras.saving.get_custom_objects()[JetAutoencoder.__name__] = JetAutoencoder


@dataclass(frozen=True)
class TrainingSetup:
    """An autoencoder and how it is trained.

    Args:
        autoencoder: jets -> jets in physical units.
        normalize: jets -> what `trained` takes; run once over the data set, not at every step.
        trained: the trainable part; its target is its input.
        loss: of `trained`, in normalized space.
    """

    autoencoder: JetAutoencoder
    normalize: keras.Model
    trained: keras.Model
    loss: Objective

    @classmethod
    def of(cls, autoencoder: JetAutoencoder) -> TrainingSetup:
        """Take an autoencoder apart: a new one, or one that is to be trained further."""
        objective, encoder = autoencoder.objective, autoencoder.get_layer("encoder")
        normalize = keras.Model(encoder.input, encoder.get_layer(objective.normalized).output, name="normalize")
        return cls(autoencoder, normalize, objective.trained(encoder, autoencoder.get_layer("decoder")), objective)

    @property
    def n_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(int(np.prod(weight.shape)) for weight in self.trained.trainable_weights)


def _with_layers(model: keras.Model, layers: Mapping[str, keras.layers.Layer]) -> keras.Model:
    """Return the model with these layers in the place of its own of the same names."""
    if all(layers.get(layer.name, layer) is layer for layer in model.layers):
        return model
    return keras.models.clone_model(model, clone_function=lambda layer: layers.get(layer.name, layer))
