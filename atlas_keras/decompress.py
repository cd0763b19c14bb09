"""`python -m atlas_keras.decompress`: what a compressed file holds as Parquet, ROOT or text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from atlas_keras.command import limit_memory, run_command
from atlas_keras.errors import ConfigError, RunError

MAX_GIGABYTES = 6.0  # beyond what is used at the start; blocks of honest files need less than one
DESCRIPTION = "Write a compressed file back, with events, order and all columns as they were, or within their bounds."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of decompression."""
    parser.add_argument("source", metavar="IN", type=Path, help="file of compress")
    parser.add_argument(
        "target", metavar="OUT", type=Path, help=".parquet or .root; of jets: .parquet, .csv or .csv.gz (text)"
    )
    parser.add_argument("--ntuple", action="store_true", help="write ROOT as an RNTuple, not as a TTree")
    parser.add_argument(
        "--columns", nargs="+", action="extend", metavar="PATTERN", help="columns to write (default: all)"
    )
    parser.add_argument(
        "--run", metavar="RUN", type=Path, help="run that the file was made with, unless it is embedded"
    )
    parser.add_argument(
        "--model", metavar="MODEL", type=Path, help="entropy model that the file was made with, unless it is embedded"
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
    from atlas_keras.codec.columns.reader import is_compressed_columns

    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"--jobs is at least 1. Received: {args.jobs}")
    if not args.any_size:
        limit_memory(MAX_GIGABYTES)
    if is_compressed_columns(args.source):
        return _decompress_columns(args)
    from atlas_keras.codec.files import decompress_file

    if args.ntuple or args.columns:
        raise ConfigError("--ntuple and --columns are for files of columns; this one is of jets")
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


def _decompress_columns(args: argparse.Namespace) -> int:
    from atlas_keras.codec.columns.files import decompress_columns

    names = [name for text in args.columns or () for name in text.split(",") if name]
    n_events, left_out = decompress_columns(
        args.source, args.target, columns=names, model=args.model, ntuple=args.ntuple, force=args.force
    )
    print(f"{args.target}: {n_events:,} events")
    if left_out:
        more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
        first = ", ".join(left_out[:5])
        print(f"left out what a TTree cannot hold, and --ntuple or .parquet can: {first}{more}", file=sys.stderr)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return run_command("decompress", DESCRIPTION, add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
