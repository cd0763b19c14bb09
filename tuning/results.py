"""The results of a search: records of its trials, the best, tables and files."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from atlas_keras.config import RunConfig
from atlas_keras.errors import RunError
from atlas_keras.json_files import read_json
from atlas_keras.markdown import table
from atlas_keras.output import whole_file, whole_folder, write_json
from atlas_keras.training.space import Space, Value
from atlas_keras.versions import machine
from tuning import plots
from tuning.objective import AGAINST, SCORE, Objective, pareto_front
from tuning.trial_progress import described

START = "start"  # the name of the configuration that a search starts from, in the place of a trial's number
SHOWN = 10  # trials in the table for people; trials.csv has all
PACKAGES = ("keras-tuner", "keras", "tensorflow", "numpy")


@dataclass(frozen=True)
class Record:
    """What is known of a trial.

    Args:
        name: its number, from 1, or `start`.
        status: `COMPLETED` or `FAILED`.
        values: of the hyperparameters.
        config: that repeats it.
        figures: after its last epoch, by name; `score` is what was minimized. None where it failed.
        history: an epoch a row.
        message: why it failed.
    """

    name: str
    status: str
    values: dict[str, Value]
    config: RunConfig
    figures: dict[str, float]
    history: pd.DataFrame | None = None
    message: str | None = None

    @property
    def score(self) -> float:
        """What was minimized."""
        return self.figures[SCORE]


def completed(records: list[Record]) -> list[Record]:
    """Return those that ended well, best first."""
    return sorted((r for r in records if r.status == "COMPLETED" and SCORE in r.figures), key=lambda r: r.score)


def best_of(records: list[Record]) -> Record:
    """Return the best; of equals the first, so that a start is kept that nothing beats."""
    return completed(records)[0]


def same_but_seed(row: dict[str, Any], config: RunConfig) -> bool:
    """Tell whether a row of the confirmation is this configuration, whatever its seed."""
    seed = row["config"]["training"]["seed"]
    return row["config"] == replace(config, training=replace(config.training, seed=seed)).to_dict()


def write_results(
    out: Path,
    space: Space,
    objective: Objective,
    start: Record,
    records: list[Record],
    confirmed: list[dict[str, Any]],
    metrics: dict[str, Any],
) -> None:
    """Write `trials.csv`, `results.json`, `results.md` and `plots/`, and print the tables.

    Args:
        out: folder of the search.
        space: what was searched.
        objective: what was minimized.
        start: the configuration that the search started from.
        records: of the trials.
        confirmed: figures with further seeds.
        metrics: of the best run.
    """
    everything = [start, *records]
    best = best_of(everything)
    front = _front(objective, completed(everything))
    again = _loss_again(out / "best")
    rows = [_row(record) for record in everything]
    with whole_file(out / "trials.csv", force=True) as file:
        pd.DataFrame(rows).to_csv(file, index=False, float_format="%.7g")
    settings = read_json(out / "search.json", RunError, "search again")
    settings["config"]["data"].pop("paths")
    document = {
        "settings": settings,
        "machine": machine(PACKAGES),
        "versions": {package: version(package) for package in PACKAGES},
        "n_trials": len(records),
        "n_failed": sum(r.status == "FAILED" for r in records),
        "start": _row(start),
        "best": {**_row(best), "model": best.config.model.to_dict(), "training": best.config.training.to_dict()},
        "best_run": {"val_loss": again, **figures_of_run(metrics)},
        "confirmation": [{"who": row["who"], "seed": _seed(row), **row["figures"]} for row in confirmed],
        "pareto": [_row(record) for record in front],
    }
    write_json(out / "results.json", document)
    text = _markdown(space, objective, start, best, records, front, confirmed, settings, again)
    with whole_file(out / "results.md", force=True) as file:
        file.write_text(text, encoding="utf-8")
    figures = {
        "objective": plots.plot_objective(records, start, space, objective),
        "parallel": plots.plot_parallel(records, space, objective),
        "learning_curves": plots.plot_learning_curves(everything, space, objective),
    }
    if front:
        figures["pareto"] = plots.plot_pareto(completed(everything), front, objective)
    with whole_folder(out / "plots", "objective.png", "folder of plots", force=True) as folder:
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png")
    print(text)
    print(f"best: {out / 'best.json'}, its run: {out / 'best'}, plots: {out / 'plots'}")


def figures_of_run(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the figures of a run that its columns have: the mass is none of any columns.

    Args:
        metrics: what its `metrics.json` holds.
    """
    names = ("test", "mass", "published", "normalized_mse")
    return {name: metrics[name] for name in names if name in metrics}


