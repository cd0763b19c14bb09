"""`python -m atlas_keras.evaluate`: how jets of any file come back through the model of a run."""

from __future__ import annotations

import argparse
import contextlib
import functools
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atlas_keras.command import (
    FAILED,
    add_any_size,
    add_scheduler,
    error_units,
    import_tensorflow,
    mean_errors,
    run_command,
)
from atlas_keras.errors import ConfigError
from atlas_keras.schema import Collection

LEFT_OUT = "left out"  # how the warning of a file begins that could not be read
DESCRIPTION = "Evaluate the model of a run on any jets: a folder with metrics, tables, plots and a report."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of an evaluation."""
    parser.add_argument("run", metavar="RUN", type=Path, help="run folder of atlas_keras.train")
    parser.add_argument(
        "--data",
        nargs="+",
        metavar="PATH",
        help="files, folders, patterns or URLs (default: the run's own data, of it the test split)",
    )
    parser.add_argument("--against", metavar="RUN2", type=Path, help="a second run, to be put beside the first one")
    parser.add_argument("--objects", metavar="IDS", help="object ids that count as jets, e.g. j,b (default: the run's)")
    parser.add_argument("--source-unit", choices=("MeV", "GeV"), help="unit of files that do not state it themselves")
    parser.add_argument("--tree", metavar="NAME", help="tree of ROOT files (default: the only one that holds jets)")
    parser.add_argument("--invalid", choices=("error", "drop"), help="what to do with bad input (default: the run's)")
    add_any_size(parser)
    add_scheduler(parser)
    parser.add_argument("--max-events", type=int, metavar="N", help="read the first N events alone (default: all)")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder to write (default: RUN/evaluations/NAME-OF-THE-FIRST-FILE)"
    )
    parser.add_argument("--force", action="store_true", help="replace an evaluation that exists")


def default_folder(args: argparse.Namespace) -> Path:
    """Choose where an evaluation goes when --out is not given."""
    name = Path(args.data[0]).name.partition(".")[0] if args.data else "test"
    name = name.replace("*", "").replace("?", "").strip("_-") or "jets"
    if args.against:
        name += f"-against-{args.against.resolve().name}"
    return args.run / "evaluations" / name


def command_line(args: argparse.Namespace) -> str:
    """Return the command that does the same."""
    words = ["python", "-m", "atlas_keras.evaluate", str(args.run)]
    for name in ("data", "against", "objects", "source_unit", "tree", "invalid", "max_events"):
        if value := getattr(args, name):
            words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [str(value)])]
    if args.any_size:
        words.append("--any-size")
    return shlex.join(words)


def run(args: argparse.Namespace) -> int:
    """Evaluate, and print how well the jets come back, whether they look like the training's, where the report is."""
    if args.max_events is not None and args.max_events < 1:
        raise ConfigError(f"--max-events is at least 1. Received: {args.max_events}")
    if not args.data and (args.objects or args.source_unit or args.tree or args.max_events):
        raise ConfigError(
            "--objects, --source-unit, --tree and --max-events go with --data; the run's own data stays as it was"
        )
    if args.scheduler != "loop" and (not args.data or args.max_events):
        raise ConfigError("--scheduler goes with --data, and without --max-events")
    out = args.out or default_folder(args)
    import_tensorflow()
    # These take seconds: --help and usage errors do without.
    from atlas_keras.config import read_config
    from atlas_keras.evaluation.run_evaluation import write_evaluation_of

    with _at_work(args.scheduler) as (counted, digests):
        metrics = write_evaluation_of(
            out,
            args.run,
            args.data,
            against=args.against,
            command=command_line(args),
            force=args.force,
            counted=counted,
            digests=digests,
            source_unit=args.source_unit,
            tree=args.tree,
            objects=args.objects.split(",") if args.objects else None,
            invalid=args.invalid,
            max_events=args.max_events,
            any_size=args.any_size,
        )
    show(metrics, read_config(args.run / "config.json").data.collection)
    print(f"report: {out / 'report.html'}")
    return FAILED if any(warning.startswith(LEFT_OUT) for warning in metrics["warnings"]) else 0


@contextlib.contextmanager
def _at_work(scheduler: str) -> Iterator[tuple[Any, Any]]:
    """Return what counts the jets of a run, and what computes checksums of files, here or on a cluster."""
    from atlas_keras.distributed.checksums import digests_on
    from atlas_keras.distributed.evaluations import count_on, showing
    from atlas_keras.distributed.scheduling import workers
    from atlas_keras.evaluation.run_tally import count_here

    with workers(scheduler) as at_work:
        count = count_here if scheduler == "loop" else functools.partial(count_on, at_work)
        yield lambda run, rival: showing(count(run, rival)), digests_on(at_work)


def show(metrics: Mapping[str, Any], collection: Collection) -> None:
    """Print the figures that matter most, and on stderr what the reader has to know before."""
    from atlas_keras.evaluation.distribution_shift import sentences

    methods = [(metrics["preset"], metrics)]
    if "against" in metrics:
        methods = [(metrics["run"], metrics), (metrics["against"]["run"], metrics["against"])]
    methods += [(baseline["formula"], baseline) for baseline in metrics["baselines"].values()]
    has_mass = "mass" in metrics  # one that follows from the columns
    of_mass = ", median error of the mass" if has_mass else ""
    print(f"{metrics['n_jets']['test']} {collection.title}, mean errors ({error_units(collection)}){of_mass}:")
    for label, m in methods:
        errors = mean_errors(m["test"], collection)
        if has_mass:
            errors += f", mass {'-' if m['mass']['median_abs'] is None else format(m['mass']['median_abs'], '.2g')}"
        if "normalized_mse" in m:
            errors += f", MSE of the transformed columns {m['normalized_mse']:.3g}"
        if "published" in m:
            errors += f", MSE by the published formula {m['published']['mse']:.3g}"
        print(f"  {label}: {errors}")
    comparison = metrics["distribution_shift"]
    for warning in metrics["warnings"]:
        print(f"WARNING: {warning}", file=sys.stderr)
    outside = f"{100 * comparison['outside_fraction']:.2g} % of them are out of its range"
    if comparison["alike"]:
        print(f"the {collection.word}s look like those of the training; {outside}")
        return
    print(f"WARNING: the {collection.word}s do NOT look like those of the training, {outside}", file=sys.stderr)
    for sentence in sentences(comparison):
        print(f"WARNING:   {sentence}", file=sys.stderr)


main = functools.partial(run_command, "evaluate", DESCRIPTION, add_arguments, run)

if __name__ == "__main__":
    sys.exit(main())
