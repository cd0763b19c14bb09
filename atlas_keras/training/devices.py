"""On which devices a training computes: one, or several that share every batch (TensorFlow's MirroredStrategy)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf

from atlas_keras.errors import ConfigError
from atlas_keras.models.jet_autoencoder import TrainingSetup


def strategy_of(devices: int | Literal["auto"]) -> tf.distribute.Strategy:
    """Return the strategy whose scope a training happens in.

    Args:
        devices: how many GPUs, or, where there is none, logical CPU devices; `auto` takes all GPUs.

    Raises:
        ConfigError: there are not so many.
    """
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    there = tf.config.list_logical_devices(kind)
    n = (len(there) if kind == "GPU" else 1) if devices == "auto" else devices
    if n > len(there):
        raise ConfigError(f"--devices {n}: TensorFlow has {len(there)} ({kind})")
    if n == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in there[:n]])


def n_devices() -> int:
    """Tell how many devices share every batch, in the scope of a strategy."""
    n: int = tf.distribute.get_strategy().num_replicas_in_sync
    return n


def loss_of(training_setup: TrainingSetup) -> Callable[[Any, Any], Any]:
    """Return the loss of a share of a batch: Keras adds up those of all devices."""
    loss, n = training_setup.loss, n_devices()
    return loss if n == 1 else lambda rows, outputs: loss(rows, outputs) / n