def _row(record: Record) -> dict[str, Any]:
    return {"trial": record.name, "status": record.status, **record.values, **record.figures}


def _seed(row: dict[str, Any]) -> int:
    return row["config"]["training"]["seed"]


def _front(objective: Objective, records: list[Record]) -> list[Record]:
    """Return the trials that no other one beats in both figure and cost, the cheapest first."""
    if objective.cost is None:
        return []
    points = [(r.figures[objective.figure], r.figures[objective.cost]) for r in records]
    return [records[index] for index in pareto_front(points)]


def _loss_again(run: Path) -> float:
    """Read the validation loss of the run that was trained from best.json."""
    return float(pd.read_csv(run / "history.csv")["val_loss"].iloc[-1])


def _markdown(
    space: Space,
    objective: Objective,
    start: Record,
    best: Record,
    records: list[Record],
    front: list[Record],
    confirmed: list[dict[str, Any]],
    settings: dict[str, Any],
    again: float,
) -> str:
    ranked = completed([start, *records])
    shown = ranked[:SHOWN] + ([start] if start not in ranked[:SHOWN] else [])
    failed = sum(r.status == "FAILED" for r in records)
    data = ", ".join(file["name"] for file in settings["data_files"])
    training = settings["config"]["training"]
    parts = [
        f"# Search of preset `{settings['config']['model']['preset']}`",
        f"{settings['tuner']}, {len(records)} trials ({failed} failed), at most {training['epochs']} epochs, "
        f"seed {training['seed']}, data {data}. Minimized: {objective}.",
        f"Machine: {', '.join(f'{k} {v}' for k, v in machine(PACKAGES).items())}.",
        "Space: " + "; ".join(f"{name} {dimension}" for name, dimension in space.dimensions.items()) + ".",
        "## Best trials",
        _table(shown, space, objective),
        _sentence(start, best, objective),
        f"Trained again from `best.json`: val_loss {again:.6g} (trial {best.name}: {best.figures['val_loss']:.6g}).",
    ]
    if front:
        parts += [f"## Pareto front, {objective.figure} against {AGAINST[objective.against or ''][1]}"]
        parts += [_table(front, space, objective)]
    if confirmed:
        parts += ["## With other seeds", _confirmation(confirmed, objective)]
    return "\n\n".join(parts) + "\n"


def _table(records: list[Record], space: Space, objective: Objective) -> str:
    figures = [objective.figure, *([SCORE] if objective.cost else [])]
    others = [f for f in ("val_loss", "val_mse", "val_mass") if f not in figures]
    columns = [*figures, *others, "n_parameters", *(["latency"] if objective.cost == "latency" else []), "epochs"]
    rows = []
    for record in records:
        cells = [f"{record.figures[c]:.5g}" if c in record.figures else "" for c in columns]
        values = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in (record.values[n] for n in space.dimensions)]
        rows.append([record.name, *values, *cells])
    return table(["trial", *space.dimensions, *columns], rows)


def _sentence(start: Record, best: Record, objective: Objective) -> str:
    if best is start:
        return f"No trial is better than the start ({described(start.values)}): `best.json` is the start."
    return (
        f"Best: trial {best.name}, {described(best.values)}; {objective.figure} {best.figures[objective.figure]:.5g}, "
        f"start {start.figures[objective.figure]:.5g}."
    )


def _confirmation(confirmed: list[dict[str, Any]], objective: Objective) -> str:
    columns = [c for c in (objective.figure, "val_mse", "val_mass", "n_parameters") if c in confirmed[0]["figures"]]
    columns = list(dict.fromkeys(columns))
    rows: list[list[str]] = []
    for who in ("start", "best"):
        chosen = [row for row in confirmed if row["who"] == who]
        rows += [[who, str(_seed(row)), *(f"{row['figures'][c]:.5g}" for c in columns)] for row in chosen]
        if len(chosen) > 1:
            means = [statistics.mean(row["figures"][c] for row in chosen) for c in columns]
            spreads = [statistics.stdev(row["figures"][c] for row in chosen) for c in columns]
            rows.append([f"{who}, mean", "", *(f"{m:.5g} ± {s:.2g}" for m, s in zip(means, spreads, strict=True))])
    return table(["", "seed", *columns], rows)
