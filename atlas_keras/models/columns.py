"""The autoencoder of any columns: each is transformed to spread evenly; then principal components and small networks.

What each column is transformed by is chosen from the training split and stands in the configuration of the run, where
it can be changed. An error counts by the bound of its column: a thousandth of a pt as much as a thousandth of a
fraction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from atlas_keras.layers.column_transforms import TRANSFORMS, ColumnTransforms
from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.layers.limits import Limits
from atlas_keras.layers.standardization import Standardization
from atlas_keras.models.architecture import Architecture, ModelConfig, ModelFacts, Tolerance
from atlas_keras.models.building import chain, jets_input, latent_input
from atlas_keras.models.column_choices import choose_transform, choose_weight, find_fillers, place, without
from atlas_keras.models.jet_autoencoder import JetAutoencoder, Objective
from atlas_keras.models.residual_map import ResidualMap, principal_components
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.schema import Collection
from atlas_keras.sections import require
from atlas_keras.suggestions import suggest


@dataclass(frozen=True)
class ColumnsConfig(ModelConfig):
    """The configuration of an autoencoder of any columns.

    What is not said is chosen from the training split; a finished run says all.

    Args:
        transforms: by column, of `layers.column_transforms.TRANSFORMS`.
        fillers: by column, values that stand for something else than a number near others.
        weights: by column, what an error of one standard deviation of the transformed values counts.
    """

    transforms: dict[str, str] = field(default_factory=dict)
    fillers: dict[str, tuple[float, ...]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, transform in self.transforms.items():
            require(
                transform in TRANSFORMS,
                f"model.transforms.{name}: {suggest(transform, TRANSFORMS)}. Received: {transform!r}",
            )
        for name, weight in self.weights.items():
            require(0 < weight < math.inf, f"model.weights.{name} is positive. Received: {weight}")


@keras.saving.register_keras_serializable(package=PACKAGE)
class WeightedColumns(Objective):
    """The mean over columns of their squared errors, each times its weight.

    Args:
        weights: of each column, shape `(n_columns,)`.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        self.weights = list(weights)
        self._weights = np.asarray(weights, np.float32)

    def __call__(self, rows: Any, outputs: Any) -> Any:
        """Compute the mean over jets; both of shape `(n_jets, n_columns)`."""
        return ops.mean(ops.square(ops.multiply(outputs - rows, self._weights)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"weights": self.weights}


def resolve_columns(config: ColumnsConfig, rows: TrainingRows, collection: Collection) -> ColumnsConfig:
    """Return the configuration with transform, fillers and weight of every column.

    Args:
        config: names some, or none.
        rows: the training split.
        collection: what the columns are.

    Raises:
        ConfigError: a column that there is not.
    """
    for what in ("transforms", "fillers", "weights"):
        for name in getattr(config, what):
            known = suggest(name, collection.names)
            require(name in collection.names, f"model.{what}: no column {name!r}; {known}")
    transforms, fillers, weights = {}, {}, {}
    for column, values in zip(collection, rows.drawn.T, strict=True):
        name = column.name
        fillers[name] = config.fillers[name] if name in config.fillers else find_fillers(column, values)
        others = without(values, fillers[name])
        transforms[name] = config.transforms.get(name) or choose_transform(column, others)
        weights[name] = config.weights.get(name) or choose_weight(column, values, transforms[name], fillers[name])
    return replace(config, transforms=transforms, fillers=fillers, weights=weights)


def build_columns(config: ColumnsConfig, rows: TrainingRows, facts: ModelFacts) -> JetAutoencoder:
    """Build the autoencoder of any columns.

    Args:
        config: transforms, fillers and weights, latent, widths of both networks, their activation.
        rows: the training split.
        facts: the columns, and the unit of energies, in the data and in the model.

    Raises:
        ConfigError: something of a column that there is not.
    """
    collection, n = facts.collection, len(facts.collection)
    config = resolve_columns(config, rows, collection)
    names = [config.transforms[name] for name in collection.names]
    placed = [
        place(column, values, config.transforms[column.name], config.fillers[column.name])
        for column, values in zip(collection, rows.drawn.T, strict=True)
    ]
    scales, fillers = [one.scale for one in placed], [one.fillers for one in placed]
    transforms = ColumnTransforms(names, scales, fillers, name="transforms")
    statistics = rows.statistics(transforms)
    standardization = Standardization.adapted(statistics, least=[one.least for one in placed], name="standardization")
    limits = Limits.around(statistics, np.sqrt(standardization.variance), name="limits")
    down = ResidualMap(n, config.n_latent, config, "encoder")
    up = ResidualMap(config.n_latent, n, config, "decoder")

    inputs, latent = jets_input(n), latent_input(config.n_latent)
    encoder = keras.Model(inputs, down(chain(inputs, [transforms, limits, standardization])), name="encoder")
    inverse = [layer.inverse() for layer in (standardization, transforms)]
    decoder = keras.Model(latent, chain(up(latent), inverse), name="decoder")

    mean, deviation = (a.astype(np.float32) for a in (standardization.mean, np.sqrt(standardization.variance)))
    weights = np.array([config.weights[name] for name in collection.names], np.float32)
    weights = weights / np.sqrt(np.mean(weights**2))
    start = principal_components(statistics.about(mean) / deviation, weights, config.n_latent)
    for residual, kernel in zip((down, up), start, strict=True):
        residual.start(kernel)
    return JetAutoencoder(encoder, decoder, WeightedColumns(weights.tolist()), facts, name="autoencoder")


COLUMNS = Architecture(
    "columns",
    ColumnsConfig,
    build_columns,
    space={"learning_rate": {"low": 5e-4, "high": 2e-2, "scale": "log"}, "width": {"values": [32, 64, 96, 128]}},
    quantized={
        "float16": Tolerance(None, 1e-2, 1.0),
        "dynamic": Tolerance(None, 0.1, 10.0),
        "weight_only": Tolerance(None, 0.1, 10.0),
        "int8": Tolerance(None, 0.3, 30.0),
        "int16x8": Tolerance(None, 0.1, 10.0),
    },
    resolve=resolve_columns,
)
