"""The configuration of a run: frozen dataclasses that are checked when made and round-trip through JSON.

Preset < configuration file < command-line flags: what a file does not say is as in the preset that it names. Fields
that the presets decide have no defaults of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_keras.errors import ConfigError, reason_of
from atlas_keras.json_files import read_json
from atlas_keras.presets import DEFAULT_PRESET, PRESETS
from atlas_keras.schema import FOUR_MOMENTUM, UNITS_IN_MEV, Collection
from atlas_keras.sections import Section, require
from atlas_keras.suggestions import suggest

MAX_WIDTH = 1 << 14  # of a layer: one of more has gigabytes of weights


@dataclass(frozen=True)
class DataConfig(Section):
    """Which jets are read, and how events are split.

    Args:
        paths: files or globs; None is the shipped sample.
        collection: the columns of the jets.
        unit: unit of energies in the model, MeV or GeV.
        source_unit: unit of files that do not state theirs (Parquet); None where the format states it.
        objects: ids of the objects that count as jets.
        tree: name of the tree in ROOT files, with its directories; None takes the only one that holds jets.
        invalid: what to do with bad input, `error` or `drop`.
        validation_fraction, test_fraction: parts of the *events*.
        any_size: read files whatever they unfold to in memory.
    """

    paths: tuple[str, ...] | None = None
    collection: Collection = FOUR_MOMENTUM
    unit: str = "MeV"
    source_unit: str | None = None
    objects: tuple[str, ...] = ("j",)
    tree: str | None = None
    invalid: str = "error"
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    any_size: bool = False

    def __post_init__(self) -> None:
        require(self.paths != (), "data.paths names at least one file, or is null for the shipped sample. Received: []")
        require(self.unit in UNITS_IN_MEV, f"data.unit is MeV or GeV. Received: {self.unit!r}")
        require(
            self.source_unit is None or self.source_unit in UNITS_IN_MEV,
            f"data.source_unit is MeV, GeV or null. Received: {self.source_unit!r}",
        )
        require(self.invalid in ("error", "drop"), f"data.invalid is error or drop. Received: {self.invalid!r}")
        require(len(self.objects) > 0, "data.objects names at least one object id. Received: ()")
        fractions = (self.validation_fraction, self.test_fraction)
        require(
            min(fractions) > 0 and sum(fractions) < 1,
            f"data.validation_fraction and data.test_fraction are positive, their sum below 1. Received: {fractions}",
        )


@dataclass(frozen=True)
class ModelConfig(Section):
    """The autoencoder: preprocessing and network.

    Args:
        preset: the preset that this configuration started from.
        architecture: the kind of autoencoder, of `atlas_keras.models.architectures`.
        widths: units of the encoder's hidden layers; the decoder mirrors them.
        n_latent: how many numbers are stored for a jet.
        activation: of all hidden layers.
        latent_activation: applied to the latent at the decoder's entrance.
        standardization: `min-max` (to [0, 1]) or `mean-variance`, adapted on the training split.
        phi_bits: phi has 2^phi_bits cells; of the folded latent alone, as is the next.
        rho_bins: bins of the distribution of rho.
    """

    preset: str
    architecture: str
    widths: tuple[int, ...]
    n_latent: int
    activation: str
    latent_activation: str
    standardization: str
    phi_bits: int
    rho_bins: int

    def __post_init__(self) -> None:
        require(
            all(1 <= w <= MAX_WIDTH for w in self.widths) and len(self.widths) <= MAX_WIDTH,
            f"model.widths are 1 to {MAX_WIDTH}. Received: {self.widths}",
        )
        require(self.n_latent >= 1, f"model.n_latent is at least 1. Received: {self.n_latent}")
        require(
            self.standardization in ("min-max", "mean-variance"),
            f"model.standardization is min-max or mean-variance. Received: {self.standardization!r}",
        )
        require(1 <= self.phi_bits <= 20, f"model.phi_bits is 1 to 20. Received: {self.phi_bits}")
        require(self.rho_bins >= 8, f"model.rho_bins is at least 8. Received: {self.rho_bins}")


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the model is trained.

    Args:
        epochs, batch_size: batch_size in jets.
        learning_rate: peak of the one-cycle policy; None runs the learning-rate finder.
        weight_decay: decoupled, of AdamW.
        seed: fixes split, initialization and shuffling.
        early_stop: stop after this many epochs without a better validation loss; None trains to the end.
        jit_compile: compile the training step with XLA; None does so where there is a GPU.
        tensorboard: write TensorBoard logs into the run folder.
        start_from: run folder whose model is trained on, with its statistics; None builds a new one.
    """

    epochs: int
    batch_size: int
    learning_rate: float | None
    weight_decay: float
    seed: int = 0
    early_stop: int | None = None
    jit_compile: bool | None = None
    tensorboard: bool = False
    start_from: str | None = None

    def __post_init__(self) -> None:
        require(self.epochs >= 1, f"training.epochs is at least 1. Received: {self.epochs}")
        require(self.batch_size >= 1, f"training.batch_size is at least 1. Received: {self.batch_size}")
        require(
            self.learning_rate is None or 0 < self.learning_rate < 1e3,
            f"training.learning_rate is positive, below 1000, or null (finder). Received: {self.learning_rate}",
        )
        require(self.weight_decay >= 0, f"training.weight_decay is not negative. Received: {self.weight_decay}")
        require(0 <= self.seed < 2**31, f"training.seed is between 0 and 2^31 - 1. Received: {self.seed}")
        require(
            self.early_stop is None or self.early_stop >= 1,
            f"training.early_stop is at least 1 or null. Received: {self.early_stop}",
        )


