"""`python -m atlas_keras.compress`: whole files within bounds by column, or jets by what a run has learned."""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atlas_keras.command import (
    add_any_size,
    add_conversion,
    check_conversion,
    report_files,
    run_command,
    split_names,
    tell_left_out,
)
from atlas_keras.errors import AtlasKerasError, ConfigError

DESCRIPTION = "Compress files within bounds; every value is decoded and checked before a file appears."
SUFFIXES = {"entropy": ".akc", "parquet": ".parquet"}  # of files that are written to a folder, by coding
JETS_SUFFIX = ".jets.parquet"  # of those of jets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of compression."""
    parser.usage = (
        "%(prog)s [options] IN OUT\n       %(prog)s [options] RUN IN OUT\n"
        "       %(prog)s [options] [RUN] IN [IN ...] OUTDIR"
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="IN OUT: a file of any format, or its URL, with all trees and columns, no run needed. RUN IN OUT: "
        "jets of any file that train reads, coded by what a run has learned. Several inputs, a folder or a pattern: "
        "OUTDIR gets a file for each, and a manifest; the same command again does what is missing or changed",
    )
    _add_what_is_kept(parser.add_argument_group("what is kept"))
    _add_form_and_data(parser)
    add_conversion(parser, "processes or threads")


def _add_what_is_kept(kept: argparse._ActionsContainer) -> None:
    how = kept.add_mutually_exclusive_group()
    how.add_argument(
        "--bound",
        nargs="+",
        action="extend",
        metavar="B",
        help="largest error by column: 1e-3, and by pattern '*pt=rel 1e-3' 'btag*=abs 1e-2' '*phi=angle 1e-3' "
        "'HLT_*=exact' 'Tau_*=drop' (default: by name and type, integers exact). With RUN: of E, pt, eta and phi, one "
        "number or E=1e-3,pt=1e-3,eta=5e-4,phi=5e-4, and ,mass=1e-2 for the jet mass",
    )
    how.add_argument(
        "--lossless",
        action="store_true",
        help="give every number of the jets back bit for bit; of a ROOT file nothing else is kept but "
        "--columns, and --bound '*=exact' keeps all of it so",
    )
    kept.add_argument(
        "--columns",
        nargs="+",
        action="extend",
        metavar="PATTERN",
        help="columns to keep (default: all); with RUN, or --lossless: further ROOT branches, e.g. MET_*,HLT_*; one "
        "called pt becomes event.pt (other formats keep all columns anyway)",
    )
    kept.add_argument(
        "--schema",
        metavar="FILE.toml",
        type=Path,
        help="bounds by column, as `info --schema` writes them to be changed",
    )
    kept.add_argument(
        "--model", metavar="MODEL", type=Path, help="entropy model of fit-entropy (default: one is fitted to the file)"
    )
    kept.add_argument("--run", metavar="RUN", type=Path, help="another way to say RUN IN OUT: IN OUT --run RUN")


def _add_form_and_data(parser: argparse.ArgumentParser) -> None:
    form = parser.add_argument_group("form")
    form.add_argument(
        "--coding",
        choices=tuple(SUFFIXES),
        default="entropy",
        help="entropy is smaller; parquet is whole numbers in Parquet columns, which others read (default: entropy)",
    )
    form.add_argument(
        "--level",
        type=int,
        metavar="N",
        help="of zstd, 1 fast to 22 small (default: 19; entropy, for other columns: 3)",
    )
    form.add_argument("--embed-model", action="store_true", help="put what is needed of RUN or MODEL into the file")
    data = parser.add_argument_group("data")
    data.add_argument(
        "--tree",
        metavar="NAME",
        help="the only tree to keep (default: all; with --columns the one with most columns; "
        "with RUN, or --lossless, the one with jets)",
    )  # fmt: skip
    data.add_argument("--source-unit", choices=("MeV", "GeV"), help="unit of a Parquet file that does not state it")
    data.add_argument("--objects", metavar="IDS", default="j", help="object ids that count as jets (default: j)")
    data.add_argument(
        "--jet-columns", metavar="PATTERNS", help="Parquet columns that hold a value for each jet beside E, pt, eta, "
        "phi and mass, '' for none; --invalid drop needs to know (default: what the file's metadata says)",
    )  # fmt: skip
    data.add_argument(
        "--invalid", choices=("error", "drop", "keep"), default="error", help="what to do with jets of NaN, E <= 0, "
        "pt <= 0, |phi| > pi; keep stores them as they are (default: error)",
    )  # fmt: skip
    add_any_size(data)


