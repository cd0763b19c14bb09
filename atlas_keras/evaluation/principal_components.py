"""The rival of a network of any columns: as many principal components of the same transformed columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from atlas_keras.layers.column_transforms import ColumnTransforms
from atlas_keras.layers.limits import Limits
from atlas_keras.models.building import chain
from atlas_keras.models.columns import WeightedColumns
from atlas_keras.models.residual_map import principal_components
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.sections import Section, require

NAME = "pca"  # in metrics


@dataclass(frozen=True)
class PrincipalComponents(Section):
    """Principal components of transformed columns, each weighted as the network's loss weighs it.

    No linear map to as many numbers has a smaller mean squared error on the jets that it was fitted to.

    Args:
        transforms: of each column, by name of the arguments of `ColumnTransforms`.
        scales, fillers: of each column, further arguments.
        mean, deviation: of the transformed columns, shape `(n_columns,)`.
        weights: what an error of one deviation counts, shape `(n_columns,)`.
        down, up: the linear maps, shapes `(n_columns, n)` and `(n, n_columns)`.
        low, high: limits of the transformed columns, as the model has them, shape `(n_columns,)`; empty in runs of
            models without.
    """

    transforms: tuple[str, ...]
    scales: tuple[float, ...]
    fillers: tuple[tuple[tuple[float, ...], ...], ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weights: tuple[float, ...]
    down: tuple[tuple[float, ...], ...]
    up: tuple[tuple[float, ...], ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        parts = (self.transforms, self.scales, self.fillers, self.mean, self.deviation, self.weights, self.down)
        limits = (self.low, self.high) if self.low or self.high else ()
        lengths = {len(part) for part in (*parts, *self.up, *limits)}
        require(len(lengths) == 1, f"Principal components have one of each for a column. Received: {sorted(lengths)}")

    @classmethod
    def of(cls, model: keras.Model, jets: ArrayLike | TrainingRows) -> Self | None:
        """Fit them in the space in which a model is trained; None where it is not one of any columns.

        Args:
            model: the autoencoder.
            jets: the training split, shape `(n_jets, n_columns)` where it is an array.
        """
        objective = getattr(model, "objective", None)
        if not isinstance(objective, WeightedColumns):
            return None
        encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
        transforms, standardization = (encoder.get_layer(name) for name in ("transforms", "standardization"))
        limits = [layer for layer in encoder.layers if isinstance(layer, Limits)]
        layers = [transforms, *limits, standardization]
        statistics = TrainingRows.of(jets).statistics(lambda part: chain(part, layers))
        weights = np.asarray(objective.weights, np.float32)
        down, up = principal_components(statistics.about(0.0), weights, decoder.input.shape[1])
        return cls(
            tuple(transforms.transforms),
            tuple(transforms.scales),
            tuple(tuple(tuple(one) for one in column) for column in transforms.fillers),
            tuple(standardization.mean.tolist()),
            tuple(np.sqrt(standardization.variance).tolist()),
            tuple(weights.tolist()),
            tuple(map(tuple, down.tolist())),
            tuple(map(tuple, up.tolist())),
            *(tuple(end.tolist()) for layer in limits for end in (layer.low, layer.high)),
        )

    @property
    def name(self) -> str:
        """As it stands in metrics."""
        return NAME

    @property
    def formula(self) -> str:
        """As it stands in reports."""
        return f"{len(self.up)} principal components"

    @property
    def symbols(self) -> str:
        """As it stands in legends and tables for people."""
        return self.formula

    @cached_property
    def _layer(self) -> ColumnTransforms:
        return ColumnTransforms(self.transforms, self.scales, self.fillers)

    def rows(self, jets: NDArray) -> NDArray[np.float64]:
        """Transform and standardize jets, shape `(n_jets, n_columns)`."""
        transformed = ops.convert_to_numpy(self._layer(np.asarray(jets, np.float32))).astype(np.float64)
        if self.low:
            transformed = np.clip(transformed, self.low, self.high)
        return (transformed - self.mean) / self.deviation

    def __call__(self, jets: NDArray) -> NDArray[np.float64]:
        """Send jets through the components and back, shape `(n_jets, n_columns)`."""
        rows = self.rows(jets) @ np.asarray(self.down) @ np.asarray(self.up)
        transformed = (rows * self.deviation + self.mean).astype(np.float32)
        return ops.convert_to_numpy(self._layer.inverse()(transformed)).astype(np.float64)

    def squares(self, jets: NDArray, jets_hat: NDArray) -> NDArray[np.float64]:
        """Sum up the squared errors of the rows, each column times its weight; of an angle the shorter way round.

        Args:
            jets, jets_hat: before and after, shape `(n_jets, n_columns)`.

        Returns:
            The sum, and the number of errors.
        """
        error = self.rows(jets_hat) - self.rows(jets)
        turn = 2 * np.pi / (np.asarray(self.scales) * self.deviation)
        is_angle = np.asarray(self.transforms) == "angle"
        error -= np.where(is_angle, turn * np.round(error / turn), 0.0)
        return np.array([np.sum((error * self.weights) ** 2), error.size])

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self | None:
        """Take them out of the file of a run; None of one without them."""
        return cls.from_dict(values["principal_components"]) if values.get("principal_components") else None
