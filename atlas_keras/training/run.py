"""Train from a configuration: read, split, build, fit, evaluate, and leave a run folder that others can load."""

from __future__ import annotations

import functools
import logging
import operator
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from atlas_keras.codec.entropy_model.fitting import can_fit, collect_events, fit_entropy_model, four_momenta
from atlas_keras.codec.entropy_model.model import FILE, EntropyModel
from atlas_keras.config import RunConfig
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.pipeline import Rows
from atlas_keras.data.readers import read_batches
from atlas_keras.data.source import fingerprint, first_events, options_of
from atlas_keras.data.splitting import SPLITS, lots_of_events, split_of_events
from atlas_keras.distributed.checksums import digests_on
from atlas_keras.distributed.scheduling import LOOP, workers
from atlas_keras.evaluation import plots
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.evaluation_folder import write_evaluation
from atlas_keras.evaluation.principal_components import PrincipalComponents
from atlas_keras.evaluation.records import TrainingRecord
from atlas_keras.evaluation.report import Provenance, model_facts
from atlas_keras.evaluation.tally import MODEL, Tally
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.fingerprint import fingerprint as model_fingerprint
from atlas_keras.models.jet_autoencoder import TrainingSetup
from atlas_keras.models.prediction import Predictor
from atlas_keras.output import check_free, write_json
from atlas_keras.training.devices import strategy_of
from atlas_keras.training.finder import LearningRates, find_learning_rate
from atlas_keras.training.fit import fit
from atlas_keras.training.run_folder import KIND, MARKER, run_folder
from atlas_keras.training.start import begin, describe_start, read_start
from atlas_keras.training.training_data import TrainingData, read_training_data
from atlas_keras.versions import versions

log = logging.getLogger(__name__)
MAX_EVENTS = 1 << 22  # that are read for the entropy model of jets on disk


