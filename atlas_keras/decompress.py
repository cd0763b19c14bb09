"""`python -m atlas_keras.decompress`: what a compressed file holds as Parquet, ROOT or text."""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from atlas_keras.command import (
    add_conversion,
    check_conversion,
    limit_memory,
    report_files,
    run_command,
    split_names,
    tell_left_out,
)
from atlas_keras.errors import ConfigError, RunError

MAX_GIGABYTES = 6.0  # beyond what is used at the start; blocks of honest files need less than one
DESCRIPTION = "Write a compressed file back, with events, order and all columns as they were, or within their bounds."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of decompression."""
    parser.usage = "%(prog)s [options] IN OUT\n       %(prog)s [options] IN [IN ...] OUTDIR"
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="IN OUT: a file of compress, or its URL, and .root, .parquet, .csv or .csv.gz: the ending chooses the "
        "format. Text has a row an event, or a row an object where --columns chooses one collection; jets of Dark "
        "Machines text become such text. Several inputs, a folder or a pattern: OUTDIR gets a file for each, and a "
        "manifest, as of compress",
    )
    parser.add_argument(
        "--ending",
        choices=(".parquet", ".root", ".csv", ".csv.gz"),
        default=".parquet",
        help="of the files in OUTDIR (default: .parquet)",
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
    add_conversion(parser, "processes")


def run(args: argparse.Namespace) -> int:
    """Decompress and print what was written."""
    from atlas_keras.codec.columns.opening import is_compressed
    from atlas_keras.data.files import is_several
    from atlas_keras.data.paths import find_file

    check_conversion(args, "decompressed")
    if not args.any_size:
        limit_memory(MAX_GIGABYTES)
    *sources, name = args.paths
    target = Path(name)
    if len(sources) > 1 or args.scheduler != "loop" or is_several(sources[0]):
        return _decompress_many(args, sources, target)
    source = find_file(sources[0])
    if is_compressed(source):
        return _decompress_columns(args, sources[0], target)
    from atlas_keras.codec.files import decompress_file

    if args.ntuple or args.columns or args.tree:
        raise ConfigError("--ntuple, --columns and --tree are for files of columns; this one is of jets")
    try:
        summary = decompress_file(source, target, args.run, force=args.force, jobs=args.jobs)
    except MemoryError as error:
        if args.any_size:
            raise
        raise RunError(
            f"{sources[0]}: takes more than {MAX_GIGABYTES:g} GB of memory; --any-size sets no limit"
        ) from error
    print(f"{target}: {summary.header.n_jets:,} jets in {summary.header.n_events:,} events")
    return 0


def _decompress_many(args: argparse.Namespace, sources: list[str], folder: Path) -> int:
    from atlas_keras.distributed.conversions import MODEL, RUN
    from atlas_keras.distributed.folders import convert_files, find_inputs

    given = {MODEL: args.model, RUN: args.run and args.run / RUN}
    records = convert_files(
        "decompress",
        find_inputs(sources, compressed=True),
        folder,
        args.ending,
        {"columns": split_names(args.columns), "tree": args.tree, "ntuple": args.ntuple},
        {name: path for name, path in given.items() if path is not None},
        scheduler=args.scheduler,
        jobs=args.jobs,
        force=args.force,
    )
    return report_files(records, folder)


def _decompress_columns(args: argparse.Namespace, source: str, target: Path) -> int:
    from atlas_keras.codec.columns.decompression import decompress_columns

    done = decompress_columns(
        source,
        target,
        columns=split_names(args.columns),
        tree=args.tree,
        model=args.model,
        ntuple=args.ntuple,
        force=args.force,
        jobs=args.jobs,
    )
    print(f"{target}: {done.n_events:,} events")
    tell_left_out("columns that files of this format cannot hold", done.left_out)
    tell_left_out("trees, each of which --tree writes", done.other_trees)
    return 0


main = functools.partial(run_command, "decompress", DESCRIPTION, add_arguments, run)

if __name__ == "__main__":
    sys.exit(main())
