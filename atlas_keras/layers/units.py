"""The identity layer with which an encoder begins and a decoder ends: it tells what the columns of a jet are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer
from atlas_keras.schema import UNITS_IN_MEV


@keras.saving.register_keras_serializable(package=PACKAGE)
class Units(InvertibleLayer):
    """Hand jets through unchanged, and keep the unit of energies and the order of columns in the saved model.

    Args:
        unit: of E and pt, `MeV` or `GeV`.
        columns: names of the columns.

    Raises:
        ValueError: a unit that is neither MeV nor GeV.
    """

    def __init__(self, unit: str = "MeV", columns: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if unit not in UNITS_IN_MEV:
            raise ValueError(f"Energies are in MeV or GeV. Received: unit={unit!r}")
        self.unit = unit
        self.columns = tuple(columns)

    def call(self, jets: Any) -> Any:
        """Return jets, shape `(n_jets, n_columns)`, as they are."""
        return jets

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Give the input's shape."""
        return input_shape

    def inverse(self) -> Units:
        """Build the same layer under another name."""
        return self._inverted()

    def get_config(self) -> dict[str, Any]:
        """Give the arguments."""
        return {**super().get_config(), "unit": self.unit, "columns": list(self.columns)}
