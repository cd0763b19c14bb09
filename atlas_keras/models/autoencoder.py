"""Build an autoencoder from a preset, and load one from a run."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import keras
from numpy.typing import ArrayLike

from atlas_keras.config import preset_config
from atlas_keras.data.readers import load_jets
from atlas_keras.errors import ConfigError, MissingExtraError, RunError, reason_of
from atlas_keras.models.architecture import ModelConfig, ModelFacts
from atlas_keras.models.architectures import ARCHITECTURES, model_config
from atlas_keras.models.jet_autoencoder import JetAutoencoder, TrainingSetup
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.presets import DEFAULT_PRESET
from atlas_keras.schema import FOUR_MOMENTUM, Collection

MAX_OF_METADATA = 10_000  # bytes; Keras writes 70
MAX_UNFOLDED, MAX_TIMES = 1 << 26, 20  # bytes, and the file's size: the larger is the limit


def set_up_training(
    config: ModelConfig, jets: ArrayLike | TrainingRows, collection: Collection = FOUR_MOMENTUM, unit: str = "MeV"
) -> TrainingSetup:
    """Build autoencoder and trainable part from a configuration.

    Args:
        config: the model.
        jets: the training split, to which the autoencoder is adapted, shape `(n_jets, n_columns)` where it is an array.
        collection: what the columns are.
        unit: `MeV` or `GeV`.

    Raises:
        ConfigError: an unknown activation, an architecture for other columns, a latent larger than the columns.
    """
    rows = TrainingRows.of(jets)
    shape = rows.stored.shape
    if len(shape) != 2 or shape[1] != len(collection) or shape[0] == 0:
        raise ValueError(f"Jets have the shape (n_jets, {len(collection)}), n_jets >= 1. Received: shape {shape}")
    if config.n_latent > len(collection):
        raise ConfigError(
            f"model.n_latent is 1 to {len(collection)}, the number of columns. Received: {config.n_latent}"
        )
    for name in config.activations:
        try:
            keras.activations.get(name)
        except ValueError as error:
            raise ConfigError(f"Keras has no activation {name!r:.80}") from error
    facts = ModelFacts(config.preset, config.architecture, unit, collection)
    return ARCHITECTURES[config.architecture].build(config, rows, facts).training_setup


def build_autoencoder(
    preset: str = DEFAULT_PRESET,
    *,
    jets: ArrayLike | None = None,
    collection: Collection = FOUR_MOMENTUM,
    unit: str = "MeV",
    **changes: Any,
) -> JetAutoencoder:
    """Build an untrained autoencoder: physical units in and out, layers `encoder` and `decoder`.

    Args:
        preset: name of the preset to start from.
        jets: data for the preprocessing's statistics, shape `(n_jets, n_columns)`: E, pt [unit], eta, phi [rad]; by
            default the shipped sample.
        collection: what the columns are.
        unit: of energies in the model, `MeV` or `GeV`.
        changes: fields of its architecture's configuration that differ from the preset.

    Raises:
        ConfigError: an unknown preset or field, or a value that is refused.

    Example:
        >>> model = build_autoencoder(preset="kinematic", widths=(64, 64), n_latent=2)
        >>> model.get_layer("encoder").output_shape
        (None, 2)
    """
    config = model_config(changes, "model.", preset_config(preset).model)
    if jets is None:
        jets = load_jets(unit=unit, collection=collection)[list(collection.names)].to_numpy()
    return set_up_training(config, jets, collection, unit).autoencoder


def load_autoencoder(path: str | Path) -> keras.Model:
    """Load the model of a run folder, or any `.keras` file of ours.

    Raises:
        MissingExtraError: an optional package, of which the model has layers, is not installed.
        RunError: no such run, a run that is not finished, a damaged file, a file of a Keras that writes other files.
    """
    path = Path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file():
        raise RunError(f"{file}: no such file; give a run folder of `atlas_keras.train` or a .keras file")
    _check_unfolded(file)
    try:
        model = keras.saving.load_model(file, safe_mode=True)
    except Exception as error:  # zip, JSON, HDF5, Keras and TensorFlow have errors of their own for a bad file
        if (missing := _missing_package(error)) is not None:
            raise missing from error
        raise RunError(f"{file}: {_why_not(file)} ({reason_of(error)})") from error
    if not isinstance(model, keras.Model):
        raise RunError(f"{file}: holds a {type(model).__name__}, not a model")
    return model


def _missing_package(error: BaseException | None) -> MissingExtraError | None:
    """Return the error that names an optional package, where it is behind those that Keras makes of it."""
    while error is not None and not isinstance(error, MissingExtraError):
        error = error.__cause__ or error.__context__
    return error


def _check_unfolded(file: Path) -> None:
    """Refuse a file whose parts unfold to far more than weights, which hardly shrink; what is no archive is let by."""
    try:
        with zipfile.ZipFile(file) as archive:
            n_bytes = sum(part.file_size for part in archive.infolist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return
    if n_bytes > max(MAX_UNFOLDED, MAX_TIMES * file.stat().st_size):
        raise RunError(f"{file}: unfolds to {n_bytes / 1e6:,.0f} MB, {n_bytes // file.stat().st_size} times its size")


def _why_not(file: Path) -> str:
    """Tell a damaged file from one of another Keras, and both from one that has something else in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            whole, saved_by, installed = archive.testzip() is None, _keras_version(archive), keras.version()
    except Exception:
        whole = False
    if not whole:
        return "no .keras file, or one that is truncated or damaged"
    if saved_by in (None, installed):
        return "no model that can be loaded"
    return (
        f"saved by Keras {saved_by}, which the installed Keras {installed} cannot load; `pip install keras=={saved_by}`"
    )


def _keras_version(archive: zipfile.ZipFile) -> str | None:
    """Return the version of Keras that has saved a file, if the file names one."""
    try:
        with archive.open("metadata.json") as stream:
            version = json.loads(stream.read(MAX_OF_METADATA))["keras_version"]
        return version if re.fullmatch(r"[0-9][0-9a-z.+-]{0,39}", version) else None
    except Exception:  # what stands there may be anything
        return None
