"""`python -m atlas_keras.decompress`: the jets of a compressed file, with all other columns, as they were."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from atlas_keras.command import limit_memory, run_command
from atlas_keras.errors import ConfigError, RunError

MAX_GIGABYTES = 6.0  # beyond what is used at the start; blocks of honest files need less than one
DESCRIPTION = "Give the jets of a compressed file back, with events, order and all other columns as they were."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of decompression."""
    parser.add_argument("source", metavar="IN", type=Path, help="file of compress")
    parser.add_argument("target", metavar="OUT", type=Path, help=".parquet, or .csv or .csv.gz (Dark Machines)")
    parser.add_argument(
        "--run", metavar="RUN", type=Path, help="run that the file was made with, unless it is embedded"
    )
    parser.add_argument(
        "--any-size",
        action="store_true",
        help=f"take as much memory as the file wants (default: {MAX_GIGABYTES:g} GB)",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="number of processes (default: one a core)")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def run(args: argparse.Namespace) -> int:
    """Decompress and print what was written."""
    from atlas_keras.codec.files import decompress_file

    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"--jobs is at least 1. Received: {args.jobs}")
    if not args.any_size:
        limit_memory(MAX_GIGABYTES)
    try:
        summary = decompress_file(args.source, args.target, args.run, force=args.force, jobs=args.jobs)
    except MemoryError as error:
        if args.any_size:
            raise
        raise RunError(
            f"{args.source}: takes more than {MAX_GIGABYTES:g} GB of memory; --any-size sets no limit"
        ) from error
    print(f"{args.target}: {summary.header.n_jets:,} jets in {summary.header.n_events:,} events")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return run_command("decompress", DESCRIPTION, add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
