"""`python -m atlas_keras.decompress`: what a compressed file holds as Parquet, ROOT or text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from atlas_keras.command import limit_memory, run_command, split_names, tell_left_out
from atlas_keras.errors import ConfigError, RunError

MAX_GIGABYTES = 6.0  # beyond what is used at the start; blocks of honest files need less than one
DESCRIPTION = "Write a compressed file back, with events, order and all columns as they were, or within their bounds."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of decompression."""
    parser.add_argument("source", metavar="IN", help="file of compress, or its URL")
    parser.add_argument(
        "target",
        metavar="OUT",
        type=Path,
        help=".root, .parquet, .csv or .csv.gz: the ending chooses the format. Text has a row an event, or a row an "
        "object where --columns chooses one collection; jets of Dark Machines text become such text",
    )
    parser.add_argument("--ntuple", action="store_true", help="write ROOT as RNTuples, not as TTrees")
    parser.add_argument(
        "--columns", nargs="+", action="extend", metavar="PATTERN", help="columns to write, of one tree (default: all)"
    )
    parser.add_argument(
        "--tree", metavar="NAME", help="tree to write (default: all in ROOT, else the one with most columns)"
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
    from atlas_keras.codec.columns.opening import is_compressed
    from atlas_keras.data.paths import find_file

    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"--jobs is at least 1. Received: {args.jobs}")
    if not args.any_size:
        limit_memory(MAX_GIGABYTES)
    source = find_file(args.source)
    if is_compressed(source):
        return _decompress_columns(args)
    from atlas_keras.codec.files import decompress_file

    if args.ntuple or args.columns or args.tree:
        raise ConfigError("--ntuple, --columns and --tree are for files of columns; this one is of jets")
    try:
        summary = decompress_file(source, args.target, args.run, force=args.force, jobs=args.jobs)
    except MemoryError as error:
        if args.any_size:
            raise
        raise RunError(
            f"{args.source}: takes more than {MAX_GIGABYTES:g} GB of memory; --any-size sets no limit"
        ) from error
    print(f"{args.target}: {summary.header.n_jets:,} jets in {summary.header.n_events:,} events")
    return 0


def _decompress_columns(args: argparse.Namespace) -> int:
    from atlas_keras.codec.columns.decompression import decompress_columns

    done = decompress_columns(
        args.source,
        args.target,
        columns=split_names(args.columns),
        tree=args.tree,
        model=args.model,
        ntuple=args.ntuple,
        force=args.force,
    )
    print(f"{args.target}: {done.n_events:,} events")
    tell_left_out("columns that files of this format cannot hold", done.left_out)
    tell_left_out("trees, each of which --tree writes", done.other_trees)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return run_command("decompress", DESCRIPTION, add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
