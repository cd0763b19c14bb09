"""What an architecture is, and what is known of a model that one has built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.config import ModelConfig
from atlas_keras.schema import UNITS_IN_MEV, Collection
from atlas_keras.sections import Section, require
from atlas_keras.space import Choices, Range


@dataclass(frozen=True)
class ModelFacts(Section):
    """What is known of an autoencoder; it is saved with it.

    Args:
        preset: that its configuration started from.
        architecture: that built it.
        unit: of energies, `MeV` or `GeV`.
        collection: what the columns of its jets are.
    """

    preset: str
    architecture: str
    unit: str
    collection: Collection

    def __post_init__(self) -> None:
        require(self.unit in UNITS_IN_MEV, f"Energies are in MeV or GeV. Received: unit={self.unit!r}")


@dataclass(frozen=True)
class Tolerance:
    """How far an export may be from its model, the same number for relative and absolute errors.

    Args:
        spreads: deviation of any jet from float64, in spreads of sound float32 arithmetic; None for a quantized export.
        test_mean, test_max: mean and maximum over the test split of the deviation from Keras; None where float64
            judges.
        extreme_max: the same maximum over extreme jets; None where the export is not made for them, and has to be
            finite only.
    """

    spreads: float | None = None
    test_mean: float | None = None
    test_max: float | None = None
    extreme_max: float | None = None


@dataclass(frozen=True)
class Architecture:
    """A kind of autoencoder. Adding one is a module with such an object, and its line in `architectures.py`.

    Args:
        name: that configurations and models have.
        build: the autoencoder, from its configuration, the training split of shape `(n_jets, n_columns)`, and facts.
        hyperparameters: fields of `ModelConfig` that have an effect on it, and that a search may change.
        space: what a search tries where nothing else is said.
        quantized: how far its quantized exports may be from it, by quantization; about three times what was measured on
            two data sets, the sample and that of the published notebooks.
        unquantizable: why it has none.
        is_likelihood: its loss is the mean of -ln(density), and not of squares.
        loss_depends_on: the hyperparameter that changes the loss itself; losses of different values of it cannot be
            compared.
    """

    name: str
    build: Callable[[ModelConfig, NDArray[np.float32], ModelFacts], Any]
    hyperparameters: tuple[str, ...]
    space: Mapping[str, Choices | Range]
    quantized: Mapping[str, Tolerance] = field(default_factory=dict)
    unquantizable: str = ""
    is_likelihood: bool = False
    loss_depends_on: str = ""
