"""Load a run folder: its model, its configuration, its figures and the reference of its training split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.config import RunConfig, read_config
from atlas_keras.data.splitting import SPLITS
from atlas_keras.errors import RunError
from atlas_keras.evaluation.distribution_shift import compare
from atlas_keras.evaluation.observables import Observables
from atlas_keras.evaluation.reference import Reference
from atlas_keras.json_files import read_json
from atlas_keras.models.architecture import ModelFacts
from atlas_keras.models.autoencoder import load_autoencoder
from atlas_keras.models.prediction import predict
from atlas_keras.schema import Collection, unit_factor

METRICS: dict[str, Any] = {  # what a run's metrics.json has at least
    "data_files": list,
    "data_sha256": str,
    "n_jets": dict,
    "n_events": dict,
    "n_parameters": int,
    "unit": str,
    "seed": int,
    "epochs": int,
    "train_seconds": float,
    "model_fingerprint": str,
}


@dataclass(frozen=True)
class Run:
    """A run folder and what it tells about itself.

    Args:
        path: of the folder.
        config: how it was made.
        metrics: what its `metrics.json` holds.
        reference: of its training split.
        model: the autoencoder.
    """

    path: Path
    config: RunConfig
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

    def distribution_shift(self, jets: NDArray[np.float32], unit: str) -> dict[str, Any]:
        """Compare jets in any unit with the training split, see `atlas_keras.evaluation.distribution_shift.compare`."""
        return compare(Observables(jets * self._scale(unit), self.collection), self.reference)

    def _scale(self, unit: str) -> NDArray[np.float32]:
        """Return the factors from a unit to that of the model, one a column."""
        factor = unit_factor(unit, self.unit)
        return np.array([factor if column.is_energy else 1.0 for column in self.collection], np.float32)

    @property
    def all_files(self) -> list[dict[str, str]]:
        """Name and sha256 of all files that the model was trained on, its start included."""
        return [*self.metrics.get("started_from", {}).get("data_files", []), *self.metrics["data_files"]]

    def has_seen(self, files: Sequence[dict[str, str]]) -> list[str]:
        """Return the names of those files, of a fingerprint, that the model was trained on."""
        known = {file["sha256"] for file in self.all_files}
        return [file["name"] for file in files if file["sha256"] in known]

    def splits(self, config: RunConfig, data_sha256: str) -> bool:
        """Tell whether a training on these data has, event by event, the training split of this run."""
        a, b = (replace(c.data, paths=None, unit="MeV", any_size=False) for c in (self.config, config))
        same_seed = self.config.training.seed == config.training.seed
        return a == b and same_seed and self.metrics["data_sha256"] == data_sha256

    def splits_like(self, other: Run) -> bool:
        """Tell whether the training split of this run is, event by event, that of another."""
        return self.splits(other.config, other.metrics["data_sha256"])


def load_run(path: str | Path) -> Run:
    """Load a run folder.

    Raises:
        RunError: no such folder, no finished run, or a damaged file in it.
    """
    path = Path(path)
    if not (path / "config.json").is_file():
        raise RunError(f"{path}: no run folder; give one that `atlas_keras.train` has written")
    metrics = read_json(path / "metrics.json", RunError, "give a run folder that `atlas_keras.train` has written")
    if missing := [key for key, kind in METRICS.items() if not isinstance(metrics.get(key), kind)]:
        raise RunError(f"{path / 'metrics.json'}: damaged, it has no {missing[0]}; train again")
    start = metrics.get("started_from", {"data_files": []})
    files = [*metrics["data_files"], *(start.get("data_files", [None]) if isinstance(start, dict) else [None])]
    if not all(isinstance(file, dict) and {"name", "sha256"} <= file.keys() for file in files):
        raise RunError(f"{path / 'metrics.json'}: damaged, its data_files are no files; train again")
    for key in ("n_jets", "n_events"):
        if not all(type(metrics[key].get(name)) is int for name in SPLITS):
            raise RunError(f"{path / 'metrics.json'}: damaged, its {key} lack a split; train again")
    config, model = read_config(path / "config.json"), load_autoencoder(path)
    facts, expected = getattr(model, "facts", None), (config.data.collection, config.data.unit)
    if not isinstance(facts, ModelFacts) or (facts.collection, facts.unit) != expected:
        raise RunError(f"{path / 'model.keras'}: is not the autoencoder of this run's config.json; train again")
    return Run(path, config, metrics, Reference.read(path / "reference.json"), model)
