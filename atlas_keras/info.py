"""`python -m atlas_keras.info`: what a compressed file says of itself, and where its bits go."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atlas_keras.command import run_command

DESCRIPTION = "Tell what a compressed file holds: bounds, unit, model, sizes by stream."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", type=Path, help="file of compress")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def describe(path: Path) -> dict[str, Any]:
    """Return all that the file says of itself, as JSON can hold it.

    Raises:
        JetDataError: a damaged file.
    """
    from atlas_keras.codec.files import describe_file

    summary, others, embedded = describe_file(path)
    header = summary.header
    n = max(header.n_jets, 1)
    return {
        "format_version": header.version,
        "coding": header.coding,
        "schema": "four_momentum",
        "unit": header.unit,
        "bounds": header.bounds.to_dict() if header.bounds else None,
        "input_precision": header.precision or None,
        "dtype": header.dtype,
        "model": header.model or None,
        "model_embedded": embedded,
        "n_events": header.n_events,
        "n_jets": header.n_jets,
        "n_jets_stored_as_they_are": header.n_exact,
        "digest": header.digest,
        "bytes": summary.size,
        "bits_per_jet": summary.bits_per_jet,
        "bits_per_jet_by_stream": {name: 8 * size / n for name, size in summary.bytes_by_stream.items()},
        "other_columns": {field.name: str(field.type) for field in others},
    }


def run(args: argparse.Namespace) -> int:
    """Print the description."""
    found = describe(args.file)
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    for name, value in found.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            print(f"{label}:")
            for key, item in value.items():
                print(f"  {key:<24}{f'{item:.4g}' if isinstance(item, float) else item}")
        else:
            print(f"{label + ':':<28}{f'{value:.4g}' if isinstance(value, float) else value}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return run_command("info", DESCRIPTION, add_arguments, run, argv)


if __name__ == "__main__":
    sys.exit(main())
