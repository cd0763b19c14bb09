"""Load a run folder: its model, its configuration, its figures and the reference of its training split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.config import RunConfig, read_config
from atlas_keras.errors import ConfigError, RunError, reason_of
from atlas_keras.evaluation.distribution_shift import ShiftTally
from atlas_keras.evaluation.observables import Observables
from atlas_keras.evaluation.records import DataFile, TrainingRecord
from atlas_keras.evaluation.reference import Reference
from atlas_keras.json_files import read_json
from atlas_keras.models.architecture import ModelFacts
from atlas_keras.models.autoencoder import load_autoencoder
from atlas_keras.models.prediction import predict
from atlas_keras.schema import Collection, unit_factor


@dataclass(frozen=True)
class Run:
    """A run folder and what it tells about itself.

    Args:
        path: of the folder.
        config: how it was made.
        record: what its `metrics.json` tells of the training.
        metrics: all that its `metrics.json` holds.
        reference: of its training split.
        model: the autoencoder.
    """

    path: Path
    config: RunConfig
    record: TrainingRecord
    metrics: dict[str, Any]
    reference: Reference
    model: keras.Model

    @property
    def collection(self) -> Collection:
        """What the columns of its jets are."""
        return self.config.data.collection

    @property
    def unit(self) -> str:
        """Unit of energies in the model."""
        return self.config.data.unit

    def reconstruct(self, jets: NDArray[np.float32], unit: str) -> NDArray[np.float32]:
        """Encode and decode jets in any unit; the result is in the same.

        Args:
            jets: shape `(n_jets, n_columns)`, energies in the unit.
            unit: `MeV` or `GeV`.
        """
        scale = self._scale(unit)
        return predict(self.model, jets * scale) / scale

    def shift_tally(self, jets: NDArray[np.float32], unit: str) -> ShiftTally:
        """Count jets in any unit beside the training split."""
        return ShiftTally.of(Observables(jets * self._scale(unit), self.collection), self.reference)

    def _scale(self, unit: str) -> NDArray[np.float32]:
        """Return the factors from a unit to that of the model, one a column."""
        factor = unit_factor(unit, self.unit)
        return np.array([factor if column.is_energy else 1.0 for column in self.collection], np.float32)

    @property
    def all_files(self) -> tuple[DataFile, ...]:
        """All files that the model was trained on, its start included."""
        start = self.record.started_from
        return (*(start.data_files if start else ()), *self.record.data_files)

    def has_seen(self, files: Sequence[Mapping[str, str]]) -> list[str]:
        """Return the names of those files, of a fingerprint, that the model was trained on."""
        known = {file.sha256 for file in self.all_files}
        return [file["name"] for file in files if file["sha256"] in known]

    def splits(self, config: RunConfig, data_sha256: str) -> bool:
        """Tell whether a training on these data has, event by event, the training split of this run."""
        a, b = (replace(c.data, paths=None, unit="MeV", any_size=False) for c in (self.config, config))
        same_seed = self.config.training.seed == config.training.seed
        return a == b and same_seed and self.record.data_sha256 == data_sha256

    def splits_like(self, other: Run) -> bool:
        """Tell whether the training split of this run is, event by event, that of another."""
        return self.splits(other.config, other.record.data_sha256)


def load_run(path: str | Path) -> Run:
    """Load a run folder.

    Raises:
        RunError: no such folder, no finished run, or a damaged file in it.
    """
    path = Path(path)
    if not (path / "config.json").is_file():
        raise RunError(f"{path}: no run folder; give one that `atlas_keras.train` has written")
    metrics = read_json(path / "metrics.json", RunError, "give a run folder that `atlas_keras.train` has written")
    try:
        record = TrainingRecord.of_metrics(metrics)
    except ConfigError as error:
        raise RunError(f"{path / 'metrics.json'}: damaged ({reason_of(error)}); train again") from error
    config, model = read_config(path / "config.json"), load_autoencoder(path)
    facts, expected = getattr(model, "facts", None), (config.data.collection, config.data.unit)
    if not isinstance(facts, ModelFacts) or (facts.collection, facts.unit) != expected:
        raise RunError(f"{path / 'model.keras'}: is not the autoencoder of this run's config.json; train again")
    return Run(path, config, record, metrics, Reference.read(path / "reference.json"), model)
