"""A keras-tuner HyperModel of our autoencoders: hyperparameters -> configuration -> the same `fit` as every training.

It is no search: any tuner of keras-tuner can use it, and `tuning/` does. Needs the extra `tuning`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.config import RunConfig, TrainingConfig, preset_config
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.source import read_table
from atlas_keras.data.splitting import split_events
from atlas_keras.evaluation.published_figures import PublishedSpace
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.jet_autoencoder import NormalizedLoss, TrainingSetup
from atlas_keras.models.prediction import Predictor
from atlas_keras.presets import DEFAULT_PRESET
from atlas_keras.serving.latency import encoder_latency
from atlas_keras.training.finder import find_learning_rate
from atlas_keras.training.fit import fit
from atlas_keras.training.objectives import validation_figures
from atlas_keras.training.space import Choices, Range, Space, Value, check_space, configure, default_space, start_values

try:
    import keras_tuner
except ImportError as error:
    raise extras.missing("keras_tuner") from error

EPOCHS = "tuner/epochs"  # how Hyperband tells a trial its epochs
UNUSED = {"initial_epoch", "verbose"}  # of what tuners pass on


class JetHyperModel(keras_tuner.HyperModel):
    """Autoencoders of one preset, over a space of hyperparameters.

    The data are read once, and split by event as a training with the same seed splits them; the test split is dropped.

    Args:
        config: where the search starts, or the name of a preset; what is not in the space stays as it is here.
        space: a `Space` or its JSON form; by default learning rate and width, `default_space`.
        measure_latency: measure the LiteRT encoder of each trial (seconds a trial).

    Raises:
        ConfigError: the preset does not have such a hyperparameter, or refuses a value of the space.
        JetDataError: bad input.

    Example:
        tuner = keras_tuner.RandomSearch(JetHyperModel("kinematic"), objective="val_loss", max_trials=10)
        tuner.search()
        autoencoder = tuner.get_best_models()[0]  # physical units in and out
    """

    def __init__(
        self,
        config: RunConfig | str = DEFAULT_PRESET,
        space: Space | Mapping[str, Any] | None = None,
        *,
        measure_latency: bool = False,
    ) -> None:
        super().__init__(name="atlas_keras")
        self.config = preset_config(config) if isinstance(config, str) else config
        if space is None:
            space = default_space(self.config)
        self.space = space if isinstance(space, Space) else Space.from_dict(dict(space))
        check_space(self.space, self.config)
        self.measure_latency = measure_latency
        policy = InvalidPolicy(self.config.data.invalid)  # type: ignore[arg-type]
        parts = split_events(read_table(self.config.data, policy), self.config.data, self.config.training.seed)
        self.jets = {name: parts[name].jets for name in ("train", "validation")}
        self.collection = parts["train"].collection
        self.published_space = PublishedSpace.of(np.concatenate(list(self.jets.values())), self.collection)
        self.history = pd.DataFrame()
        self._assembly: TrainingSetup | None = None
        self._latencies: dict[Any, float] = {}

    def config_of(self, hp: keras_tuner.HyperParameters) -> RunConfig:
        """Return the configuration that hyperparameters stand for; `train` repeats a trial from it."""
        start = start_values(self.config, self.space)
        values = {name: _draw(hp, name, d, start[name]) for name, d in self.space.dimensions.items()}
        if EPOCHS in hp.values:
            values["epochs"] = hp.values[EPOCHS]
        return configure(self.config, values)

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Build the autoencoder of a trial, untrained, as a training with the same seed does."""
        return self.build_from(self.config_of(hp))

    def build_from(self, config: RunConfig) -> keras.Model:
        """Build the autoencoder of a configuration."""
        keras.utils.set_random_seed(config.training.seed)
        self._assembly = set_up_training(config.model, self.jets["train"], self.collection, config.data.unit)
        return self._assembly.autoencoder

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the model of the last call of `build`: whoever unpickles builds its own."""
        return {**self.__dict__, "_assembly": None}

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model,
        *data: Any,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        epochs: int | None = None,
        **arguments: Any,
    ) -> dict[str, float]:
        """Train the model that `build` has just given.

        Args:
            hp: of the trial.
            model: from `build`.
            data: none; the jets are those of the configuration.
            callbacks: of the tuner or of a script; they see the autoencoder, whose `optimizer` and `stop_training` are
                those of the training. A learning rate that they set scales the rest of the one-cycle policy.
            epochs: in place of the configuration's, where the tuner does not choose them itself (Hyperband does).
            arguments: what tuners pass on and a whole cycle has no use for (`initial_epoch`, `verbose`).

        Returns:
            The figures of `fit_to`.

        Raises:
            ValueError: data, or another argument of `keras.Model.fit`.
        """
        if data or (others := arguments.keys() - UNUSED):
            given = "x, y" if data else ", ".join(sorted(others))
            raise ValueError(
                f"search() takes epochs and callbacks; jets, batch size and the rest come from the configuration of "
                f"JetHyperModel. Received: {given}"
            )
        config = self.config_of(hp)
        if epochs is not None and EPOCHS not in hp.values:
            config = dataclasses.replace(config, training=dataclasses.replace(config.training, epochs=epochs))
        return self.fit_to(config, model, callbacks=callbacks)

    def fit_to(
        self,
        config: RunConfig,
        model: keras.Model,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        checkpoint: Path | None = None,
        progress: bool | None = False,
    ) -> dict[str, float]:
        """Train for a whole cycle of the one-cycle policy, as `train` does with this configuration.

        Args:
            config: from which the model was built.
            model: from the last call of `build` or `build_from`.
            callbacks: further callbacks; they see the autoencoder.
            checkpoint: file from which a trial that was killed goes on.
            progress: None shows a bar over the epochs on a terminal.

        Returns:
            Figures after the last epoch: `loss`, `val_loss`, `epochs`, `seconds`, `n_parameters`, those of
            `atlas_keras.training.objectives`, and `latency` [us] where it is measured. The history is in `history`.

        Raises:
            RunError: training diverged.
        """
        training_setup = self._assembly
        if training_setup is None or model is not training_setup.autoencoder:
            raise ValueError("fit takes the model that the last call of build gave")
        normalize = Predictor(training_setup.normalize)
        train, validation = (normalize(self.jets[name]) for name in ("train", "validation"))
        self.history = fit(
            training_setup,
            train,
            validation,
            config.training,
            learning_rate=_peak(training_setup, train, config.training),
            checkpoint=checkpoint,
            callbacks=[_OnAutoencoder(training_setup, callbacks)] if callbacks else (),
            progress=progress,
        )
        last = self.history.iloc[-1]
        val_loss = float(last["val_loss"])
        figures = {
            "loss": float(last["loss"]),
            "val_loss": val_loss,
            "epochs": float(len(self.history)),
            "seconds": float(self.history["seconds"].sum()),
            "n_parameters": float(training_setup.n_parameters),
            **validation_figures(
                training_setup, self.jets["validation"], self.collection, validation, val_loss, self.published_space
            ),
        }
        if self.measure_latency:
            figures["latency"] = self._latency(config, model)
        return figures

    def _latency(self, config: RunConfig, model: keras.Model) -> float:
        """Measure each architecture once: weights do not change the time."""
        key = tuple(sorted(dataclasses.asdict(config.model).items()))
        if key not in self._latencies:
            self._latencies[key] = encoder_latency(model, self.jets["train"][:1])
        return self._latencies[key]


def _peak(training_setup: TrainingSetup, train: NDArray[np.float32], t: TrainingConfig) -> float:
    """Return the configured learning rate, or the one that the finder suggests."""
    if t.learning_rate != "auto":
        return t.learning_rate
    return find_learning_rate(
        training_setup, train, batch_size=t.batch_size, weight_decay=t.weight_decay, seed=t.seed
    ).minimum


def _draw(hp: keras_tuner.HyperParameters, name: str, dimension: Choices | Range, start: Any) -> Value:
    """Ask the tuner for a value, with that of the start as the default where it is in the space."""
    if isinstance(dimension, Choices):
        values = list(dimension.values)
        if any(isinstance(value, float) for value in values):
            values = [float(value) for value in values]  # keras-tuner wants values of one type
        return _rounded(hp.Choice(name, values, default=start if start in values else None))
    draw = hp.Int if dimension.whole else hp.Float
    default = dimension.low if start is None else min(max(start, dimension.low), dimension.high)
    return _rounded(draw(name, dimension.low, dimension.high, sampling=dimension.scale, default=default))


def _rounded(value: Value) -> Value:
    """Return a real number six digits: readable, and the same on workers, which get it as a float32."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


class _OnAutoencoder(keras.callbacks.Callback):
    """Show callbacks the autoencoder: what they save can be loaded into what `build` gives.

    It has the optimizer of the training, and when it is told to stop the training stops.
    """

    def __init__(self, training_setup: TrainingSetup, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__()
        self.autoencoder = training_setup.autoencoder
        self.callbacks = keras.callbacks.CallbackList(list(callbacks), model=self.autoencoder)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.autoencoder.compile(self.model.optimizer, loss=NormalizedLoss())
        self.autoencoder.stop_training = False
        self.callbacks.set_params(self.params)
        self.callbacks.on_train_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.callbacks.on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.callbacks.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.callbacks.on_train_batch_end(batch, logs)
        self._obey()

    def on_test_begin(self, logs: dict | None = None) -> None:
        self.callbacks.on_test_begin(logs)

    def on_test_end(self, logs: dict | None = None) -> None:
        self.callbacks.on_test_end(logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.callbacks.on_epoch_end(epoch, logs)
        self._obey()

    def on_train_end(self, logs: dict | None = None) -> None:
        self.callbacks.on_train_end(logs)

    def _obey(self) -> None:
        if self.autoencoder.stop_training:
            self.model.stop_training = True
