"""Choose columns, as a layer: slices of tensors are steps that older formats of saved models cannot hold."""

from __future__ import annotations

from typing import Any

import keras

from atlas_keras.layers.invertible import PACKAGE


@keras.saving.register_keras_serializable(package=PACKAGE)
class FirstColumns(keras.layers.Layer):
    """Return the first columns of rows, `(n, n_columns)` -> `(n, n_first)`.

    Args:
        n_first: how many.
    """

    def __init__(self, n_first: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_first = n_first

    def call(self, rows: Any) -> Any:
        """Cut the rows."""
        return rows[:, : self.n_first]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape `(n, n_first)`."""
        return (*input_shape[:-1], self.n_first)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "n_first": self.n_first}
