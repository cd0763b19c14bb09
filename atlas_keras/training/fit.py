"""Fit an training_setup to normalized jets: the one training loop of commands, notebooks and searches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from atlas_keras.backends import require_tensorflow
from atlas_keras.config import TrainingConfig
from atlas_keras.data.pipeline import Rows, make_dataset, whole_dataset
from atlas_keras.errors import RunError
from atlas_keras.models.jet_autoencoder import TrainingSetup
from atlas_keras.training.checkpoint import Checkpoint
from atlas_keras.training.devices import loss_of, n_devices
from atlas_keras.training.one_cycle import one_cycle_adamw
from atlas_keras.training.progress_bar import Progress

EXECUTION_STEPS = 512  # steps that run without coming back to Python


def fit(
    training_setup: TrainingSetup,
    train: Rows,
    validation: Rows,
    config: TrainingConfig,
    *,
    learning_rate: float,
    checkpoint: Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: bool | None = None,
) -> pd.DataFrame:
    """Train `training_setup.trained` under the one-cycle policy; the autoencoder shares its weights.

    Args:
        training_setup: from `set_up_training`.
        train: normalized training split, shape `(n_jets, n_columns)`, in memory or on disk.
        validation: normalized validation split.
        config: epochs, batch size, weight decay, early stop, seed of the batches' order.
        learning_rate: peak of the policy.
        checkpoint: file that keeps the state after every epoch; where it exists, training goes on from it.
        callbacks: further Keras callbacks.
        progress: False hides the bar; None shows it on a terminal.

    Returns:
        The history, one row an epoch: `epoch` (from 1), `loss`, `val_loss`, `learning_rate`, `momentum`, `seconds`,
        `jets_per_second`.

    Raises:
        RunError: the loss is no longer a finite number, or Keras runs on another backend than TensorFlow.
    """
    require_tensorflow("training by `fit`")
    batch_size = min(config.batch_size, len(train))
    steps = len(train) // batch_size
    executions = -(-steps // EXECUTION_STEPS)
    steps -= steps % executions  # an epoch is a whole number of executions
    model = training_setup.trained
    model.compile(
        optimizer=one_cycle_adamw(learning_rate, config.epochs * steps, config.weight_decay),
        loss=loss_of(training_setup),
        steps_per_execution=steps // executions if n_devices() == 1 else 1,  # Keras loops over steps on one alone
        jit_compile=uses_xla(config),
    )
    model.optimizer.build(model.trainable_variables)
    state = Checkpoint(checkpoint, model) if checkpoint else None
    recorder = _Recorder(config, state, n_jets=steps * batch_size, hide=None if progress is None else not progress)
    if recorder.more_to_do():
        done = len(recorder.history)
        model.fit(
            make_dataset(train, batch_size, seed=config.seed, first_epoch=done, steps=steps),
            initial_epoch=done,
            epochs=config.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            validation_data=whole_dataset(validation),
            verbose=0,
            callbacks=[recorder, *callbacks],
        )
    return pd.DataFrame(recorder.history)


def uses_xla(config: TrainingConfig) -> bool:
    """Tell whether XLA compiles the step: as configured, else where there is one GPU.

    On CPUs the compilation costs more seconds than it wins for networks of this size (`benchmarks/training.py`).
    """
    if config.jit_compile != "auto":
        return config.jit_compile
    return n_devices() == 1 and bool(tf.config.list_physical_devices("GPU"))


class _Recorder(keras.callbacks.Callback):
    """Keep history and checkpoint, show progress, stop early, refuse to go on after a divergence."""

    def __init__(self, config: TrainingConfig, state: Checkpoint | None, n_jets: int, hide: bool | None) -> None:
        super().__init__()
        self.config, self.state, self.n_jets, self.hide = config, state, n_jets, hide
        self.history = state.restore() if state else []

    def more_to_do(self) -> bool:
        """Tell whether epochs are left."""
        return len(self.history) < self.config.epochs and not self._stops()

    def _stops(self) -> bool:
        losses = [row["val_loss"] for row in self.history]
        patience = self.config.early_stop
        return patience is not None and len(losses) > patience and min(losses[:-patience]) <= min(losses[-patience:])

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.progress = Progress(self.config.epochs, len(self.history), self.hide)

    def on_train_end(self, logs: dict | None = None) -> None:
        self.progress.close()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.begun = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs, optimizer = logs or {}, self.model.optimizer
        seconds = time.perf_counter() - self.begun
        row = {
            "epoch": epoch + 1,
            "loss": float(logs["loss"]),
            "val_loss": float(logs["val_loss"]),
            "learning_rate": float(optimizer.learning_rate),
            "momentum": float(optimizer.beta_1(optimizer.iterations)),
            "seconds": seconds,
            "jets_per_second": self.n_jets / seconds,
        }
        if not (np.isfinite(row["loss"]) and np.isfinite(row["val_loss"])):
            self.progress.close()
            raise RunError(f"Training diverged in epoch {epoch + 1}; choose a smaller --learning-rate")
        self.history.append(row)
        if self.state:
            self.state.save(self.history)
        self.progress.update(row)
        if self._stops():
            self.model.stop_training = True
