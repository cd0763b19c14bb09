"""The autoencoder of any columns: each is transformed to spread evenly; then principal components and small networks.

What each column is transformed by is chosen from the training split and stands in the configuration of the run, where
it can be changed. An error counts by the bound of its column: a thousandth of a pt as much as a thousandth of a
fraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from atlas_keras.layers.column_transforms import MARGIN, TRANSFORMS, ColumnTransforms
from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.layers.standardization import Standardization
from atlas_keras.models.architecture import Architecture, ModelConfig, ModelFacts, Tolerance
from atlas_keras.models.building import chain, jets_input, latent_input
from atlas_keras.models.jet_autoencoder import JetAutoencoder, Objective
from atlas_keras.models.residual_map import ResidualMap, principal_components
from atlas_keras.schema import Collection, Column
from atlas_keras.sections import require
from atlas_keras.suggestions import suggest

WIDE = 30.0  # positive values that spread by more than this factor are taken by their logarithm
HEAVY = 8.0  # and others whose tails reach that many times further than most of them


@dataclass(frozen=True)
class ColumnsConfig(ModelConfig):
    """The configuration of an autoencoder of any columns.

    Args:
        transforms: by column, of `layers.column_transforms.TRANSFORMS`; of the others it is chosen from the training
            split. A finished run names all.
    """

    transforms: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, transform in self.transforms.items():
            require(
                transform in TRANSFORMS,
                f"model.transforms.{name}: {suggest(transform, TRANSFORMS)}. Received: {transform!r}",
            )


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


def choose_transform(column: Column, values: NDArray[np.floating]) -> str:
    """Choose what makes the values of a column spread evenly.

    Args:
        column: what it measures.
        values: of the training split, shape `(n_jets,)`.
    """
    if column.periodic:
        return "angle"
    if column.quantity in ("eta", "fraction", "score", "flag", "id") or not len(values):
        return "identity"
    low, middle, high = (float(q) for q in np.quantile(values, (0.01, 0.5, 0.99)))
    if values.min() > 0 and (column.is_logarithmic or high > WIDE * max(low, 1e-30)):
        return "log"
    most = float(np.quantile(np.abs(values - middle), 0.8))
    if most > 0 and float(np.quantile(np.abs(values - middle), 0.999)) > HEAVY * most:
        return "signed_log"
    return "identity"


def resolve_columns(config: ColumnsConfig, jets: NDArray[np.float32], collection: Collection) -> ColumnsConfig:
    """Return the configuration with the transform of every column.

    Args:
        config: names some, or none.
        jets: the training split, shape `(n_jets, n_columns)`.
        collection: what the columns are.

    Raises:
        ConfigError: a transform of a column that there is not.
    """
    for name in config.transforms:
        require(name in collection.names, f"model.transforms: no column {name!r}; {suggest(name, collection.names)}")
    chosen = {column.name: choose_transform(column, jets[:, at]) for at, column in enumerate(collection)}
    return replace(config, transforms={**chosen, **config.transforms})


def build_columns(config: ColumnsConfig, jets: NDArray[np.float32], facts: ModelFacts) -> JetAutoencoder:
    """Build the autoencoder of any columns.

    Args:
        config: transforms, latent, widths of both networks, their activation.
        jets: the training split, shape `(n_jets, n_columns)`.
        facts: the columns, and the unit of energies, in the data and in the model.

    Raises:
        ConfigError: a transform of a column that there is not.
    """
    collection, n = facts.collection, len(facts.collection)
    config = resolve_columns(config, jets, collection)
    names = [config.transforms[name] for name in collection.names]
    scales = [_scale(jets[:, at], name) for at, name in enumerate(names)]
    transforms = ColumnTransforms(names, scales, name="transforms")
    transformed = ops.convert_to_numpy(transforms(jets))
    standardization = Standardization.adapted(transformed, name="standardization")
    down = ResidualMap(n, config.n_latent, config, "encoder")
    up = ResidualMap(config.n_latent, n, config, "decoder")

    inputs, latent = jets_input(n), latent_input(config.n_latent)
    encoder = keras.Model(inputs, down(chain(inputs, [transforms, standardization])), name="encoder")
    inverse = [layer.inverse() for layer in (standardization, transforms)]
    decoder = keras.Model(latent, chain(up(latent), inverse), name="decoder")

    mean, deviation = (a.astype(np.float32) for a in (standardization.mean, np.sqrt(standardization.variance)))
    worth = [_worth(c, t, s, jets[:, at]) for at, (c, t, s) in enumerate(zip(collection, names, scales, strict=True))]
    weights = deviation * np.asarray(worth, np.float32)
    weights = weights / np.sqrt(np.mean(weights**2))
    start = principal_components((transformed - mean) / deviation, weights, config.n_latent)
    for residual, kernel in zip((down, up), start, strict=True):
        residual.start(kernel)
    return JetAutoencoder(encoder, decoder, WeightedColumns(weights.tolist()), facts, name="autoencoder")


def _scale(values: NDArray[np.float32], transform: str) -> float:
    """Choose the scale of a column: the typical size where the transform depends on it."""
    if transform == "signed_log":
        size = np.abs(values.astype(np.float64))
        return float(np.median(size[size > 0])) if np.any(size > 0) else 1.0
    return 1.0


def _worth(column: Column, transform: str, scale: float, values: NDArray[np.float32]) -> float:
    """Compute what an error of 1 in the transformed column is in bounds, at a typical value."""
    bound = column.bound if column.bound is not None and column.bound.size else column.usual_bound
    size = bound.size or 0.5  # of whole numbers half of one is an error
    x = values.astype(np.float64)
    slope = {
        "log": np.abs(x),
        "signed_log": np.abs(x) + scale,
        "logit": np.maximum(x * (1 - x), MARGIN),
    }.get(transform, np.ones(len(x)))
    typical = float(np.median(np.abs(x))) or 1.0
    allowed = size * np.maximum(np.abs(x), 0.1 * typical) if bound.kind == "relative" else np.full(len(x), size)
    return float(np.median(slope / np.maximum(allowed, 1e-30)))


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
