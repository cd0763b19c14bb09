"""Oracles of keras-tuner that keep their promise: a search that is killed goes on where it was.

What keras-tuner 1.4.8 does after a SIGKILL, by its code and by trial: all oracles write their state straight into the
file, so that a kill can leave half of one; a trial that ended last is still listed as ongoing, and repeated; one that
was created last may be in no list, and is lost; grid search forgets its queue and stops; Bayesian search draws other
points than it would have, and may propose what has been tried. `Durable` and the classes below mend that.
"""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial
from keras_tuner.oracles import BayesianOptimizationOracle, HyperbandOracle, RandomSearchOracle

from atlas_keras import extras
from atlas_keras.errors import ConfigError, RunError, reason_of
from atlas_keras.output import write_json
from atlas_keras.training.space import Space

ENDED = ("COMPLETED", "FAILED")
FAILURES = 10  # in a row that end a search


class Durable(keras_tuner.Oracle):
    """Write state as whole files, and read it so that no finished trial is repeated and none is lost."""

    trials: dict[str, Any]
    start_order: list[str]
    end_order: list[str]
    tuner_ids: set[str]
    _retry_queue: list[str]

    def save(self) -> None:
        """Write the oracle's state."""
        write_json(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        write_json(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())

    def reload(self) -> None:
        """Read the state; unfinished trials wait to be run again.

        Raises:
            RunError: the state is damaged.
        """
        try:
            super().reload()
        except Exception as error:  # of files that are no JSON, or no state of a search
            folder = Path(self._get_oracle_fname()).parent
            raise RunError(f"{folder}: damaged ({reason_of(error)}); choose another --out") from error
        for trial_id in set(self.trials) - set(self.start_order):  # killed before the oracle's state was written
            shutil.rmtree(self._get_trial_dir(trial_id))
            del self.trials[trial_id]
        self.trials = {trial_id: self.trials[trial_id] for trial_id in self.start_order}  # files have no order
        for trial_id, trial in self.trials.items():
            if trial.status in ENDED and trial_id not in self.end_order:
                self.end_order.append(trial_id)
        waiting = dict.fromkeys(self._retry_queue)
        self._retry_queue = [t for t in waiting if self.trials[t].status not in ENDED]

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Any:
        """Return the next trial; none after ten failures in a row.

        keras-tuner would raise an error there, which leaves a chief locked and its workers without an answer.
        """
        if self.hopeless:
            self.tuner_ids.discard(tuner_id)
            return Trial(hyperparameters=self.get_space(), status="STOPPED")
        return super().create_trial(tuner_id)

    @property
    def hopeless(self) -> bool:
        """Whether the last ten trials have all failed."""
        last = self.end_order[-FAILURES:]
        return len(last) == FAILURES and all(self.trials[trial_id].status == "FAILED" for trial_id in last)

    @keras_tuner.synchronized
    def end_trial(self, trial: Any) -> None:
        """Record the end of a trial, also of one that a restarted chief believed to be interrupted."""
        if trial.trial_id in self._retry_queue:
            self._retry_queue.remove(trial.trial_id)
        super().end_trial(trial)

    @keras_tuner.synchronized
    def update_trial(self, trial_id: str, metrics: Any, step: int = 0) -> Any:
        """Record the figures of a trial, in the place of those of an interrupted attempt."""
        self.trials[trial_id].metrics = type(self.trials[trial_id].metrics)()
        return super().update_trial(trial_id, metrics, step)


class Hyperband(Durable, HyperbandOracle):
    """Hyperband (L. Li et al., JMLR 18 (2018) 1-52)."""

    def n_trials(self) -> int:
        """Count the trials of all brackets and rounds."""
        brackets = range(self._get_num_brackets())
        sizes = [self._get_size(bracket, r) for bracket in brackets for r in range(self._get_num_rounds(bracket))]
        return sum(sizes) * self.hyperband_iterations

    def n_draws(self) -> int:
        """Count the trials that are drawn at random; the others are the best of those, trained for longer."""
        return sum(self._get_size(b, 0) for b in range(self._get_num_brackets())) * self.hyperband_iterations


class Random(Durable, RandomSearchOracle):
    """Random search without repetition."""


class Bayesian(Durable, BayesianOptimizationOracle):
    """Bayesian search with a Gaussian process, the same whether it is interrupted or not, without repetition."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Propose values; what has been tried is replaced by a random draw."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        proposal = super().populate_space(trial_id)
        if proposal["values"] is not None and self._duplicate(proposal["values"]):
            return self._random_populate_space()
        return proposal


class Grid(Durable):
    """All combinations of a space, trial n the n-th of them: there is no state that could be lost.

    Args:
        space: of lists of values.
        settings: of `keras_tuner.Oracle`.
    """

    def __init__(self, space: Space, **settings: Any) -> None:
        super().__init__(**settings)
        lists = {name: getattr(dimension, "values", ()) for name, dimension in space.dimensions.items()}
        self.combinations = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the next combination."""
        done = len(self.trials)
        if done >= len(self.combinations):
            return {"status": "STOPPED", "values": None}
        return {"status": "RUNNING", "values": dict(self.combinations[done])}


def make_oracle(
    tuner: str,
    space: Space,
    objective: keras_tuner.Objective,
    *,
    trials: int | None,
    epochs: int,
    factor: int,
    seed: int,
) -> Durable:
    """Make the oracle of a search.

    Args:
        tuner: of `tuning.search.TUNERS`.
        space: what is searched.
        objective: what is minimized.
        trials: how many at most; Hyperband counts its own.
        epochs: of the longest trial, for Hyperband.
        factor: of Hyperband: a round keeps one trial in so many.
        seed: of the draws.

    Raises:
        ConfigError: Hyperband over a space with too few combinations.
        MissingExtraError: Bayesian search without scikit-learn.
    """
    # keras-tuner takes seed 0 for "no seed".
    settings: dict[str, Any] = {
        "objective": objective, "seed": seed + 1, "max_consecutive_failed_trials": None,
    }  # fmt: skip
    if tuner == "grid":
        return Grid(space, max_trials=trials, **settings)
    if tuner == "random":
        return Random(max_trials=trials, **settings)
    if tuner == "bayesian":
        first = min(3 * len(space.dimensions), max(3, (trials or 0) // 3))
        try:
            return Bayesian(max_trials=trials, num_initial_points=first, **settings)
        except ImportError as error:
            raise extras.missing("sklearn") from error
    oracle = Hyperband(max_epochs=epochs, factor=factor, **settings)
    if space.size < 2 * oracle.n_draws():  # it would stop before the best are trained for longer
        raise ConfigError(
            f"Hyperband draws {oracle.n_draws()} different trials, and the space has {space.size:.0f} combinations; "
            "use --tuner grid, or widen the space"
        )
    return oracle
