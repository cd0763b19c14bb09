"""Describe a model for those who have only its export."""

from __future__ import annotations

from typing import Any

import keras

import atlas_keras
from atlas_keras.models.building import unit_of
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.serving.signatures import SIGNATURES


def describe(model: keras.Model, batch: int | None = None) -> dict[str, Any]:
    """Give preset, fingerprint, unit, columns with their units, and signatures with the shapes of their tensors.

    Args:
        model: an autoencoder of ours.
        batch: how many jets every call of the export has; None means any number.
    """
    unit, n_latent = unit_of(model), int(model.get_layer("encoder").output_shape[1])
    columns = {column.name: column.unit(unit) for column in FOUR_MOMENTUM}
    n_jets = "n_jets" if batch is None else batch
    shapes = {"jets": [n_jets, len(columns)], "latent": [n_jets, n_latent]}
    return {
        "description": f"jets ({', '.join(f'{name} [{u}]' for name, u in columns.items())}) <-> {n_latent} numbers",
        "atlas_keras": atlas_keras.__version__,
        "preset": preset_of(model),
        "fingerprint": fingerprint(model),
        "unit": unit,
        "columns": list(columns),
        "units": columns,
        "n_latent": n_latent,
        "dtype": "float32",
        "signatures": {
            name: {"inputs": {s.input: shapes[s.input]}, "outputs": {s.output: shapes[s.output]}}
            for name, s in SIGNATURES.items()
        },
    }


def preset_of(model: keras.Model) -> str:
    """Give the preset that a model was built from."""
    return model.name.removeprefix("autoencoder_")
