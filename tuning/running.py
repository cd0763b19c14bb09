"""Run a search to its end: the start, the trials, the results, the best run."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras_tuner
import pandas as pd

from atlas_keras.config import RunConfig
from atlas_keras.errors import RunError
from atlas_keras.json_files import read_json
from atlas_keras.output import write_json
from atlas_keras.training.hypermodel import JetHyperModel
from atlas_keras.training.run import train_run
from atlas_keras.training.space import Space, start_values
from tuning.objective import SCORE, Objective
from tuning.oracles import FAILURES, Grid, Hyperband, make_oracle
from tuning.results import START, Record, best_of, same_but_seed, write_results
from tuning.search_folder import TRIALS
from tuning.trial_progress import Progress, own_values
from tuning.tuner import Tuner, is_worker

log = logging.getLogger("atlas_keras.tuning")


def run_search(
    config: RunConfig,
    space: Space,
    objective: Objective,
    out: Path,
    *,
    tuner: str,
    trials: int | None,
    factor: int,
    n_confirm: int = 0,
) -> None:
    """Search, or go on with a search, and leave its results in a folder.

    Args:
        config: where the search starts.
        space: what is searched.
        objective: what is minimized.
        out: the folder: `trials/`, `trials.csv`, `results.json`, `results.md`, `best.json`, `plots/`, `best/`.
        tuner: of `tuning.search.TUNERS`.
        trials: how many at most; None for all of a grid, and for Hyperband.
        factor: of Hyperband.
        n_confirm: with how many more seeds start and best are trained.

    Raises:
        AtlasKerasError: bad input, or a search that failed.
    """
    hypermodel = JetHyperModel(config, space, measure_latency=objective.cost == "latency")
    oracle = make_oracle(
        tuner, space, keras_tuner.Objective(SCORE, "min"),
        trials=trials, epochs=config.training.epochs, factor=factor, seed=config.training.seed,
    )  # fmt: skip
    if is_worker():
        Tuner(hypermodel, objective, oracle, out / TRIALS).search()
        log.info("the chief has no more trials")
        return
    start = _start(hypermodel, objective, out)
    oracle._display = Progress(oracle, _count(oracle, trials), start.figures[SCORE])
    Tuner(hypermodel, objective, oracle, out / TRIALS).search()
    if oracle.hopeless:
        log.warning("the search ends early: its last %d trials have failed; is the learning rate too large?", FAILURES)
    records = [_record(trial, hypermodel, out) for trial in oracle.trials.values()]
    best = best_of([start, *records])
    write_json(out / "best.json", best.config.to_dict())
    metrics = _train_best(best, out)
    confirmed = _confirm(objective, space, start.config, best.config, n_confirm, out)
    write_results(out, space, objective, start, records, confirmed, metrics)


def _count(oracle: Any, trials: int | None) -> int | None:
    """Count the trials of the whole search."""
    if isinstance(oracle, Hyperband):
        return oracle.n_trials()
    if isinstance(oracle, Grid):
        return min(trials or len(oracle.combinations), len(oracle.combinations))
    return trials


def _start(hypermodel: JetHyperModel, objective: Objective, out: Path) -> Record:
    """Train the configuration that the search starts from, once."""
    file, config = out / "start.json", hypermodel.config
    if not file.exists():
        log.info("training the start, preset %s", config.model.preset)
        figures = _figures(hypermodel, objective, config, out / "start.npz")
        hypermodel.history.to_csv(out / "start.csv", index=False)
        write_json(file, figures)
        (out / "start.npz").unlink()
    figures = read_json(file, RunError, "delete it to train the start again")
    history = pd.read_csv(out / "start.csv")
    return Record(START, "COMPLETED", start_values(config, hypermodel.space), config, figures, history)


def _figures(hypermodel: JetHyperModel, objective: Objective, config: RunConfig, checkpoint: Path) -> dict[str, float]:
    figures = hypermodel.fit_to(config, hypermodel.build_from(config), checkpoint=checkpoint, progress=None)
    return {**figures, SCORE: objective.score(figures)}


def _record(trial: Any, hypermodel: JetHyperModel, out: Path) -> Record:
    """Read what a trial has left; its history is missing where a worker's disk is not ours."""
    figures = {name: trial.metrics.get_last_value(name) for name in trial.metrics.metrics}
    history = out / TRIALS / f"trial_{trial.trial_id}" / "history.csv"
    return Record(
        str(int(trial.trial_id) + 1),
        trial.status,
        own_values(trial),
        hypermodel.config_of(trial.hyperparameters),
        {name: float(value) for name, value in figures.items()},
        pd.read_csv(history) if history.exists() else None,
        trial.message,
    )


def _train_best(best: Record, out: Path) -> dict[str, Any]:
    """Train the best configuration as `train --config best.json` does, unless that has been done."""
    run, advice = out / "best", "delete the folder to train the best again"
    if run.exists() and read_json(run / "config.json", RunError, advice) == best.config.to_dict():
        return read_json(run / "metrics.json", RunError, advice)
    log.info("training the best, trial %s", best.name)
    return train_run(best.config, run, force=True)


def _confirm(
    objective: Objective, space: Space, start: RunConfig, best: RunConfig, n: int, out: Path
) -> list[dict[str, Any]]:
    """Train start and best with further seeds: other splits, starts and orders of the batches."""
    file = out / "confirmation.json"
    advice = "delete it to confirm again"
    rows: list[dict[str, Any]] = read_json(file, RunError, advice, list) if file.exists() else []
    for config in (start, best) if start != best else (start,):
        for seed in range(config.training.seed + 1, config.training.seed + 1 + n):
            other = replace(config, training=replace(config.training, seed=seed))
            if any(row["config"] == other.to_dict() for row in rows):
                continue
            log.info("confirming with seed %d", seed)
            hypermodel = JetHyperModel(other, space, measure_latency=objective.cost == "latency")
            figures = _figures(hypermodel, objective, other, out / "confirmation.npz")
            (out / "confirmation.npz").unlink()
            rows.append({"config": other.to_dict(), "figures": figures})
            write_json(file, rows)
    return [
        {"who": who, **row} for who, c in (("start", start), ("best", best)) for row in rows if same_but_seed(row, c)
    ]
