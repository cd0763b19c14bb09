"""The configuration of a run: frozen dataclasses that are checked when made and round-trip through JSON.

Defaults < configuration file < command-line flags.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from atlas_keras.errors import ConfigError
from atlas_keras.schema import UNITS_IN_MEV
from atlas_keras.suggestions import suggest


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ConfigError(sentence)


class Section:
    """A part of the configuration: a frozen dataclass with a dictionary form that refuses unknown keys."""

    @classmethod
    def from_dict(cls, values: dict[str, Any], path: str = "") -> Self:
        """Build from a dictionary, as JSON gives it.

        Raises:
            ConfigError: an unknown key (the message names the nearest known one) or a value that is refused.
        """
        _require(isinstance(values, dict), f"Configuration {path or 'file'} has to be an object. Received: {values!r}")
        fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        hints = typing.get_type_hints(cls)
        arguments = {}
        for key, value in values.items():
            if key not in fields:
                raise ConfigError(f"Unknown configuration key {path + key!r}; {suggest(key, fields)}")
            arguments[key] = _convert(value, hints[key], path + key)
        return cls(**arguments)

    def to_dict(self) -> dict[str, Any]:
        """Give the dictionary that `from_dict` takes and JSON can hold."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[call-overload]


def _convert(value: Any, hint: Any, path: str) -> Any:
    """Give a JSON value the type of its field: lists become tuples, integers floats; anything else is refused."""
    if isinstance(hint, type) and issubclass(hint, Section):
        return hint.from_dict(value, path + ".")
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        origin = typing.get_origin(option)
        if origin is tuple and isinstance(value, list | tuple):
            return tuple(_convert(item, typing.get_args(option)[0], path) for item in value)
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if option in (int, str, bool, type(None)) and type(value) is option:
            return value
    raise ConfigError(f"Configuration key {path!r} has the wrong type. Received: {value!r}")


@dataclass(frozen=True)
class DataConfig(Section):
    """Which jets are read, and how events are split.

    Args:
        paths: files or globs; None is the shipped sample.
        unit: unit of energies in the model, MeV or GeV.
        source_unit: unit of files that do not state theirs (Parquet); None where the format states it.
        objects: ids of the objects that count as jets.
        tree: name of the tree in ROOT files, with its directories; None takes the only one that holds jets.
        invalid: what to do with bad input, `error` or `drop`.
        validation_fraction, test_fraction: parts of the *events*.
    """

    paths: tuple[str, ...] | None = None
    unit: str = "MeV"
    source_unit: str | None = None
    objects: tuple[str, ...] = ("j",)
    tree: str | None = None
    invalid: str = "error"
    validation_fraction: float = 0.1
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        _require(
            self.paths != (), "data.paths names at least one file, or is null for the shipped sample. Received: []"
        )
        _require(self.unit in UNITS_IN_MEV, f"data.unit is MeV or GeV. Received: {self.unit!r}")
        _require(
            self.source_unit is None or self.source_unit in UNITS_IN_MEV,
            f"data.source_unit is MeV, GeV or null. Received: {self.source_unit!r}",
        )
        _require(self.invalid in ("error", "drop"), f"data.invalid is error or drop. Received: {self.invalid!r}")
        _require(len(self.objects) > 0, "data.objects names at least one object id. Received: ()")
        fractions = (self.validation_fraction, self.test_fraction)
        _require(
            min(fractions) > 0 and sum(fractions) < 1,
            f"data.validation_fraction and data.test_fraction are positive, their sum below 1. Received: {fractions}",
        )


@dataclass(frozen=True)
class ModelConfig(Section):
    """The autoencoder: preprocessing and network.

    Args:
        preset: the preset that this configuration started from.
        widths: units of the encoder's hidden layers; the decoder mirrors them.
        n_latent: how many numbers are stored for a jet.
        activation: of all hidden layers.
        latent_activation: applied to the latent at the decoder's entrance.
        standardisation: `min-max` (to [0, 1]) or `mean-variance`, adapted on the training split.
        phi_bits: phi has 2^phi_bits cells; of the folded latent alone, as is the next.
        rho_bins: bins of the distribution of rho.
    """

    preset: str = "published"
    widths: tuple[int, ...] = (200, 200, 20)
    n_latent: int = 3
    activation: str = "tanh"
    latent_activation: str = "tanh"
    standardisation: str = "min-max"
    phi_bits: int = 14
    rho_bins: int = 48

    def __post_init__(self) -> None:
        _require(all(w >= 1 for w in self.widths), f"model.widths are positive. Received: {self.widths}")
        _require(1 <= self.n_latent <= 4, f"model.n_latent is 1 to 4. Received: {self.n_latent}")
        _require(
            self.standardisation in ("min-max", "mean-variance"),
            f"model.standardisation is min-max or mean-variance. Received: {self.standardisation!r}",
        )
        _require(1 <= self.phi_bits <= 20, f"model.phi_bits is 1 to 20. Received: {self.phi_bits}")
        _require(self.rho_bins >= 8, f"model.rho_bins is at least 8. Received: {self.rho_bins}")


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the model is trained.

    Args:
        epochs, batch_size: batch_size in jets.
        learning_rate: peak of the one-cycle policy; None runs the learning-rate finder.
        weight_decay: decoupled, of AdamW.
        seed: fixes split, initialisation and shuffling.
        early_stop: stop after this many epochs without a better validation loss; None trains to the end.
        jit_compile: compile the training step with XLA; None does so where there is a GPU.
        tensorboard: write TensorBoard logs into the run folder.
    """

    epochs: int = 150
    batch_size: int = 256
    learning_rate: float | None = 4.8e-3
    weight_decay: float = 1e-6
    seed: int = 0
    early_stop: int | None = None
    jit_compile: bool | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, f"training.epochs is at least 1. Received: {self.epochs}")
        _require(self.batch_size >= 1, f"training.batch_size is at least 1. Received: {self.batch_size}")
        _require(
            self.learning_rate is None or self.learning_rate > 0,
            f"training.learning_rate is positive or null (finder). Received: {self.learning_rate}",
        )
        _require(self.weight_decay >= 0, f"training.weight_decay is not negative. Received: {self.weight_decay}")
        _require(0 <= self.seed < 2**31, f"training.seed is between 0 and 2^31 - 1. Received: {self.seed}")
        _require(
            self.early_stop is None or self.early_stop >= 1,
            f"training.early_stop is at least 1 or null. Received: {self.early_stop}",
        )


@dataclass(frozen=True)
class RunConfig(Section):
    """Everything that a run depends on."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


def read_config(path: str | Path) -> RunConfig:
    """Read a configuration from a JSON file.

    Raises:
        ConfigError: the file is missing, is no JSON, or holds an unknown key or a refused value.
    """
    try:
        return RunConfig.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
