"""What `metrics.json` holds, of a run and of an evaluation, as types. JSON schemas: `docs/schemas`.

A run's file is a `TrainingRecord` and the `Figures` of its test split in one object, that of an evaluation an
`EvaluationRecord` and the figures of its jets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from atlas_keras.sections import Section


@dataclass(frozen=True)
class Summary(Section):
    """Moments of a residual and quantiles of its absolute value; all None where no jet has one.

    Args:
        mean_abs, median_abs, rms: of the residual: relative, or absolute in the unit of the column [rad for angles].
        p68, p95, p99: 68, 95, 99 % of the jets err less.
        max: the largest absolute value.
        bias: the mean.
    """

    mean_abs: float | None
    median_abs: float | None
    rms: float | None
    p68: float | None
    p95: float | None
    p99: float | None
    max: float | None
    bias: float | None


SUMMARY = tuple(part.name for part in fields(Summary))


@dataclass(frozen=True)
class DerivedSummary(Summary):
    """The summary of an observable that not every jet or event has.

    Args:
        n: how many have it.
        n_not_positive: how many have none, such as a jet whose m^2 is not positive.
    """

    n: int
    n_not_positive: int


@dataclass(frozen=True)
class Figures:
    """The figures of one method on a set of jets.

    Args:
        test: by column, residuals: relative of energies, absolute of eta and angles.
        derived: by observable (`mass`, `dijet_mass`), relative residuals.
        absolute: by column or observable, residuals of energies and masses in their unit.
        spacelike_fraction, spacelike_fraction_before: of the jets after and before; None without a four-momentum.
        published: the notebooks' own figures, `mse` and a mean error for each column; None for other columns.
        exact_fraction: by column of whole numbers, the fraction of the jets whose nearest one is the right one.
        normalized_mse: of the transformed columns, each times its weight, where the model is one of any columns.
    """

    test: dict[str, Summary]
    derived: dict[str, DerivedSummary]
    absolute: dict[str, Summary]
    spacelike_fraction: float | None = None
    spacelike_fraction_before: float | None = None
    published: dict[str, float | None] | None = None
    exact_fraction: dict[str, float] | None = None
    normalized_mse: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the dictionary form: observables stand beside `test`, and what is None is left out."""
        result: dict[str, Any] = {
            "test": {name: summary.to_dict() for name, summary in self.test.items()},
            **{name: summary.to_dict() for name, summary in self.derived.items()},
            "absolute": {name: summary.to_dict() for name, summary in self.absolute.items()},
        }
        optional = ("spacelike_fraction", "spacelike_fraction_before", "published", "exact_fraction", "normalized_mse")
        for name in optional:
            if (value := getattr(self, name)) is not None:
                result[name] = value
        return result

    @staticmethod
    def json_schema(derived: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON schema of the dictionary form, which refers to `DerivedSummary` as `#/$defs/derived`.

        Args:
            derived: has the names that observables may have.
        """
        by_name = {"type": "object", "additionalProperties": Summary.json_schema()}
        fraction = {"type": "number", "minimum": 0, "maximum": 1}
        return {
            "type": "object",
            "properties": {
                "test": by_name,
                "absolute": by_name,
                **{name: {"$ref": "#/$defs/derived"} for name in derived},
                "spacelike_fraction": fraction,
                "spacelike_fraction_before": fraction,
                "exact_fraction": {"type": "object", "additionalProperties": fraction},
                "normalized_mse": {"type": "number", "minimum": 0},
                "published": {
                    "type": "object",
                    "properties": {"mse": {"type": "number"}},
                    "additionalProperties": {"type": ["number", "null"]},
                    "required": ["mse"],
                },
            },
            "required": ["test", "absolute"],
        }


@dataclass(frozen=True)
class DataFile(Section):
    """A file of jets.

    Args:
        name: without its folder.
        sha256: of its content.
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Splits(Section):
    """A number for each split of the data."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Dropped(Section):
    """How many invalid events and jets were left out."""

    events: int
    jets: int


@dataclass(frozen=True)
class LearningRate(Section):
    """The peak of the policy, and what the finder suggests.

    Args:
        peak: of the one-cycle policy.
        minimum: a tenth of the rate with the lowest smoothed loss.
        steepest: the rate at which the smoothed loss falls fastest.
    """

    peak: float
    minimum: float
    steepest: float


@dataclass(frozen=True)
class StartedFrom(Section):
    """The run whose model a training went on with.

    Args:
        run: its folder, as it was given.
        model_fingerprint: of its model.
        data_files: all that the model had seen.
    """

    run: str
    model_fingerprint: str
    data_files: tuple[DataFile, ...]


@dataclass(frozen=True)
class TrainedModel(Section):
    """What a run tells of its model.

    Args:
        preset, unit, seed: of the run's configuration.
        model_fingerprint: of the model's function, see `atlas_keras.models.fingerprint`.
        n_parameters: that are trained.
        epochs, train_seconds: of the training.
    """

    preset: str
    unit: str
    seed: int
    model_fingerprint: str
    n_parameters: int
    epochs: int
    train_seconds: float


@dataclass(frozen=True)
class TrainingRecord(TrainedModel):
    """What a run tells of its training.

    Args:
        learning_rate: the peak, and what the finder suggests.
        n_jets, n_events: of each split.
        n_dropped: what was invalid and left out.
        data_files, data_sha256: what was read.
        versions: of the packages that compute.
        started_from: the run that it went on from, or None.
    """

    learning_rate: LearningRate
    n_jets: Splits
    n_events: Splits
    n_dropped: Dropped
    data_files: tuple[DataFile, ...]
    data_sha256: str
    versions: dict[str, str]
    started_from: StartedFrom | None = None

    @classmethod
    def of_metrics(cls, metrics: Mapping[str, Any]) -> Self:
        """Take the record out of what `metrics.json` holds.

        Raises:
            ConfigError: a key is missing, or has the wrong type; the message names it.
        """
        names = [part.name for part in fields(cls)]
        return cls.from_dict({name: metrics[name] for name in names if name in metrics})


@dataclass(frozen=True)
class EvaluationRecord(TrainedModel):
    """What an evaluation tells of the model and the jets.

    Args:
        run: name of the run's folder.
        n_jets, n_events: that were evaluated, under `test`.
        n_dropped: what was invalid and left out.
        data_files, data_sha256: what was read.
        trained_on: `n_jets`, `n_events`, `data_files` and `data_sha256` of the training.
        versions: of the packages that compute.
        warnings: what a reader has to know before the figures.
    """

    run: str
    n_jets: dict[str, int]
    n_events: dict[str, int]
    n_dropped: Dropped
    data_files: tuple[DataFile, ...]
    data_sha256: str
    trained_on: dict[str, Any]
    versions: dict[str, str]
    warnings: tuple[str, ...] = field(default=())
