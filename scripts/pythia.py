"""What the scripts that make jets with Pythia 8 share: how it begins, and their options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pythia8mc as pythia8

SAMPLES = Path(__file__).resolve().parents[1] / "atlas_keras" / "data" / "sample"


def begin(settings: Sequence[str], seed: int) -> pythia8.Pythia:
    """Return Pythia with these settings and a seed, ready for the first event."""
    pythia = pythia8.Pythia("", False)
    for setting in (*settings, f"Random:seed = {seed}"):
        if not pythia.readString(setting):
            raise SystemExit(f"Pythia refused the setting {setting!r}")
    if not pythia.init():
        raise SystemExit("Pythia could not be initialized")
    return pythia


def parse_options(about: str | None, n_jets: int, *, seed: int, out: Path | None) -> argparse.Namespace:
    """Read `--jets`, `--seed` and `--out` from the command line, with these defaults; without one, OUT is required."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jets", type=int, default=n_jets, help="stop after the event that reaches this many jets")
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--out", type=Path, default=out, required=out is None, help="folder")
    return parser.parse_args()
