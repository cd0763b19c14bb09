"""What an architecture is, and what is known of a model that one has built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.schema import UNITS_IN_MEV, Collection
from atlas_keras.sections import Section, require

MAX_WIDTH = 1 << 14  # of a layer: one of more has gigabytes of weights


@dataclass(frozen=True)
class ModelConfig(Section):
    """What every autoencoder is configured by; an architecture adds what it has beside that.

    Args:
        preset: the preset that this configuration started from.
        architecture: the kind of autoencoder, of `atlas_keras.models.architectures`.
        widths: units of the encoder's hidden layers; the decoder mirrors them.
        n_latent: how many numbers are stored for a jet.
        activation: of all hidden layers.
    """

    preset: str
    architecture: str
    widths: tuple[int, ...]
    n_latent: int
    activation: str

    def __post_init__(self) -> None:
        require(
            all(1 <= w <= MAX_WIDTH for w in self.widths) and len(self.widths) <= MAX_WIDTH,
            f"model.widths are 1 to {MAX_WIDTH}. Received: {self.widths}",
        )
        require(self.n_latent >= 1, f"model.n_latent is at least 1. Received: {self.n_latent}")

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of all activations that the model has."""
        return (self.activation,)


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
class Tolerance(Section):
    """How far an export may be from its model, the same number for relative and absolute errors.

    Absolute errors of what may be of any size (masses, counts, lengths) count in the spread of the test split.

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
        configuration: the class of its configuration.
        build: the autoencoder, from its configuration, the training split and facts.
        space: what a search tries where nothing else is said, in the JSON form of a `Space`.
        quantized: how far its quantized exports may be from it, by quantization; about three times what was measured on
            two data sets, the sample and that of the published notebooks.
        unquantizable: why it has none.
        for_firmware: its encoder has few bits and is exported as firmware, and as nothing else.
        is_likelihood: its loss is the mean of -ln(density), and not of squares.
        loss_depends_on: the hyperparameter that changes the loss itself; losses of different values of it cannot be
            compared.
        resolve: the configuration with all that the training split decides, from the configuration, the split and the
            collection; a finished run has it.
    """

    name: str
    configuration: type[ModelConfig]
    build: Callable[[Any, TrainingRows, ModelFacts], Any]
    space: Mapping[str, Mapping[str, Any]]
    quantized: Mapping[str, Tolerance] = field(default_factory=dict)
    unquantizable: str = ""
    for_firmware: bool = False
    is_likelihood: bool = False
    loss_depends_on: str = ""
    resolve: Callable[[Any, TrainingRows, Collection], ModelConfig] = lambda config, rows, collection: config

    @property
    def hyperparameters(self) -> tuple[str, ...]:
        """Fields of its configuration that a search may change as they are; `width` and `depth` change the widths."""
        named = {"preset", "architecture", "widths"}
        parts = [part for part in fields(self.configuration) if part.name not in named]
        return tuple(part.name for part in parts if "dict" not in str(part.type))