@dataclass(frozen=True)
class RunConfig(Section):
    """Everything that a run depends on."""

    data: DataConfig
    model: ModelConfig
    training: TrainingConfig

    def __post_init__(self) -> None:
        n = len(self.data.collection)
        require(self.model.n_latent <= n, f"model.n_latent is 1 to {n}. Received: {self.model.n_latent}")

    @classmethod
    def from_dict(cls, values: dict[str, Any], path: str = "", start: RunConfig | None = None) -> RunConfig:
        """Build from a dictionary, as JSON gives it; what is missing is as in the preset that it names.

        Args:
            values: of the sections `data`, `model` and `training`, all or some.
            path: for messages.
            start: has the values that are missing where no other preset is named; None means the default preset.

        Raises:
            ConfigError: an unknown key or preset, or a value that is refused.
        """
        model = values.get("model") if isinstance(values, dict) else None
        named = model.get("preset") if isinstance(model, dict) else None
        if isinstance(named, str) and (start is None or start.model.preset != named):
            start = preset_config(named)
        return super().from_dict(values, path, start or preset_config(DEFAULT_PRESET))


def preset_config(name: str) -> RunConfig:
    """Return the whole configuration of a preset, with the defaults of all that no preset decides.

    Raises:
        ConfigError: an unknown preset; the message names the nearest known one.

    Example:
        >>> preset_config("published").model.widths
        (200, 200, 20)
    """
    if name not in PRESETS:
        raise ConfigError(f"Unknown preset {name!r}; {suggest(name, PRESETS)}")
    values = PRESETS[name]
    return RunConfig(DataConfig(), ModelConfig(name, **values["model"]), TrainingConfig(**values["training"]))


def read_config(path: str | Path, preset: str | None = None) -> RunConfig:
    """Read a configuration from a JSON file; what it does not say is as in the preset that it names.

    Args:
        path: of the file; a part of a configuration is enough.
        preset: where the file names none; None means the default preset.

    Raises:
        ConfigError: the file is missing, is no JSON, or holds an unknown key or preset, or a refused value.
    """
    start = None if preset is None else preset_config(preset)
    values = read_json(Path(path), ConfigError, "give a configuration, or a part of one")
    try:
        return RunConfig.from_dict(values, start=start)
    except ConfigError as error:
        raise ConfigError(f"{path}: {reason_of(error)}") from error
