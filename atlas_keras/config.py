"""The configuration of a run: frozen dataclasses that are checked when made and round-trip through JSON.

What says which events are read stands in `data`, what a model needs in the file of its architecture. Preset <
configuration file < command-line flags: what a file does not say is as in the preset that it names. Fields that the
presets decide have no defaults of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from atlas_keras.data.data_config import DataConfig
from atlas_keras.errors import ConfigError, reason_of
from atlas_keras.json_files import read_json
from atlas_keras.models.architecture import ModelConfig
from atlas_keras.models.architectures import model_config
from atlas_keras.presets import DEFAULT_PRESET, PRESETS
from atlas_keras.sections import Section, require
from atlas_keras.suggestions import suggest


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the model is trained.

    Args:
        epochs, batch_size: batch_size in jets.
        learning_rate: peak of the one-cycle policy; `auto` takes what the learning-rate finder suggests.
        weight_decay: decoupled, of AdamW.
        seed: fixes split, initialization and shuffling.
        early_stop: stop after this many epochs without a better validation loss; None trains to the end.
        jit_compile: compile the training step with XLA; `auto` does so where there is a GPU.
        tensorboard: write TensorBoard logs into the run folder.
        start_from: run folder whose model is trained on, with its statistics; None builds a new one.
        devices: how many share every batch: GPUs, or logical CPU devices where there is none; `auto` takes all GPUs.
    """

    epochs: int
    batch_size: int
    learning_rate: float | Literal["auto"]
    weight_decay: float
    seed: int = 0
    early_stop: int | None = None
    jit_compile: bool | Literal["auto"] = "auto"
    tensorboard: bool = False
    start_from: str | None = None
    devices: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        require(self.epochs >= 1, f"training.epochs is at least 1. Received: {self.epochs}")
        require(self.batch_size >= 1, f"training.batch_size is at least 1. Received: {self.batch_size}")
        require(
            self.learning_rate == "auto" or 0 < self.learning_rate < 1e3,
            f"training.learning_rate is positive, below 1000, or auto (finder). Received: {self.learning_rate}",
        )
        require(self.weight_decay >= 0, f"training.weight_decay is not negative. Received: {self.weight_decay}")
        require(
            self.devices == "auto" or self.devices >= 1,
            f"training.devices is at least 1, or auto (all GPUs). Received: {self.devices}",
        )
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
        require(
            self.model.n_latent <= n,
            f"model.n_latent is 1 to {n}, the number of columns; --latents sets it. Received: {self.model.n_latent}",
        )

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
        start = start or preset_config(DEFAULT_PRESET)
        if not isinstance(values, dict) or not set(values) <= {"data", "model", "training"}:
            return super().from_dict(values, path, start)  # which says what is wrong
        # Part by part: the model of a file need not fit the data of the preset.
        return cls(
            DataConfig.from_dict(values.get("data", {}), path + "data.", start.data),
            model_config(values.get("model", {}), path + "model.", start.model),
            TrainingConfig.from_dict(values.get("training", {}), path + "training.", start.training),
        )


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
    model = model_config({"preset": name, **values["model"]}, "model.")
    return RunConfig(DataConfig(), model, TrainingConfig(**values["training"]))


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
