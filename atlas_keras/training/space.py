"""Spaces of hyperparameters: which values a search may try, and what they make of a configuration.

A space is a JSON object: `{"learning_rate": {"low": 1e-3, "high": 3e-2, "scale": "log"}, "width": {"values": [8]}}`.
Values become a configuration by `configure`; the search itself is not here.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atlas_keras.config import RunConfig, TrainingConfig
from atlas_keras.errors import ConfigError, reason_of
from atlas_keras.json_files import read_json
from atlas_keras.models.architectures import ARCHITECTURES, model_config
from atlas_keras.suggestions import suggest

Value = float | int | str
SHAPE = ("width", "depth")  # together they make model.widths
TRAINING = ("learning_rate", "batch_size", "epochs", "weight_decay")
RANGE_KEYS = {"low", "high", "scale", "points"}
POINTS = 5  # of a range, in a grid


@dataclass(frozen=True)
class Choices:
    """A hyperparameter with a list of values.

    Args:
        values: at least one, all numbers or all strings.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        numbers = [isinstance(v, int | float) and not isinstance(v, bool) for v in self.values]
        strings = [isinstance(v, str) for v in self.values]
        if not self.values or not (all(numbers) or all(strings)) or len(set(self.values)) < len(self.values):
            raise ConfigError(f"values are different numbers, or different strings. Received: {list(self.values)}")

    def __str__(self) -> str:
        return ", ".join(str(v) for v in self.values)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"values": list(self.values)}


@dataclass(frozen=True)
class Range:
    """A hyperparameter between two bounds; whole numbers where both bounds are.

    Args:
        low, high: both can be tried.
        scale: `linear` or `log`: in which a draw is uniform.
        points: how many values a grid takes.
    """

    low: float | int
    high: float | int
    scale: str = "linear"
    points: int = POINTS

    def __post_init__(self) -> None:
        bounds = (self.low, self.high)
        if any(isinstance(b, bool) or not isinstance(b, int | float) for b in bounds) or not self.low < self.high:
            raise ConfigError(f"low and high are numbers, low below high. Received: {bounds}")
        if self.scale not in ("linear", "log") or (self.scale == "log" and self.low <= 0):
            raise ConfigError(f"scale is linear, or log with low > 0. Received: {self.scale!r}, low {self.low}")
        if type(self.points) is not int or self.points < 2:
            raise ConfigError(f"points is at least 2. Received: {self.points!r}")

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __str__(self) -> str:
        return f"{self.low} to {self.high}" + (", log" if self.scale == "log" else "")

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return dataclasses.asdict(self)

    def gridded(self) -> Choices:
        """Return the values that a grid takes: evenly spaced on the scale, both bounds among them."""
        low, high = (math.log(b) if self.scale == "log" else b for b in (self.low, self.high))
        values = [low + (high - low) * i / (self.points - 1) for i in range(self.points)]
        values = [math.exp(v) if self.scale == "log" else v for v in values]
        rounded = [round(v) if self.whole else float(f"{v:.6g}") for v in values]
        return Choices(tuple(dict.fromkeys(rounded)))


