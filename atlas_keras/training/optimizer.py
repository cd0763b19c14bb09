"""AdamW with a scheduled momentum, and epsilon beside the bias-corrected second moment as PyTorch and fastai do."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from atlas_keras.layers.invertible import PACKAGE

Schedule = keras.optimizers.schedules.LearningRateSchedule


@keras.saving.register_keras_serializable(package=PACKAGE)
class ScheduledAdamW(keras.optimizers.Optimizer):
    """AdamW whose learning rate and beta_1 may both follow a schedule.

    m <- b1 m + (1 - b1) g, v <- b2 v + (1 - b2) g^2,
    w <- w (1 - lr decay) - lr m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon).

    Keras' own AdamW keeps beta_1 fixed and adds epsilon to the second moment before its bias is corrected, which makes
    the first steps another method. Source: Loshchilov & Hutter (arXiv:1711.05101); defaults as in fastai.

    Args:
        learning_rate: a number or a schedule.
        beta_1: decay of the first moment, a number or a schedule.
        beta_2: decay of the second moment.
        epsilon: added to the root of the bias-corrected second moment.
        kwargs: of `keras.optimizers.Optimizer`, for example `weight_decay`.
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        beta_1: Any = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-5,
        name: str = "scheduled_adamw",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self._scale = self.add_variable((), initializer="ones", dtype="float32", name="scale")

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step. A schedule goes on, scaled, from a rate that is set."""
        rate = super().learning_rate
        return rate * self._scale if isinstance(self._learning_rate, Schedule) else rate

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        if isinstance(self._learning_rate, Schedule) and not isinstance(rate, Schedule):
            self._scale.assign(rate / super().learning_rate)
        else:
            keras.optimizers.Optimizer.learning_rate.fset(self, rate)

    def build(self, variables: list) -> None:
        """Create the moments of all variables."""
        if self.built:
            return
        super().build(variables)
        self._m = [self.add_variable_from_reference(v, "first_moment") for v in variables]
        self._v = [self.add_variable_from_reference(v, "second_moment") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; Keras has applied the decay already."""
        index = self._get_variable_index(variable)
        m, v, dtype = self._m[index], self._v[index], variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        beta_1 = self.beta_1(self.iterations) if isinstance(self.beta_1, Schedule) else self.beta_1
        beta_1, beta_2 = ops.cast(beta_1, dtype), ops.cast(self.beta_2, dtype)
        rate, gradient = ops.cast(learning_rate, dtype), ops.cast(gradient, dtype)
        self.assign_add(m, (gradient - m) * (1 - beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - beta_2))
        root = ops.sqrt(v / (1 - ops.power(beta_2, step))) + self.epsilon
        self.assign_sub(variable, rate / (1 - ops.power(beta_1, step)) * m / root)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        beta_1 = keras.saving.serialize_keras_object(self.beta_1) if isinstance(self.beta_1, Schedule) else self.beta_1
        return {**super().get_config(), "beta_1": beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> ScheduledAdamW:
        """Build from the arguments."""
        config = dict(config)
        if isinstance(config["beta_1"], dict):
            config["beta_1"] = keras.saving.deserialize_keras_object(config["beta_1"], custom_objects)
        return super().from_config(config, custom_objects)
