"""The fingerprint of a model: what its outputs depend on, and nothing that saving, loading or renaming changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import keras
import numpy as np

from atlas_keras.layers import InvertibleLayer

NO_EFFECT = {"name", "trainable"}  # parts of a layer's configuration that do not change what it computes


def fingerprint(model: keras.Model) -> str:
    """Compute the sha256 of a model's layers, their constants and their weights, 64 hexadecimal digits.

    Two models with the same fingerprint compute the same function. It does not depend on the file that a model came
    from, on names, or on the version of Keras.

    Args:
        model: an autoencoder of ours, or a part of one.
    """
    digest = hashlib.sha256()
    for layer in _layers(model):
        digest.update(json.dumps(_description(layer), sort_keys=True).encode())
        for weight in layer.get_weights():
            weight = np.ascontiguousarray(weight)
            digest.update(f"{weight.dtype.newbyteorder('<').str}{weight.shape}".encode())
            digest.update(weight.astype(weight.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Give the layers of a model in order, those of the models inside it included."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _description(layer: keras.layers.Layer) -> list:
    """Describe a layer of ours by its arguments, one of Keras by its class and activation."""
    config = layer.get_config()
    if isinstance(layer, InvertibleLayer):
        own = {key: value for key, value in config.items() if key not in NO_EFFECT}
        return [type(layer).__name__, {**own, "dtype": layer.compute_dtype}]
    return [type(layer).__name__, str(config.get("activation")), layer.compute_dtype]
