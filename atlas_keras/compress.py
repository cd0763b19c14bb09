"""`python -m atlas_keras.compress`: a file of jets to a small file from which every jet comes back within a bound."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from atlas_keras.command import add_any_size, run_command
from atlas_keras.errors import ConfigError

DESCRIPTION = "Compress a file of jets; every jet is decoded and checked before the file appears."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of compression."""
    parser.add_argument("run", nargs="?", metavar="RUN", type=Path, help="run folder of train (not with --lossless)")
    parser.add_argument("source", metavar="IN", type=Path, help="Dark Machines CSV (.gz), Parquet, NanoAOD, PHYSLITE")
    parser.add_argument("target", metavar="OUT", type=Path, help="compressed file to write")
    how = parser.add_argument_group("what is kept").add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--bound",
        metavar="B",
        help="largest error of any jet: E, pt relative, eta, phi absolute; 1e-3, or E=1e-3,pt=1e-3,eta=5e-4,phi=5e-4; "
        "add ,mass=1e-2 to bound the jet mass (relative)",
    )
    how.add_argument("--lossless", action="store_true", help="give every number back bit for bit")
    form = parser.add_argument_group("form")
    form.add_argument(
        "--coding", choices=("entropy", "portable"), default="entropy", help="entropy is smaller; portable needs no "
        "model to be read: whole numbers in Parquet columns (default: entropy)",
    )  # fmt: skip
    form.add_argument(
        "--level",
        type=int,
        metavar="N",
        help="of zstd, 1 fast to 22 small (default: 19; entropy, for other columns: 3)",
    )
    form.add_argument("--embed-model", action="store_true", help="put what decompress needs of the run into the file")
    data = parser.add_argument_group("data")
    data.add_argument("--source-unit", choices=("MeV", "GeV"), help="unit of a Parquet file that does not state it")
    data.add_argument("--objects", metavar="IDS", default="j", help="object ids that count as jets (default: j)")
    data.add_argument("--tree", metavar="NAME", help="tree of a ROOT file (default: the only one that holds jets)")
    data.add_argument(
        "--columns",
        metavar="PATTERNS",
        default="",
        help="further ROOT branches to keep, e.g. MET_*,HLT_*; one called "
        "pt becomes event.pt (other formats keep all columns anyway)",
    )
    data.add_argument(
        "--jet-columns", metavar="PATTERNS", help="Parquet columns that hold a value for each jet beside E, pt, eta, "
        "phi and mass, '' for none; --invalid drop needs to know (default: what the file's metadata says)",
    )  # fmt: skip
    data.add_argument(
        "--invalid", choices=("error", "drop", "keep"), default="error", help="what to do with jets of NaN, E <= 0, "
        "pt <= 0, |phi| > pi; keep stores them as they are (default: error)",
    )  # fmt: skip
    add_any_size(data)
    parser.add_argument("--jobs", type=int, metavar="N", help="number of processes (default: one a core)")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def run(args: argparse.Namespace) -> int:
    """Compress and print how small the file is."""
    from atlas_keras.codec.bounds import Bounds
    from atlas_keras.codec.files import compress_file
    from atlas_keras.data.events import InvalidPolicy

    if args.run is None and not args.lossless:
        raise ConfigError("--bound needs RUN IN OUT: the run's entropy_model code the jets")
    if args.level is not None and not 1 <= args.level <= 22:
        raise ConfigError(f"--level is 1 to 22. Received: {args.level}")
    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"--jobs is at least 1. Received: {args.jobs}")
    policy = InvalidPolicy(args.invalid)
    summary = compress_file(
        None if args.lossless else args.run,
        args.source,
        args.target,
        None if args.lossless else Bounds.parse(args.bound),
        coding=args.coding,
        level=args.level,
        embed_model=args.embed_model,
        source_unit=args.source_unit,
        tree=args.tree,
        objects=tuple(args.objects.split(",")),
        columns=_names(args.columns),
        jet_columns=None if args.jet_columns is None else _names(args.jet_columns),
        policy=policy,
        any_size=args.any_size,
        force=args.force,
        jobs=args.jobs,
    )
    header = summary.header
    print(f"{args.target}: {summary.size:,} bytes, {header.n_jets:,} jets in {header.n_events:,} events")
    print(f"{summary.bits_per_jet:.2f} bits a jet without the other columns; four float32 are 128")
    if header.bounds:
        bounds = ", ".join(f"{name} {value:g}" for name, value in header.bounds.to_dict().items())
        print(f"every jet was decoded and is within {bounds}; {header.n_exact:,} stored as they are")
    if header.precision:
        print(f"a mass within the rounding of the input, {header.precision:.1g} of E and p, counts as within its bound")
    if policy.n_events or policy.n_jets:
        print(f"dropped {policy.n_events} events and {policy.n_jets} jets that were invalid", file=sys.stderr)
    return 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return run_command("compress", DESCRIPTION, add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
