"""What a training starts from: a new model of the configuration, or the model of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from atlas_keras.config import RunConfig
from atlas_keras.errors import RunError
from atlas_keras.evaluation.records import StartedFrom
from atlas_keras.evaluation.run import Run, load_run
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.jet_autoencoder import JetAutoencoder, TrainingSetup
from atlas_keras.models.training_rows import TrainingRows


def read_start(config: RunConfig, files: Mapping[str, Any]) -> Run | None:
    """Load the run that a training starts from, where the configuration names one.

    Args:
        config: of the training.
        files: `data_files` and `data_sha256` of its data.

    Raises:
        RunError: no such run, one of another model or unit, or one that has trained on what the test split would hold.
    """
    path = config.training.start_from
    if path is None:
        return None
    start = load_run(path)
    if not isinstance(start.model, JetAutoencoder):
        raise RunError(f"{path}: its model.keras is no autoencoder that can be trained on; train it anew")
    if start.config.model != config.model:
        raise RunError(f"{path}: its model has another configuration; a training that starts from it cannot change it")
    if start.unit != config.data.unit:
        raise RunError(f"{path}: its model takes energies in {start.unit}; leave out --unit {config.data.unit}")
    seen = start.has_seen(files["data_files"])
    if seen and not start.splits(config, files["data_sha256"]):
        raise RunError(
            f"{path}: was trained on {seen[0]} with another split, so that jets of the test split would not be unseen; "
            f"give other files, or the same data and seed"
        )
    return start


def begin(config: RunConfig, start: Run | None, rows: TrainingRows) -> TrainingSetup:
    """Return what is trained: the model of the start, as it is, or a new one with the seed and statistics of the data.

    Args:
        config: of the training.
        start: from `read_start`.
        rows: the training split.
    """
    keras.utils.set_random_seed(config.training.seed)
    if start is None:
        return set_up_training(config.model, rows, config.data.collection, config.data.unit)
    assert isinstance(start.model, JetAutoencoder)
    return start.model.training_setup


def describe_start(start: Run | None) -> dict[str, Any]:
    """Return what `metrics.json` tells of the start: where it was, which model, and all files that it has seen."""
    if start is None:
        return {}
    return {"started_from": StartedFrom(str(start.path), fingerprint(start.model), start.all_files).to_dict()}
