"""The published preprocessing of each column: log10 of energies, eta / 5, angles / 3."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer
from atlas_keras.schema import Column

LN_10 = 2.302585092994046


@keras.saving.register_keras_serializable(package=PACKAGE)
class Scaling(InvertibleLayer):
    """Transform each column by log10 or not at all, then divide it by a constant.

    `Scaling.published` does so as the ATLAS autoencoder studies do (E. Wallin, "Tests of autoencoder compression of
    trigger jets in the ATLAS experiment", 2020).

    Args:
        transforms: for each column `log10` or `linear`.
        scales: for each column what it is divided by after the transform.
        invert: undo it.

    Raises:
        ValueError: an unknown transform, a scale that is zero, or lengths that differ.

    Example:
        >>> import numpy as np
        >>> from atlas_keras.layers import Scaling
        >>> from atlas_keras.schema import FOUR_MOMENTUM
        >>> Scaling.published(FOUR_MOMENTUM)(np.array([[1000.0, 100.0, 2.5, -1.5]])).numpy().tolist()
        [[3.0, 2.0, 0.5, -0.5]]
    """

    def __init__(self, transforms: Sequence[str], scales: Sequence[float], invert: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.transforms, self.scales, self.invert = tuple(transforms), tuple(scales), invert
        if len(self.transforms) != len(self.scales) or 0 in self.scales:
            raise ValueError(f"Each column has a transform and a scale that is not 0. Received: {transforms}, {scales}")
        for transform in self.transforms:
            if transform not in ("log10", "linear"):
                raise ValueError(f"A transform is 'log10' or 'linear'. Received: {transform!r}")

    @classmethod
    def published(cls, columns: Iterable[Column], **kwargs: Any) -> Scaling:
        """Build the layer with the published preprocessing of the columns: by their quantities, others as they are."""
        columns = list(columns)
        transforms = ["log10" if column.is_logarithmic else "linear" for column in columns]
        return cls(transforms, [column.published_scale for column in columns], **kwargs)

    def call(self, x: Any) -> Any:
        """Transform x, shape `(n_jets, n_columns)`."""
        columns = ops.split(x, len(self.scales), axis=-1)
        one = self._invert_column if self.invert else self._scale_column
        return ops.concatenate(
            [one(c, t, s) for c, t, s in zip(columns, self.transforms, self.scales, strict=True)], -1
        )

    @staticmethod
    def _scale_column(x: Any, transform: str, scale: float) -> Any:
        return (ops.log(x) / LN_10 if transform == "log10" else x) / scale

    @staticmethod
    def _invert_column(x: Any, transform: str, scale: float) -> Any:
        return ops.exp(x * (scale * LN_10)) if transform == "log10" else x * scale

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"transforms": list(self.transforms), "scales": list(self.scales), "invert": self.invert}
        return {**super().get_config(), **own}
