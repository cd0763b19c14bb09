"""Train from a configuration: read, split, assemble, fit, evaluate, and leave a run folder that others can load."""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

import atlas_keras
from atlas_keras.config import DataConfig, RunConfig
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.reading import find_files, read_events
from atlas_keras.data.splitting import RULE, SPLITS, JetTable, collect, split_events, split_of_events
from atlas_keras.density.densities import FILE, Densities
from atlas_keras.density.learning import collect_events, learn_densities
from atlas_keras.evaluation import plots
from atlas_keras.evaluation.baselines import fit_baselines
from atlas_keras.evaluation.metrics import evaluate_jets
from atlas_keras.evaluation.published import PublishedSpace
from atlas_keras.evaluation.report import write_report
from atlas_keras.models.assembly import Assembly
from atlas_keras.models.autoencoder import assemble
from atlas_keras.models.prediction import predict
from atlas_keras.output import check_free, write_json
from atlas_keras.training.finder import LearningRates, find_learning_rate
from atlas_keras.training.fit import fit
from atlas_keras.training.folder import MARKER, run_folder

log = logging.getLogger(__name__)


def train(config: RunConfig, out: str | Path, *, force: bool = False, progress: bool | None = None) -> dict[str, Any]:
    """Train an autoencoder and write the run folder `out`.

    A run that was killed goes on from its last epoch when it is started again with the same configuration and data.

    Args:
        config: data, model and training.
        out: the run folder: `model.keras`, `config.json`, `metrics.json`, `history.csv`, `learning_rates.csv`,
            `split.json`, `density.npz`, `plots/`, `report.html`.
        force: replace a run that is there.
        progress: False hides the progress bar; None shows it on a terminal.

    Returns:
        What `metrics.json` holds.

    Raises:
        JetDataError: bad input.
        RunError: the folder is taken, or training diverged.
    """
    out = Path(out)
    check_free(out, force=force, marker=MARKER, kind="run folder")  # before anything is read
    policy = InvalidPolicy(config.data.invalid)  # type: ignore[arg-type]
    table = read_table(config.data, policy)
    files = fingerprint(config.data)
    with run_folder(out, {"config": config.to_dict(), "files": files}, force=force) as folder:
        keras.utils.set_random_seed(config.training.seed)
        parts = split_events(table, config.data, config.training.seed)
        assembly = assemble(config.model, parts["train"].jets, config.data.unit)
        rows = {name: predict(assembly.normalise, parts[name].jets) for name in ("train", "validation")}
        rates = _find_rates(assembly, rows["train"], config)
        peak = config.training.learning_rate or rates.minimum
        started = time.perf_counter()
        history = fit(
            assembly,
            rows["train"],
            rows["validation"],
            config.training,
            learning_rate=peak,
            checkpoint=folder / "checkpoint.npz",
            callbacks=_tensorboard(folder) if config.training.tensorboard else (),
            progress=progress,
        )
        log.info("trained %d epochs in %.1f s", len(history), time.perf_counter() - started)
        metrics = {
            "preset": config.model.preset,
            "unit": config.data.unit,
            "seed": config.training.seed,
            "n_parameters": assembly.n_parameters,
            "epochs": len(history),
            "train_seconds": float(history["seconds"].sum()),
            "learning_rate": {"peak": peak, "minimum": rates.minimum, "steepest": rates.steepest},
            "n_jets": {name: part.n_jets for name, part in parts.items()},
            "n_events": {name: part.n_events for name, part in parts.items()},
            "n_dropped": {"events": policy.n_events, "jets": policy.n_jets},
            **files,
            "versions": {
                "atlas_keras": atlas_keras.__version__,
                **{p: version(p) for p in ("keras", "tensorflow", "numpy")},
            },
        }
        _write(folder, config, metrics, assembly, history, rates, table, parts)
        (folder / "checkpoint.npz").unlink()
    return metrics


def read_table(config: DataConfig, policy: InvalidPolicy) -> JetTable:
    """Read all jets that the configuration names into memory."""
    batches = read_events(
        config.paths, unit=config.unit, source_unit=config.source_unit, objects=config.objects, policy=policy
    )
    table = collect(batches)
    if policy.n_events or policy.n_jets:
        log.warning("dropped %d events and %d jets that were invalid", policy.n_events, policy.n_jets)
    return table


def _learn_densities(config: RunConfig, n_events: int) -> Densities:
    """Learn from the training split, in a second pass: densities use columns that the networks do not."""
    data = config.data
    chosen = split_of_events(n_events, data, config.training.seed) == SPLITS.index("train")
    policy = InvalidPolicy(data.invalid)  # type: ignore[arg-type]
    batches = read_events(data.paths, source_unit=data.source_unit, objects=data.objects, policy=policy)
    return learn_densities(collect_events(batches, chosen))


def fingerprint(config: DataConfig) -> dict[str, Any]:
    """Compute `data_files` (name and sha256 of each) and `data_sha256`: of the one file, or of the list of digests."""
    files = []
    for path in find_files(config.paths):
        with path.open("rb") as stream:
            files.append({"name": path.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()})
    joined = hashlib.sha256("".join(file["sha256"] for file in files).encode()).hexdigest()
    return {"data_files": files, "data_sha256": files[0]["sha256"] if len(files) == 1 else joined}


def _find_rates(assembly: Assembly, rows: NDArray[np.float32], config: RunConfig) -> LearningRates:
    t = config.training
    return find_learning_rate(assembly, rows, batch_size=t.batch_size, weight_decay=t.weight_decay, seed=t.seed)


def _tensorboard(folder: Path) -> list[keras.callbacks.Callback]:
    return [keras.callbacks.TensorBoard(log_dir=str(folder / "tensorboard"), write_graph=False)]


def _write(
    folder: Path,
    config: RunConfig,
    metrics: dict[str, Any],
    assembly: Assembly,
    history: pd.DataFrame,
    rates: LearningRates,
    table: JetTable,
    parts: dict[str, JetTable],
) -> None:
    """Evaluate on the test split and write all files of the run; `metrics` gets the figures."""
    test = parts["test"]
    x_hat = predict(assembly.autoencoder, test.jets)
    baselines = fit_baselines(parts["train"].jets)
    metrics.update(evaluate_jets(test.jets, x_hat, test.event, PublishedSpace.of(table.jets), baselines))
    assembly.autoencoder.save(folder / "model.keras")
    (folder / FILE).write_bytes(_learn_densities(config, table.n_events).to_bytes())
    write_json(folder / "config.json", config.to_dict())
    write_json(folder / "metrics.json", metrics)
    sizes = {name: part.n_events for name, part in parts.items()}
    write_json(folder / "split.json", {"rule": RULE, "seed": config.training.seed, "n_events": sizes})
    history.to_csv(folder / "history.csv", index=False)
    rates.curve.to_csv(folder / "learning_rates.csv", index=False)
    figures: dict[str, Figure] = {
        "loss": plots.plot_loss(history),
        "learning_rates": plots.plot_learning_rates(rates.curve, rates.minimum, rates.steepest),
        "residuals": plots.plot_residuals(test.jets, x_hat),
        "distributions": plots.plot_distributions(test.jets, x_hat, config.data.unit),
        "mass": plots.plot_mass(test.jets, x_hat, config.data.unit),
    }
    (folder / "plots").mkdir(exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / "plots" / f"{name}.png")
    write_report(folder / "report.html", metrics, asdict(config), folder / "plots")
