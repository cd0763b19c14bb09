"""`python -m atlas_keras.fit_entropy`: learn from some files how to compress all of their kind."""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from atlas_keras.command import FAILED, add_any_size, add_scheduler, run_command
from atlas_keras.errors import ConfigError

DESCRIPTION = "Fit an entropy model to files of one kind; compress and decompress take it with --model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="IN [IN ...] OUT: files of any format, folders, patterns or URLs"
    )
    parser.add_argument("--bound", nargs="+", action="extend", metavar="B", help="bounds, as those of compress")
    parser.add_argument("--columns", nargs="+", action="extend", metavar="PATTERN", help="columns (default: all)")
    parser.add_argument("--tree", metavar="NAME", help="tree of ROOT files (default: the one with most columns)")
    add_any_size(parser)
    parser.add_argument("--jobs", type=int, metavar="N", help="number of threads (default: one a core)")
    add_scheduler(parser)
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def run(args: argparse.Namespace) -> int:
    """Fit and print what was learned."""
    from atlas_keras.distributed.entropy_models import fit_to_files
    from atlas_keras.distributed.folders import find_inputs

    *sources, name = args.paths
    target = Path(name)
    if not sources:
        raise ConfigError("name the files to learn from, and the model to write: IN [IN ...] OUT")
    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"--jobs is at least 1. Received: {args.jobs}")
    n_events, n_columns, failed = fit_to_files(
        find_inputs(sources),
        target,
        args.bound or (),
        columns=args.columns or (),
        tree=args.tree,
        any_size=args.any_size,
        scheduler=args.scheduler,
        force=args.force,
        jobs=args.jobs,
    )
    for error in failed:
        print(f"failed: {error}", file=sys.stderr)
    print(f"{target}: {target.stat().st_size:,} bytes, {n_columns:,} columns learned from {n_events:,} events")
    return FAILED if failed else 0


main = functools.partial(run_command, "fit-entropy", DESCRIPTION, add_arguments, run)

if __name__ == "__main__":
    sys.exit(main())
