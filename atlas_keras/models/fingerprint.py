"""The fingerprint of a model: what its outputs depend on, and nothing that saving, loading or renaming changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from atlas_keras.layers import InvertibleLayer
from atlas_keras.models.jet_autoencoder import JetAutoencoder

NO_EFFECT = {"name", "trainable", "dtype"}  # parts of a layer's configuration that do not change what it computes
# Layers of Keras, and those of ours that do what one of Keras does, whose function is that of these arguments and of
# their weights. Of others everything counts, also what another version of Keras may call differently.
KNOWN = {
    "Dense": ("activation",),
    "DenseInParts": ("activation",),
    "Activation": ("activation",),
    "Sum": (),
    "FirstColumns": ("n_first",),
}

Place = tuple[int, int]  # of a tensor: of the step that makes it, and which of its outputs it is


def fingerprint(model: keras.Model) -> str:
    """Compute the sha256 of what a model computes: its steps, what feeds them, their constants and weights.

    Two models with the same fingerprint compute the same function, autoencoders of the same columns in the same unit.
    It does not depend on the file that a model came from, on names, on models inside the model, or, for the layers that
    we use, on the version of Keras.

    Args:
        model: an autoencoder of ours, or a part of one: a functional model.

    Returns:
        64 hexadecimal digits.

    Raises:
        ValueError: a step with an argument that has no description.
    """
    steps = _Steps()
    if isinstance(model, JetAutoencoder):
        facts = model.facts
        steps.add([facts.unit, [[column.name, column.quantity] for column in facts.collection]])
    inputs = [steps.add(["input", list(tensor.shape[1:]), tensor.dtype]) for tensor in model.inputs]
    outputs = steps.model(model, [(place, 0) for place in inputs])
    steps.add(["outputs", outputs])
    return steps.digest.hexdigest()


class _Steps:
    """The steps of a model in the order in which its outputs need them, each known by its place in this order."""

    def __init__(self) -> None:
        self.digest, self.n = hashlib.sha256(), 0

    def add(self, description: list, weights: Sequence[np.ndarray] = ()) -> int:
        """Take a step in; return its place."""
        self.digest.update(json.dumps(description, sort_keys=True).encode())
        for weight in weights:
            weight = np.ascontiguousarray(weight)
            self.digest.update(f"{weight.dtype.newbyteorder('<').str}{weight.shape}".encode())
            self.digest.update(weight.astype(weight.dtype.newbyteorder("<")).tobytes())
        self.n += 1
        return self.n - 1

    def model(self, model: keras.Model, inputs: Sequence[Place]) -> list[Place]:
        """Take in what the outputs of a model need, with the model's inputs at these places; return theirs."""
        known = {id(tensor): place for tensor, place in zip(model.inputs, inputs, strict=True)}
        done: dict[tuple[int, int], list[Place] | int] = {}

        def find(tensor: Any) -> Place:
            if id(tensor) in known:
                return known[id(tensor)]
            operation, node, index = tensor._keras_history
            key = id(operation), node
            if key not in done:
                made_by = operation._inbound_nodes[node]
                feeds = [find(feed) for feed in made_by.input_tensors]
                if isinstance(operation, keras.Model):
                    done[key] = self.model(operation, feeds)
                else:
                    weights = operation.get_weights() if isinstance(operation, keras.layers.Layer) else ()
                    done[key] = self.add([*_description(operation, made_by), feeds], weights)
            made = done[key]
            return (made, index) if isinstance(made, int) else made[index]

        return [find(tensor) for tensor in model.outputs]


def _description(operation: Any, node: Any) -> list:
    """Describe a layer of ours by its arguments, one of Keras by those that count, another step by its call."""
    kind = type(operation).__name__
    if not isinstance(operation, keras.layers.Layer):
        return [kind, _plain(node.arguments.args), _plain(node.arguments.kwargs)]
    config = {key: value for key, value in operation.get_config().items() if key not in NO_EFFECT}
    if not isinstance(operation, InvertibleLayer) and kind in KNOWN:
        config = {key: config[key] for key in KNOWN[kind]}
    return [kind, _plain(config), operation.compute_dtype]


def _plain(value: Any) -> Any:
    """Return what JSON can hold; a tensor is known by where it comes from, which is told beside it."""
    if isinstance(value, keras.KerasTensor):
        return "tensor"
    if isinstance(value, slice):
        return ["slice", _plain(value.start), _plain(value.stop), _plain(value.step)]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"a step of the model has an argument without a description. Received: {value!r:.200}")
