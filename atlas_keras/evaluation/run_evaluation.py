"""Evaluate a run: on its own test split or on any files, alone or beside a second run."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atlas_keras.data.readers import PathLike
from atlas_keras.evaluation.distribution_shift import sentences
from atlas_keras.evaluation.evaluation import AGAINST, MODEL, Evaluation
from atlas_keras.evaluation.evaluation_folder import write_evaluation
from atlas_keras.evaluation.records import EvaluationRecord
from atlas_keras.evaluation.report import Provenance, model_facts
from atlas_keras.evaluation.run import Run, load_run
from atlas_keras.evaluation.run_jets import Jets, read_test_jets
from atlas_keras.output import check_free, whole_folder, write_json
from atlas_keras.versions import versions

log = logging.getLogger(__name__)
MARKER = "evaluation.json"  # by which the folder of an evaluation is known


def evaluate_jets(run: Run, jets: Jets, against: Run | None = None) -> Evaluation:
    """Send jets through the model of a run, and perhaps of a second one."""
    x = jets.table.jets
    labels = {MODEL: run.config.model.preset}
    started = time.perf_counter()
    reconstructed = {MODEL: run.reconstruct(x, run.unit)}
    if against is not None:
        labels = dict(zip((MODEL, AGAINST), _labels(run, against), strict=True))
        reconstructed[AGAINST] = against.reconstruct(x, run.unit)
    table = jets.table
    seconds = time.perf_counter() - started
    log.info("%d %s encoded and decoded in %.1f s", len(x), table.collection.title, seconds)
    return Evaluation(
        x, table.collection, reconstructed, labels, table.event, table.n_events, run.reference, jets.positions
    )


def _labels(run: Run, against: Run) -> tuple[str, str]:
    """Name two runs: by preset where that tells them apart, else by folder, else by the order on the command line."""
    names = (run.config.model.preset, against.config.model.preset)
    if names[0] == names[1]:
        names = (run.path.resolve().name, against.path.resolve().name)
    return names if names[0] != names[1] else (f"{names[0]} (first)", f"{names[1]} (second)")


def evaluate_run(
    run: str | Path,
    paths: PathLike | Sequence[PathLike] | None = None,
    *,
    against: str | Path | None = None,
    **reading: Any,
) -> Evaluation:
    """Evaluate a run on jets of any files, for notebooks: tables as DataFrames, plots as Figures.

    Args:
        run: run folder of `atlas_keras.train`.
        paths: files, folders, patterns or URLs; None is the test split of the run's own data.
        against: a second run, beside which the first one is put.
        reading: `source_unit`, `tree`, `objects`, `invalid`, `max_events`, `any_size`, as in `read_test_jets`.

    Returns:
        An `Evaluation`: `summary()`, `worst()`, `jets()` and the dictionary `tables` give DataFrames, `plots()` gives
        Figures by name, `metrics` and `distribution_shift` dictionaries.

    Raises:
        JetDataError: bad input.
        RunError: no such run.
    """
    loaded = load_run(run)
    rival = load_run(against) if against is not None else None
    return evaluate_jets(loaded, read_test_jets(loaded, paths, **reading), rival)


def write_evaluation_of(
    out: Path,
    run: Path,
    paths: Sequence[PathLike] | None = None,
    *,
    against: Path | None = None,
    command: str,
    force: bool = False,
    **reading: Any,
) -> dict[str, Any]:
    """Evaluate a run and write the folder `out`: `metrics.json`, `tables/`, `plots/`, `report.html`.

    Args:
        out: the folder.
        run, paths, against, reading: as in `evaluate_run`.
        command: that does the same, for the report.
        force: replace an evaluation that is there.

    Returns:
        What `metrics.json` holds.

    Raises:
        JetDataError: bad input.
        RunError: no such run, or the folder is taken.
    """
    check_free(out, force=force, marker=MARKER, kind="evaluation")  # before anything is read
    loaded = load_run(run)
    rival = load_run(against) if against is not None else None
    with whole_folder(out, MARKER, "evaluation", force=force) as folder:
        evaluation, metrics, provenance = _evaluate(loaded, rival, paths, command, reading)
        write_evaluation(folder, evaluation, metrics, provenance)
        names = None if paths is None else [str(path) for path in paths]
        write_json(folder / MARKER, {"run": str(run), "paths": names, "command": command})
    return metrics


def _evaluate(
    loaded: Run, rival: Run | None, paths: Sequence[PathLike] | None, command: str, reading: dict[str, Any]
) -> tuple[Evaluation, dict[str, Any], Provenance]:
    """Read and evaluate: the evaluation, its metrics, what the report tells beside them."""
    started = time.perf_counter()
    jets = read_test_jets(loaded, paths, **reading)
    table, seconds = jets.table, time.perf_counter() - started
    log.info("%d %s of %d events read in %.1f s", table.n_jets, table.collection.title, table.n_events, seconds)
    evaluation = evaluate_jets(loaded, jets, rival)
    warnings = _seen(loaded, rival, jets)
    if rival is not None:
        compared = rival.distribution_shift(jets.table.jets, loaded.unit)
        if not rival.splits_like(loaded):  # of the same training, the first run tells
            label = evaluation.labels[AGAINST]
            warnings += [f"unlike the training of {label}: {line}" for line in sentences(compared)]
    training = loaded.record.to_dict()
    record = EvaluationRecord.from_dict(
        {
            **_about(loaded),
            "n_jets": {"test": jets.table.n_jets},
            "n_events": {"test": jets.table.n_events},
            "n_dropped": jets.n_dropped,
            **jets.files,
            "trained_on": {key: training[key] for key in ("n_jets", "n_events", "data_files", "data_sha256")},
            "versions": versions(),
            "warnings": warnings,
        }
    )
    metrics = {**record.to_dict(), **evaluation.metrics}
    if rival is not None:
        metrics[AGAINST] = {**_about(rival), **metrics[AGAINST], "distribution_shift": compared}
    provenance = Provenance(
        title=" beside ".join(evaluation.labels.values()) if rival else f"Autoencoder {evaluation.labels[MODEL]}",
        jets=_described(jets),
        unseen=jets.is_test_split,
        command=command,
        config=loaded.config.to_dict(),
        facts=_facts(loaded, rival, evaluation),
        warnings=warnings,
    )
    return evaluation, metrics, provenance


def _about(run: Run) -> dict[str, Any]:
    """Take over what a run says about its model."""
    keys = ("preset", "unit", "seed", "model_fingerprint", "n_parameters", "epochs", "train_seconds")
    return {"run": run.path.name, **{key: getattr(run.record, key) for key in keys}}


def _facts(run: Run, rival: Run | None, evaluation: Evaluation) -> list[tuple[str, str]]:
    if rival is None:
        return model_facts(run.record, run.config)
    facts = []
    for key, one in ((MODEL, run), (AGAINST, rival)):
        facts += model_facts(one.record, one.config, evaluation.labels[key])
    return facts


def _described(jets: Jets) -> str:
    table, title, words = jets.table, jets.table.collection.title, f"{jets.table.collection.word}s"
    what = "the test split of the run's own data" if jets.is_test_split else f"all {title} of the files below"
    dropped = f"; {jets.n_dropped['events']:,} events and {jets.n_dropped['jets']:,} {words} were invalid and dropped"
    text = f"{what}: {table.n_jets:,} {words} of {table.n_events:,} events"
    return text + (dropped if any(jets.n_dropped.values()) else "")


def _seen(run: Run, rival: Run | None, jets: Jets) -> list[str]:
    """Say which models know the jets from their training."""
    files, words = jets.files["data_files"], f"{run.collection.word}s"
    warnings = []
    if not jets.is_test_split and (seen := run.has_seen(files)):
        warnings.append(
            f"{', '.join(seen)}: the model was trained on {words} of this file, so most of them are not unseen; "
            "leave out --data for the test split alone"
        )
    if rival is not None and (seen := rival.has_seen(files)) and not (jets.is_test_split and rival.splits_like(run)):
        warnings.append(
            f"{', '.join(seen)}: {rival.path.name} was trained on {words} of this file; they are not unseen by it"
        )
    return warnings
