"""What the builders of all architectures share: dense stacks, inputs, statistics, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ConfigError
from atlas_keras.layers.kinematic_coordinates import KinematicCoordinates
from atlas_keras.layers.summation import DenseInParts
from atlas_keras.models.architecture import ModelFacts
from atlas_keras.schema import FOUR_MOMENTUM, Collection
from atlas_keras.suggestions import few


def dense(
    units: int, fan_in: int, activation: str | None, name: str, kind: type[keras.layers.Dense] = keras.layers.Dense
) -> keras.layers.Dense:
    """Build a dense layer that starts as PyTorch's Linear does: weights and biases uniform in +-1/sqrt(fan_in).

    The published network was trained from this start; Keras' own default ends at a five times larger error.
    """
    limit = fan_in**-0.5
    return kind(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        bias_initializer=keras.initializers.RandomUniform(-limit, limit),
        name=name,
    )


def dense_stack(
    n_inputs: int, widths: Iterable[int], n_outputs: int, activation: str, name: str, *, exact: bool = False
) -> list:
    """Build the layers of a multilayer perceptron: hidden layers with an activation, the last one without.

    With `exact`, the last one and those that sum many inputs into few outputs are `DenseInParts`: for a network whose
    rounding shows in physical units, because it has no linear map beside it.
    """
    layers, fan_in, last = [], n_inputs, DenseInParts if exact else keras.layers.Dense
    for index, width in enumerate(widths):
        kind = last if fan_in >= 4 * width else keras.layers.Dense
        layers.append(dense(width, fan_in, activation, f"{name}_{index + 1}", kind))
        fan_in = width
    return [*layers, dense(n_outputs, fan_in, None, f"{name}_output", last)]


def chain(x: Any, layers: Iterable[Any]) -> Any:
    """Apply layers one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def has_momenta(collection: Collection) -> bool:
    """Tell whether the columns are those of a four-momentum."""
    return collection.names == FOUR_MOMENTUM.names


def kinematic_coordinates(jets: NDArray[np.float32], facts: ModelFacts) -> tuple[KinematicCoordinates, Any]:
    """Build the layer of kinematic coordinates, whose reference is the geometric mean of pt.

    Args:
        jets: of the training split, shape `(n_jets, 4)`: E, pt [unit], eta, phi [rad].
        facts: of the model.

    Returns:
        The layer, and the coordinates of the jets, shape `(n_jets, 4)`.

    Raises:
        ConfigError: other columns than a four-momentum.
    """
    if not has_momenta(facts.collection):
        raise ConfigError(
            f"Preset {facts.preset!r} is for jets with the columns {', '.join(FOUR_MOMENTUM.names)}; 'columns' "
            f"takes any. Received: {few(facts.collection.names)}"
        )
    typical_pt = float(np.exp(np.mean(np.log(jets[:, 1].astype(np.float64)))))
    layer = KinematicCoordinates(typical_pt, name="kinematic")
    return layer, keras.ops.convert_to_numpy(layer(jets))


def jets_input(n_columns: int) -> Any:
    """Build the input of an encoder: jets, shape `(n_jets, n_columns)`, float32, in physical units."""
    return keras.Input((n_columns,), dtype="float32", name="jets")


def latent_input(n_latent: int) -> Any:
    """Build the input of a decoder: latent, shape `(n_jets, n_latent)`, float32."""
    return keras.Input((n_latent,), dtype="float32", name="latent")
