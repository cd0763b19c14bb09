"""Generate QCD jets with their substructure, as experiments store them: 31 variables a jet, in Parquet.

Run from a checkout with the extra `sample` installed: `python scripts/make_substructure_sample.py`. The result and its
provenance go to `atlas_keras/data/sample/`; the same versions of Pythia, FastJet and NumPy and the same seed give the
same jets. `--jets 40000 --seed 11 --out FOLDER` makes a larger file for the benchmarks.

The detector is a simple one: charged particles within |eta| < 2.5 are tracks, energies are smeared, the shares of
calorimeter layers, the time, and the flavor score are random numbers whose distributions depend on the jet.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.jet_files import Event, write_jets
from scripts.pythia import SAMPLES, parse_options
from scripts.qcd_jets import collisions, substructure


def generate(n_jets: int, seed: int) -> tuple[list[Event], int]:
    """Generate events until there are n_jets jets; return them, and the number of events that were tried."""
    rng = np.random.default_rng(seed)
    events, n_tried = [], 0
    for collision in collisions(n_jets, seed, rng):
        events.append(Event({}, [substructure(jet, rng) for jet in collision.jets]))
        n_tried = collision.n_tried
    return events, n_tried


def main() -> None:
    """Write `substructure.parquet` and `substructure.json`, its provenance."""
    args = parse_options(__doc__, 10_000, seed=20210331, out=SAMPLES)
    events, n_tried = generate(args.jets, args.seed)
    command = f"python scripts/make_substructure_sample.py --jets {args.jets} --seed {args.seed}"
    write_jets(events, args.out / "substructure.parquet", seed=args.seed, n_tried=n_tried, command=command)


if __name__ == "__main__":
    main()