def run(args: argparse.Namespace) -> int:
    """Compress and print how small the files are."""
    from atlas_keras.data.files import is_several

    check_conversion(args, "compressed")
    run_folder, sources, target = _roles(args)
    if len(sources) > 1 or args.scheduler != "loop" or is_several(sources[0]):
        return _compress_many(args, run_folder, sources, target)
    if run_folder is not None or args.lossless:
        return _compress_jets(args, run_folder, sources[0], target)
    _compress_columns(args, sources[0], target)
    return 0


def _roles(args: argparse.Namespace) -> tuple[Path | None, list[str], Path]:
    """Tell the run, the inputs and the output apart: `--run`, a folder that holds one, or the first of three paths."""
    from atlas_keras.data.files import is_several
    from atlas_keras.data.remote import is_url

    *sources, target = args.paths
    if args.run is not None:
        return args.run, sources, Path(target)
    first = Path(sources[0])
    if args.lossless or len(sources) == 1:
        return None, sources, Path(target)
    is_run = (first / "config.json").exists() or (first / "entropy_model.npz").exists()
    is_data = is_url(sources[0]) or first.is_file() or is_several(sources[0])
    if is_run or (len(sources) == 2 and not is_data):
        return first, sources[1:], Path(target)
    return None, sources, Path(target)


def _compress_many(args: argparse.Namespace, run_folder: Path | None, sources: list[str], folder: Path) -> int:
    """Compress many files to a folder."""
    from atlas_keras.distributed.conversions import MODEL, RUN, SCHEMA
    from atlas_keras.distributed.folders import convert_files, find_inputs

    inputs = find_inputs(sources)
    of_jets = run_folder is not None or args.lossless
    if of_jets:
        options, files = _jets_options(args), {} if run_folder is None else {RUN: run_folder / RUN}
    else:
        options, given = _columns_options(args), {MODEL: args.model, SCHEMA: args.schema}
        files = {name: path for name, path in given.items() if path is not None}
        _show_bounds(args, inputs)
    records = convert_files(
        "compress_jets" if of_jets else "compress_columns",
        inputs,
        folder,
        JETS_SUFFIX if of_jets else SUFFIXES[args.coding],
        options,
        files,
        scheduler=args.scheduler,
        jobs=args.jobs,
        force=args.force,
    )
    return report_files(records, folder)


def _show_bounds(args: argparse.Namespace, inputs: Sequence[str]) -> None:
    """Print the bounds of the first file that can be read; what is wrong with others is told when their turn comes."""
    from atlas_keras.codec.columns.files import resolved_bounds
    from atlas_keras.codec.columns.rules import table_of
    from atlas_keras.schema_files import read_schema

    schema = None if args.schema is None else read_schema(args.schema)
    options = {"columns": split_names(args.columns), "tree": args.tree, "any_size": args.any_size, "schema": schema}
    for source in inputs:
        with contextlib.suppress(AtlasKerasError):
            lines = table_of(resolved_bounds(source, args.bound or (), **options))
            print(f"bounds of {source}, the first of {len(inputs):,} files:", *lines, sep="\n")
            return