def train_run(
    config: RunConfig,
    out: str | Path,
    *,
    cache: str | Path | None = None,
    scheduler: str = LOOP,
    force: bool = False,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Train an autoencoder and write the run folder `out`.

    A run that was killed goes on from its last epoch when it is started again with the same configuration and data.

    Args:
        config: data, model and training.
        out: the run folder: `model.keras`, `config.json`, `metrics.json`, `history.csv`, `learning_rates.csv`,
            `split.json`, `reference.json`, `entropy_model.npz` (of jets with a four-momentum), `tables/`, `plots/`,
            `report.html`.
        cache: folder of jets that stay on disk, kept for further runs; None takes one beside the run folder, which is
            deleted in the end.
        scheduler: Dask cluster that reads jets that stay on disk, a task a file: its address, `local` or `local:N`;
            `loop` reads them in this process.
        force: replace a run that is there.
        progress: False hides the progress bar; None shows it on a terminal.

    Returns:
        What `metrics.json` holds.

    Raises:
        JetDataError: bad input.
        RunError: the folder is taken, the run to start from does not fit, or training diverged.
    """
    out = Path(out)
    check_free(out, force=force, marker=MARKER, kind=KIND)  # before anything is read
    with strategy_of(config.training.devices).scope():
        return _train(config, out, cache, scheduler, force, progress)


def _train(
    config: RunConfig, out: Path, cache: str | Path | None, scheduler: str, force: bool, progress: bool | None
) -> dict[str, Any]:
    """Train in the scope of what distributes the training over devices."""
    with workers(scheduler) as at_work:
        files = fingerprint(config.data.paths, digests_on(at_work))
    start = read_start(config, files)
    about_start = describe_start(start)  # now: training changes its model
    beside = Path(f"{out}.cache")
    with run_folder(out, {"config": config.to_dict(), "files": files, **about_start}, force=force) as folder:
        data = read_training_data(config, files, Path(cache or beside), scheduler)
        config = replace(config, data=replace(config.data, split=data.split))
        architecture = ARCHITECTURES[config.model.architecture]
        resolved = architecture.resolve(config.model, data.train, config.data.collection)
        config = replace(config, model=resolved)
        training_setup = begin(config, start, data.train)
        rows = {name: data.rows(name, training_setup.normalize) for name in ("train", "validation")}
        rates = _find_rates(training_setup, rows["train"], config)
        asked = config.training.learning_rate
        peak = rates.minimum if asked == "auto" else asked
        history = fit(
            training_setup,
            rows["train"],
            rows["validation"],
            config.training,
            learning_rate=peak,
            checkpoint=folder / "checkpoint.npz",
            callbacks=_tensorboard(folder) if config.training.tensorboard else (),
            progress=progress,
        )
        # Those of before it was killed, too, where a run goes on.
        log.info("trained %d epochs in %.1f s", len(history), history["seconds"].sum())
        record = TrainingRecord.from_dict(
            {
                "preset": config.model.preset,
                "unit": config.data.unit,
                "seed": config.training.seed,
                "model_fingerprint": model_fingerprint(training_setup.autoencoder),
                "n_parameters": training_setup.n_parameters,
                "epochs": len(history),
                "train_seconds": float(history["seconds"].sum()),
                "learning_rate": {"peak": peak, "minimum": rates.minimum, "steepest": rates.steepest},
                "n_jets": data.n_jets,
                "n_events": data.n_events,
                "n_dropped": data.n_dropped,
                **files,
                **about_start,
                "versions": versions(),
            }
        )
        metrics = _write(folder, config, record, training_setup, history, rates, data)
        (folder / "checkpoint.npz").unlink()
    if data.split == "lots" and cache is None:
        shutil.rmtree(beside)
    return metrics


def _fit_entropy_model(config: RunConfig, n_events: int) -> EntropyModel:
    """Fit it to the training split, in a second pass: an entropy model uses columns that the networks do not."""
    data = config.data
    policy = InvalidPolicy(data.invalid)  # type: ignore[arg-type]
    options = replace(options_of(data, policy), collection=four_momenta(data.collection))
    batches = read_batches(data.paths, "file", options)
    if data.split == "permutation":
        split = split_of_events(n_events, data, config.training.seed)
    else:  # of very many events, the first ones have more jets than are learned from
        n_events = min(n_events, MAX_EVENTS)
        split, batches = lots_of_events(0, n_events, data, config.training.seed), first_events(batches, n_events)
    return fit_entropy_model(collect_events(batches, split == SPLITS.index("train")))


def _find_rates(training_setup: TrainingSetup, rows: Rows, config: RunConfig) -> LearningRates:
    t = config.training
    return find_learning_rate(training_setup, rows, batch_size=t.batch_size, weight_decay=t.weight_decay, seed=t.seed)


def _tensorboard(folder: Path) -> list[keras.callbacks.Callback]:
    return [keras.callbacks.TensorBoard(log_dir=str(folder / "tensorboard"), write_graph=False)]


def _write(
    folder: Path,
    config: RunConfig,
    record: TrainingRecord,
    training_setup: TrainingSetup,
    history: pd.DataFrame,
    rates: LearningRates,
    data: TrainingData,
) -> dict[str, Any]:
    """Evaluate on the test split, write all files of the run, and return what `metrics.json` holds."""
    model = Predictor(training_setup.autoencoder)
    reference = data.reference(config.data.unit, PrincipalComponents.of(training_setup.autoencoder, data.train))
    tallies = (Tally.of(chunk, {MODEL: model(chunk.jets)}, reference) for chunk in data.test_chunks())
    labels = {MODEL: config.model.preset}
    evaluation = Evaluation(functools.reduce(operator.add, tallies), config.data.collection, labels, reference)
    metrics = {**record.to_dict(), **evaluation.metrics}
    training_setup.autoencoder.save(folder / "model.keras")
    if can_fit(config.data.collection):
        (folder / FILE).write_bytes(_fit_entropy_model(config, sum(data.n_events.values())).to_bytes())
    write_json(folder / "config.json", config.to_dict())
    write_json(folder / "reference.json", reference.to_dict())
    split = {"rule": data.rule, "seed": config.training.seed, "n_events": data.n_events}
    write_json(folder / "split.json", split)
    history.to_csv(folder / "history.csv", index=False)
    rates.curve.to_csv(folder / "learning_rates.csv", index=False)
    figures = {
        "loss": plots.plot_loss(history),
        "learning_rates": plots.plot_learning_rates(rates.curve, rates.minimum, rates.steepest),
    }
    write_evaluation(folder, evaluation, metrics, _provenance(config, record), figures)
    return metrics


def _provenance(config: RunConfig, record: TrainingRecord) -> Provenance:
    n_jets, n_events = record.n_jets.test, record.n_events.test
    return Provenance(
        title=f"Autoencoder {config.model.preset}",
        jets=f"the test split, unseen in training: {n_jets:,} {config.data.collection.word}s of {n_events:,} events",
        unseen=True,
        command="python -m atlas_keras.train --config config.json",
        config=config.to_dict(),
        facts=model_facts(record, config),
    )
