"""Describe a model for those who have only its export."""

from __future__ import annotations

from typing import Any

import atlas_keras
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.serving.signatures import SIGNATURES


def describe(model: JetAutoencoder, batch: int | None = None) -> dict[str, Any]:
    """Return preset , architecture, fingerprint, unit, columns, and signatures with the shapes of their tensors.

    Args:
        model: an autoencoder of ours.
        batch: how many jets every call of the export has; None means any number.
    """
    facts, n_latent = model.facts, int(model.get_layer("encoder").output_shape[1])
    columns = {column.name: column.unit(facts.unit) for column in facts.collection}
    n_jets = "n_jets" if batch is None else batch
    shapes = {"jets": [n_jets, len(columns)], "latent": [n_jets, n_latent]}
    return {
        "description": f"jets ({', '.join(f'{name} [{u}]' for name, u in columns.items())}) <-> {n_latent} numbers",
        "atlas_keras": atlas_keras.__version__,
        "preset": facts.preset,
        "architecture": facts.architecture,
        "fingerprint": fingerprint(model),
        "unit": facts.unit,
        "columns": list(columns),
        "units": columns,
        "collection": facts.collection.to_dict(),
        "n_latent": n_latent,
        "dtype": "float32",
        "signatures": {
            name: {"inputs": {s.input: shapes[s.input]}, "outputs": {s.output: shapes[s.output]}}
            for name, s in SIGNATURES.items()
        },
    }
