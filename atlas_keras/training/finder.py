"""The learning-rate finder: raise the rate at every step, watch the loss, suggest a peak for the one-cycle policy.

L. Smith, "Cyclical learning rates for training neural networks" (arXiv:1506.01186), with fastai's two suggestions.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from atlas_keras.data.pipeline import Rows, make_dataset
from atlas_keras.models.jet_autoencoder import TrainingSetup
from atlas_keras.training.devices import loss_of
from atlas_keras.training.optimizer import ScheduledAdamW

LOWEST, HIGHEST, STEPS = 1e-7, 10.0, 100
SMOOTHING = 0.98
DIVERGED = 4.0  # stop when the smoothed loss is this many times its best


@dataclass(frozen=True)
class LearningRates:
    """What the finder saw and suggests.

    Args:
        curve: columns `learning_rate`, `loss` and `smoothed`, one row a step.
        minimum: a tenth of the rate with the lowest smoothed loss.
        steepest: the rate at which the smoothed loss falls fastest.
    """

    curve: pd.DataFrame
    minimum: float
    steepest: float


def find_learning_rate(
    training_setup: TrainingSetup, rows: Rows, *, batch_size: int, weight_decay: float, seed: int
) -> LearningRates:
    """Train for 100 steps from 1e-7 to 10, then put the weights back.

    Args:
        training_setup: what is trained.
        rows: normalized training split.
        batch_size, weight_decay, seed: as the training will use them.
    """
    model = training_setup.trained
    weights = model.get_weights()
    ratio = (HIGHEST / LOWEST) ** (1 / (STEPS - 1))
    schedule = keras.optimizers.schedules.ExponentialDecay(LOWEST, 1, ratio)
    model.compile(ScheduledAdamW(schedule, weight_decay=weight_decay), loss=loss_of(training_setup), jit_compile=False)
    watch = _Watch()
    dataset = make_dataset(rows, min(batch_size, len(rows)), seed=seed)
    model.fit(dataset, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=[watch])
    model.set_weights(weights)
    return suggest(LOWEST * ratio ** np.arange(len(watch.losses)), np.array(watch.losses))


def suggest(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> LearningRates:
    """Smooth the losses and read both suggestions off the curve.

    Args:
        rates: ascending, shape `(n_steps,)`.
        losses: of the batches, before the step with that rate.
    """
    smoothed = pd.Series(losses).ewm(alpha=1 - SMOOTHING, adjust=True).mean().to_numpy()
    curve = pd.DataFrame({"learning_rate": rates, "loss": losses, "smoothed": smoothed})
    lowest = int(np.nanargmin(smoothed))
    slope = np.gradient(np.log(smoothed[: lowest + 1]), np.log(rates[: lowest + 1])) if lowest else np.zeros(1)
    return LearningRates(curve, float(rates[lowest] / 10), float(rates[int(np.argmin(slope))]))


class _Watch(keras.callbacks.Callback):
    """Collect the loss of every batch; Keras reports means since the epoch's start, so the sum is undone."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.losses: list[float] = []
        self.total = self.smoothed = 0.0
        self.best = np.inf

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        total = logs["loss"] * (batch + 1) if logs else np.nan
        loss = total - self.total
        self.total = total
        if not np.isfinite(loss):
            self.model.stop_training = True
            return
        self.losses.append(float(loss))
        self.smoothed = SMOOTHING * self.smoothed + (1 - SMOOTHING) * loss
        corrected = self.smoothed / (1 - SMOOTHING ** len(self.losses))
        self.best = min(self.best, corrected)
        if corrected > DIVERGED * self.best:
            self.model.stop_training = True
