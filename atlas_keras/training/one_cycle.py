"""The one-cycle policy: the learning rate rises and falls once, momentum does the opposite.

L. Smith, "A disciplined approach to neural network hyper-parameters" (arXiv:1803.09820), with fastai's cosine phases.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.training.optimizer import Schedule, ScheduledAdamW


@keras.saving.register_keras_serializable(package=PACKAGE)
class OneCycle(Schedule):
    """Go from `start` to `peak` and on to `end`, each along half a cosine.

    Args:
        start, peak, end: values at the first step, at the turn and at the last step.
        total_steps: length of both phases.
        warmup: part of the steps before the turn.
    """

    def __init__(self, start: float, peak: float, end: float, total_steps: int, warmup: float = 0.25) -> None:
        self.start, self.peak, self.end, self.total_steps, self.warmup = start, peak, end, total_steps, warmup

    def __call__(self, step: Any) -> Any:
        """Return the value at a step, a float32 scalar."""
        done = ops.minimum(ops.cast(step, "float32") / max(self.total_steps - 1, 1), 1.0)
        rise = _cosine(self.start, self.peak, done / self.warmup)
        fall = _cosine(self.peak, self.end, (done - self.warmup) / (1 - self.warmup))
        return ops.where(done < self.warmup, rise, fall)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {name: getattr(self, name) for name in ("start", "peak", "end", "total_steps", "warmup")}


def _cosine(start: float, end: float, part: Any) -> Any:
    return start + (end - start) * (1 - ops.cos(math.pi * part)) / 2


def one_cycle_adamw(peak: float, total_steps: int, weight_decay: float) -> ScheduledAdamW:
    """Build AdamW under the one-cycle policy with fastai's numbers.

    The learning rate goes peak/25 -> peak -> peak/100,000; beta_1 goes 0.95 -> 0.85 -> 0.95; a quarter of the steps
    rises.
    """
    return ScheduledAdamW(
        learning_rate=OneCycle(peak / 25, peak, peak / 1e5, total_steps),
        beta_1=OneCycle(0.95, 0.85, 0.95, total_steps),
        weight_decay=weight_decay,
    )
