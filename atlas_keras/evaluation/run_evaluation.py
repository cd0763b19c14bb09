"""Evaluate a run: on its own test split or on any files, alone or beside a second run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.readers import PathLike, no_jets
from atlas_keras.errors import JetDataError
from atlas_keras.evaluation.distribution_shift import compare, sentences
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.evaluation_folder import write_evaluation
from atlas_keras.evaluation.records import EvaluationRecord, TrainedModel
from atlas_keras.evaluation.report import Provenance, model_facts
from atlas_keras.evaluation.run import Run, load_run
from atlas_keras.evaluation.run_jets import TestJets, find_test_jets, read_test_split
from atlas_keras.evaluation.run_tally import Count, RunTally, count_here, tasks_of, total_of
from atlas_keras.evaluation.tally import AGAINST, MODEL
from atlas_keras.output import check_free, whole_folder, write_json
from atlas_keras.versions import versions

log = logging.getLogger(__name__)
MARKER = "evaluation.json"  # by which the folder of an evaluation is known


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
        reading: `source_unit`, `tree`, `objects`, `invalid`, `max_events`, `any_size`, as in `find_test_jets`.

    Returns:
        An `Evaluation`: `summary()`, `worst()`, `jets()` and the dictionary `tables` give DataFrames, `plots()` gives
        Figures by name, `metrics` and `distribution_shift` dictionaries.

    Raises:
        JetDataError: bad input.
        RunError: no such run.
    """
    loaded = load_run(run)
    rival = load_run(against) if against is not None else None
    jets = find_test_jets(loaded, paths, **reading)
    return _evaluation(loaded, rival, _count(loaded, rival, jets, count_here(loaded, rival)))


def _count(run: Run, rival: Run | None, jets: TestJets, count: Count) -> RunTally:
    """Count all jets.

    Raises:
        JetDataError: bad input in all files, or no jet in any.
    """
    if jets.is_test_split:
        policy = InvalidPolicy(jets.config.invalid)  # type: ignore[arg-type]
        found = RunTally.of(run, rival, read_test_split(run, jets, policy))
        total = found + RunTally({}, {}, np.array([policy.n_events, policy.n_jets]), {})
    else:
        tasks = tasks_of(jets)
        total = total_of(tasks, count(tasks))
    if not total.tallies:
        raise JetDataError(total.errors[min(total.errors)])
    tally = total.tallies["jets"]
    if not tally.n_jets:
        n_dropped, policy = total.n_dropped, InvalidPolicy(jets.config.invalid)  # type: ignore[arg-type]
        policy.n_events, policy.n_jets = n_dropped.tolist()
        n_events, config = sum(tally.n_events.values()), jets.config
        raise no_jets(jets.paths, n_events, config.objects, policy, config.collection.title)
    return total


def _evaluation(run: Run, rival: Run | None, total: RunTally) -> Evaluation:
    labels = {MODEL: run.config.model.preset}
    if rival is not None:
        labels = dict(zip((MODEL, AGAINST), _labels(run, rival), strict=True))
    return Evaluation(total.tallies["jets"], run.collection, labels, run.reference)


def write_evaluation_of(
    out: Path,
    run: Path,
    paths: Sequence[PathLike] | None = None,
    *,
    against: Path | None = None,
    command: str,
    force: bool = False,
    counted: Callable[[Run, Run | None], Count] = count_here,
    **reading: Any,
) -> dict[str, Any]:
    """Evaluate a run and write the folder `out`: `metrics.json`, `tables/`, `plots/`, `report.html`.

    Args:
        out: the folder.
        run, paths, against, reading: as in `evaluate_run`.
        command: that does the same, for the report.
        force: replace an evaluation that is there.
        counted: returns what counts the jets of the files for the runs: here, or on a cluster.

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
        evaluation, metrics, provenance = _evaluate(loaded, rival, paths, command, counted(loaded, rival), reading)
        write_evaluation(folder, evaluation, metrics, provenance)
        names = None if paths is None else [str(path) for path in paths]
        write_json(folder / MARKER, {"run": str(run), "paths": names, "command": command})
    return metrics


def _evaluate(
    loaded: Run,
    rival: Run | None,
    paths: Sequence[PathLike] | None,
    command: str,
    count: Count,
    reading: dict[str, Any],
) -> tuple[Evaluation, dict[str, Any], Provenance]:
    """Read and evaluate: the evaluation, its metrics, what the report tells beside them."""
    started = time.perf_counter()
    jets = find_test_jets(loaded, paths, **reading)
    total = _count(loaded, rival, jets, count)
    evaluation = _evaluation(loaded, rival, total)
    tally, n_dropped = evaluation.tally, dict(zip(("events", "jets"), total.n_dropped.tolist(), strict=True))
    n_events = sum(tally.n_events.values())
    if any(n_dropped.values()):
        word = loaded.collection.word
        log.warning("dropped %d events and %d %ss that were invalid", n_dropped["events"], n_dropped["jets"], word)
    seconds, title = time.perf_counter() - started, loaded.collection.title
    log.info("%d %s of %d events read, encoded and decoded in %.1f s", tally.n_jets, title, n_events, seconds)
    warnings = [f"left out, it cannot be read: {error}" for _, error in sorted(total.errors.items())]
    warnings += _seen(loaded, rival, jets)
    if rival is not None:
        compared = compare(total.beside[AGAINST], rival.reference, rival.collection)
        if not rival.splits_like(loaded):  # of the same training, the first run tells
            label = evaluation.labels[AGAINST]
            warnings += [f"unlike the training of {label}: {line}" for line in sentences(compared)]
    training = loaded.record.to_dict()
    record = EvaluationRecord.from_dict(
        {
            **_about(loaded),
            "n_jets": {"test": tally.n_jets},
            "n_events": {"test": n_events},
            "n_dropped": n_dropped,
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
        jets=_described(jets, tally.n_jets, n_events, n_dropped),
        unseen=jets.is_test_split,
        command=command,
        config=loaded.config.to_dict(),
        facts=_facts(loaded, rival, evaluation),
        warnings=warnings,
    )
    return evaluation, metrics, provenance


def _about(run: Run) -> dict[str, Any]:
    """Take over what a run says about its model."""
    return {"run": run.path.name, **{part.name: getattr(run.record, part.name) for part in fields(TrainedModel)}}


def _facts(run: Run, rival: Run | None, evaluation: Evaluation) -> list[tuple[str, str]]:
    if rival is None:
        return model_facts(run.record, run.config)
    facts = []
    for key, one in ((MODEL, run), (AGAINST, rival)):
        facts += model_facts(one.record, one.config, evaluation.labels[key])
    return facts


def _described(jets: TestJets, n_jets: int, n_events: int, n_dropped: Mapping[str, int]) -> str:
    title, words = jets.config.collection.title, f"{jets.config.collection.word}s"
    what = "the test split of the run's own data" if jets.is_test_split else f"all {title} of the files below"
    dropped = f"; {n_dropped['events']:,} events and {n_dropped['jets']:,} {words} were invalid and dropped"
    text = f"{what}: {n_jets:,} {words} of {n_events:,} events"
    return text + (dropped if any(n_dropped.values()) else "")


def _seen(run: Run, rival: Run | None, jets: TestJets) -> list[str]:
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
