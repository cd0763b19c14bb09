"""The tuner: runs the trials of any of our oracles, in one process, or as chief or worker of several."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import keras_tuner
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer, exit_chief

from atlas_keras.errors import RunError
from atlas_keras.output import write_json
from atlas_keras.training.hypermodel import JetHyperModel
from tuning.objective import SCORE, Objective
from tuning.trial_progress import described, own_values

log = logging.getLogger("atlas_keras.tuning")

CHIEF = "chief"
POLL = 0.1  # seconds between two questions for work, or two looks whether all is done
ANSWERED = 5  # seconds that the last answers of a chief may take


class Tuner(keras_tuner.Tuner):
    """Run trials with the library's own `fit`, each for a whole one-cycle policy from a new start.

    So the configuration of a trial alone repeats it. Hyperband of keras-tuner would go on from the weights of an
    earlier round; under the one-cycle policy these are those of a cycle's end, and no configuration repeats the result.
    A trial that was killed goes on from its last epoch.

    Args:
        hypermodel: what is built and trained.
        objective: what is minimized.
        oracle: what chooses.
        folder: state of the search, a folder each trial.
    """

    def __init__(self, hypermodel: JetHyperModel, objective: Objective, oracle: Any, folder: Path) -> None:
        self.sought = objective
        with contextlib.redirect_stdout(io.StringIO()):  # it tells that it goes on
            super().__init__(
                oracle=oracle, hypermodel=hypermodel, directory=str(folder.parent), project_name=folder.name
            )

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Run trials until the oracle has no more, or serve them to workers."""
        if is_chief():
            self.save()
            serve(self.oracle)
        else:
            super().search(*args, **kwargs)

    def on_search_begin(self) -> None:
        """Write the state before the first trial; keras-tuner would do so after it."""
        if self._is_worker():
            mine, theirs = (
                {hp.name for hp in space.space} for space in (self.oracle._oracle.get_space(), self.oracle.get_space())
            )
            if mine != theirs:
                raise RunError(
                    f"The chief searches {sorted(theirs)}, this worker {sorted(mine)}; give both one command"
                )
        self.save()

    def pre_create_trial(self) -> None:
        """Do not flood a chief that has nothing to give while other workers finish their trials."""
        if self._is_worker():
            time.sleep(POLL)

    def on_trial_begin(self, trial: Any) -> None:
        """Tell what a worker does; elsewhere the oracle tells it."""
        if self._is_worker():
            log.info("trial %d: %s", int(trial.trial_id) + 1, described(own_values(trial)))

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Build and train one model."""
        folder = Path(self.get_trial_dir(trial.trial_id))
        model = self._try_build(trial.hyperparameters)
        checkpoint, config = folder / "checkpoint.npz", self.hypermodel.config_of(trial.hyperparameters)
        try:
            figures = self.hypermodel.fit_to(config, model, checkpoint=checkpoint, progress=None)
        except RunError:
            checkpoint.unlink(missing_ok=True)  # of a training that diverged
            raise
        self.hypermodel.history.to_csv(folder / "history.csv", index=False)
        checkpoint.unlink(missing_ok=True)
        return {**figures, SCORE: self.sought.score(figures)}

    def _try_run_and_update_trial(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """Run a trial; only one that diverges is a failed trial, any other error ends the search."""
        try:
            self._run_and_update_trial(trial, *args, **kwargs)
            trial.status = "COMPLETED"
        except RunError as error:
            trial.status, trial.message = "FAILED", str(error)

    def save(self) -> None:
        """Write the state as whole files, the one that tells that there is a state last; a worker has none."""
        if not self._is_worker():
            self.oracle.save()
            write_json(Path(self._get_tuner_fname()), self.get_state())

    def _get_tuner_fname(self) -> str:
        """Name the file without the process, so that a search goes on with more or fewer processes than it had."""
        return os.path.join(str(self.project_dir), f"{self.tuner_id}.worker" if is_worker() else "search.json")


def is_chief() -> bool:
    """Tell whether this process hands out trials."""
    return "KERASTUNER_ORACLE_IP" in os.environ and CHIEF in os.environ["KERASTUNER_TUNER_ID"]


def is_worker() -> bool:
    """Tell whether this process gets trials from a chief."""
    return "KERASTUNER_ORACLE_IP" in os.environ and not is_chief()


def serve(oracle: Any) -> None:
    """Answer workers until all trials are done and every worker knows it.

    keras-tuner's own loop looks every 20 seconds only, and does not notice a port that is taken.

    Raises:
        RunError: the address cannot be served.
    """
    address = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)])
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise RunError(f"{address}: cannot be served; is the port taken?") from error
    server.start()
    while not (servicer.stop_triggered and exit_chief(oracle)):
        time.sleep(POLL)
    server.stop(ANSWERED).wait()
