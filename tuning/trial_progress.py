"""Tell a person how a search goes: a line when a trial begins, one when it ends, with the best and the time left."""

from __future__ import annotations

import logging
import time
from typing import Any

from atlas_keras.training.space import Value

log = logging.getLogger("atlas_keras.tuning")


class Progress:
    """What keras-tuner calls when trials begin and end, in the process that has the oracle.

    Args:
        oracle: whose trials are told of.
        n_trials: how many there will be at most, None where nobody knows.
        start_score: of the configuration that the search started from.
    """

    def __init__(self, oracle: Any, n_trials: int | None, start_score: float) -> None:
        self.oracle, self.n_trials, self.start_score = oracle, n_trials, start_score
        self.begun: dict[str, float] = {}
        self.since, self.ended = time.monotonic(), 0

    def on_trial_begin(self, trial: Any) -> None:
        """Tell the hyperparameters."""
        self.begun[trial.trial_id] = time.monotonic()
        log.info("trial %s begins: %s", self._number(trial), described(own_values(trial)))

    def on_trial_end(self, trial: Any) -> None:
        """Tell the score, the best so far, and about how long the rest takes."""
        self.ended += 1
        if trial.status == "COMPLETED":
            what = f"score {trial.score:.5g}"
        else:
            what = f"failed ({(trial.message or 'no figure').strip().splitlines()[-1]})"
        scores = [t.score for t in self.oracle.trials.values() if t.score is not None and t.status == "COMPLETED"]
        best = f"best {min(scores):.5g}, " if scores else ""
        seconds = time.monotonic() - self.begun.get(trial.trial_id, self.since)
        log.info(
            "trial %s ends: %s in %.1f s (%sstart %.5g)%s",
            self._number(trial), what, seconds, best, self.start_score, self._time_left(),
        )  # fmt: skip

    def _number(self, trial: Any) -> str:
        return f"{int(trial.trial_id) + 1}" + (f"/{self.n_trials}" if self.n_trials else "")

    def _time_left(self) -> str:
        left = (self.n_trials or 0) - len(self.oracle.end_order)
        if left <= 0:
            return ""
        seconds = (time.monotonic() - self.since) / self.ended * left
        return f", about {seconds / 60:.0f} min left" if seconds > 90 else f", about {seconds:.0f} s left"

    def get_state(self) -> dict[str, Any]:
        """Return nothing: the trials tell it all."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take nothing."""


def own_values(trial: Any) -> dict[str, Value]:
    """Return the hyperparameters of a trial, those that Hyperband adds left out."""
    return {name: value for name, value in trial.hyperparameters.values.items() if "/" not in name}


def described(values: dict[str, Value]) -> str:
    """Write hyperparameters in one line."""
    return ", ".join(f"{n} {v:.4g}" if isinstance(v, float) else f"{n} {v}" for n, v in values.items())