def _columns_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `compress_columns` that are plain data."""
    if args.invalid == "drop":
        raise ConfigError("--invalid drop is for jets: RUN IN OUT, or --lossless; a whole file keeps all that is in it")
    if args.coding == "parquet" and args.model is not None:
        raise ConfigError("--coding parquet has no use for a model; leave out --model")
    if args.coding == "entropy" and args.level is not None:
        raise ConfigError("--level is for --coding parquet, or RUN IN OUT")
    return {
        "bounds": args.bound or (),
        "columns": split_names(args.columns),
        "tree": args.tree,
        "embed_model": args.embed_model,
        "coding": args.coding,
        "level": _level(args.level or 19),
        "any_size": args.any_size,
    }


def _jets_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `compress_file` that are plain data, bounds and policy as text."""
    if args.model is not None or args.schema is not None:
        raise ConfigError("--model and --schema are for whole files, IN OUT; RUN and --lossless have no use for them")
    if args.lossless and args.run is not None:
        raise ConfigError("--lossless learns nothing; leave out --run")
    if not args.lossless and len(args.bound or ()) != 1:
        raise ConfigError("RUN IN OUT needs one --bound: 1e-3, or E=1e-3,pt=1e-3,eta=5e-4,phi=5e-4")
    return {
        "bounds": "" if args.lossless else args.bound[0],
        "coding": args.coding,
        "level": None if args.level is None else _level(args.level),
        "embed_model": args.embed_model,
        "source_unit": args.source_unit,
        "tree": args.tree,
        "objects": tuple(args.objects.split(",")),
        "columns": split_names(args.columns),
        "jet_columns": None if args.jet_columns is None else split_names([args.jet_columns]),
        "invalid": args.invalid,
        "any_size": args.any_size,
    }


def _compress_columns(args: argparse.Namespace, source: str, target: Path) -> None:
    from atlas_keras.codec.columns.files import compress_columns
    from atlas_keras.codec.columns.rules import table_of
    from atlas_keras.data.paths import find_file
    from atlas_keras.schema_files import read_schema

    options = _columns_options(args)
    path = find_file(source)
    summary = compress_columns(
        path,
        target,
        **options,
        schema=None if args.schema is None else read_schema(args.schema),
        model=args.model,
        force=args.force,
        jobs=args.jobs,
        report=lambda bounds: print("\n".join(table_of(bounds))),
    )
    ratio = summary.size / path.stat().st_size
    print(f"{target}: {summary.size:,} bytes, {ratio:.3f} of {source}, {summary.n_events:,} events")
    print(f"every value of {summary.n_columns:,} columns was decoded and is within its bound")
    if len(summary.trees) > 1:
        others = ", ".join(f"{name} ({n:,})" for name, n in list(summary.trees.items())[1:6])
        print(f"{len(summary.trees) - 1} further trees: {others}")
    tell_left_out("columns that cannot be read", list(summary.left_out))
    tell_left_out("what is not in the largest tree", summary.others)
    tell_left_out("columns that are dropped", summary.dropped)


def _compress_jets(args: argparse.Namespace, run_folder: Path | None, source: str, target: Path) -> int:
    from atlas_keras.codec.bounds import Bounds
    from atlas_keras.codec.files import compress_file
    from atlas_keras.data.events import InvalidPolicy

    options = _jets_options(args)
    policy, bounds = InvalidPolicy(options.pop("invalid")), options.pop("bounds")
    summary = compress_file(
        run_folder,
        source,
        target,
        Bounds.parse(bounds) if bounds else None,
        policy=policy,
        force=args.force,
        jobs=args.jobs,
        **options,
    )
    header = summary.header
    print(f"{target}: {summary.size:,} bytes, {header.n_jets:,} jets in {header.n_events:,} events")
    print(f"{summary.bits_per_jet:.2f} bits a jet without the other columns; four float32 are 128")
    if header.bounds:
        bounds = ", ".join(f"{name} {value:g}" for name, value in header.bounds.to_dict().items())
        print(f"every jet was decoded and is within {bounds}; {header.n_exact:,} stored as they are")
    if header.precision:
        print(f"a mass within the rounding of the input, {header.precision:.1g} of E and p, counts as within its bound")
    if policy.n_events or policy.n_jets:
        print(f"dropped {policy.n_events} events and {policy.n_jets} jets that were invalid", file=sys.stderr)
    return 0


def _level(level: int) -> int:
    if not 1 <= level <= 22:
        raise ConfigError(f"--level is 1 to 22. Received: {level}")
    return level


main = functools.partial(run_command, "compress", DESCRIPTION, add_arguments, run)

if __name__ == "__main__":
    sys.exit(main())