@dataclass(frozen=True)
class Space:
    """Which hyperparameters are searched, and where.

    Args:
        dimensions: by name: `width`, `depth`, or a field of the model's or the training's configuration.
    """

    dimensions: Mapping[str, Choices | Range]

    @classmethod
    def from_dict(cls, values: Any) -> Space:
        """Build from the JSON form.

        Raises:
            ConfigError: not the form of a space; the message names the hyperparameter.
        """
        if not isinstance(values, dict) or not values:
            raise ConfigError(f"A space is an object of hyperparameters, not empty. Received: {values!r}")
        return cls({name: _dimension(name, value) for name, value in values.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {name: dimension.to_dict() for name, dimension in self.dimensions.items()}

    def gridded(self) -> Space:
        """Return the space whose ranges are lists of values."""
        return Space({n: d.gridded() if isinstance(d, Range) else d for n, d in self.dimensions.items()})

    @property
    def size(self) -> float:
        """How many combinations there are; infinite with a range of real numbers."""
        sizes = [
            len(d.values) if isinstance(d, Choices) else d.high - d.low + 1 if d.whole else math.inf
            for d in self.dimensions.values()
        ]
        return math.prod(sizes)

    def check(self, config: RunConfig, hyperparameters: Sequence[str]) -> None:
        """Refuse what an architecture cannot search, and bounds that the configuration refuses.

        Args:
            config: where the search starts.
            hyperparameters: fields of the model's configuration that have an effect on its architecture.

        Raises:
            ConfigError: an unknown hyperparameter, or a value that cannot be; the message names it.
        """
        known = (*SHAPE, *TRAINING, *hyperparameters)
        for name in self.dimensions:
            if name not in known:
                raise ConfigError(
                    f"Preset {config.model.preset!r} has no hyperparameter {name!r} to search; {suggest(name, known)}"
                )
        for values in self._ends():
            try:
                configure(config, values)
            except ConfigError as error:
                raise ConfigError(f"Space: {error}") from error

    def _ends(self) -> Iterator[dict[str, Value]]:
        """Return every listed value and every bound once, and the combinations of width and depth."""
        ends = {n: d.values if isinstance(d, Choices) else (d.low, d.high) for n, d in self.dimensions.items()}
        for name, values in ends.items():
            for value in values:
                yield {name: value}
        if set(SHAPE) <= set(ends):
            for pair in itertools.product(*(ends[name] for name in SHAPE)):
                yield dict(zip(SHAPE, pair, strict=True))


def _dimension(name: str, value: Any) -> Choices | Range:
    try:
        if isinstance(value, dict) and set(value) == {"values"} and isinstance(value["values"], list | tuple):
            return Choices(tuple(value["values"]))
        if isinstance(value, dict) and {"low", "high"} <= set(value) <= RANGE_KEYS:
            return Range(**value)
        raise ConfigError(
            f'is {{"values": [...]}} or {{"low": ..., "high": ..., "scale": "linear" or "log"}}. Received: {value!r}'
        )
    except ConfigError as error:
        raise ConfigError(f"Hyperparameter {name!r}: {error}") from error


def configure(config: RunConfig, values: Mapping[str, Value]) -> RunConfig:
    """Return the configuration in which hyperparameters have these values, all else as it was.

    `width` is that of the widest hidden layer, the others keep their proportion to it. `depth` is the number of hidden
    layers: the first ones are left out, or the first one is repeated.

    Args:
        config: where the search started.
        values: by name of the hyperparameter.

    Raises:
        ConfigError: a value that the configuration refuses.

    Example:
        >>> from atlas_keras.config import preset_config
        >>> configure(preset_config("published"), {"width": 100, "depth": 4, "learning_rate": 0.01}).model.widths
        (100, 100, 100, 10)
    """
    values = dict(values)
    width, depth = values.pop("width", None), values.pop("depth", None)
    model = {name: value for name, value in values.items() if name not in TRAINING}
    training = {name: value for name, value in values.items() if name in TRAINING}
    if width is not None or depth is not None:
        model["widths"] = _widths(config.model.widths, width, depth)  # type: ignore[assignment]
    return replace(
        config,
        model=model_config(model, "model.", config.model),
        training=TrainingConfig.from_dict(training, "training.", config.training),
    )


def _widths(widths: tuple[int, ...], width: Any, depth: Any) -> tuple[int, ...]:
    for name, value in (("width", width), ("depth", depth)):
        if value is not None and (type(value) is not int or value < 1):
            raise ConfigError(f"{name} is a whole number, at least 1. Received: {value!r}")
    if not widths:
        raise ConfigError("width and depth change hidden layers, and model.widths has none")
    if width is not None:
        widths = tuple(max(1, round(w * width / max(widths))) for w in widths)
    if depth is not None:
        widths = (widths[0],) * (depth - len(widths)) + widths[max(0, len(widths) - depth) :]
    return widths


def start_values(config: RunConfig, space: Space) -> dict[str, Value]:
    """Return the values that the hyperparameters of a space have in a configuration."""
    known = {
        **config.model.to_dict(),
        **config.training.to_dict(),
        "width": max(config.model.widths, default=0),
        "depth": len(config.model.widths),
    }
    return {name: known[name] for name in space.dimensions}


def default_space(config: RunConfig) -> Space:
    """Return the space of the architecture of a configuration: learning rate (the peak of the policy) and width."""
    return Space.from_dict(dict(ARCHITECTURES[config.model.architecture].space))


def check_space(space: Space, config: RunConfig) -> None:
    """Refuse a space that the architecture of a configuration cannot search.

    Raises:
        ConfigError: an unknown hyperparameter, or a value that cannot be; the message names it.
    """
    space.check(config, ARCHITECTURES[config.model.architecture].hyperparameters)


def read_space(path: str | Path) -> Space:
    """Read a space from a JSON file.

    Raises:
        ConfigError: the file is missing, is no JSON, or is not the form of a space.
    """
    values = read_json(Path(path), ConfigError, "give a space, as --print-space prints one")
    try:
        return Space.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {reason_of(error)}") from error
