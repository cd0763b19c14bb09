"""Generate QCD jets with 43 variables, in a detector that is nothing but parameters: for the benchmark of the codec.

    python scripts/make_detector_jets.py --out FOLDER
    python -m benchmarks.codec FOUR_VECTORS FOLDER/detector.parquet

Run from a checkout with the extra `sample` installed. It writes `detector.parquet`, events with lists; `detector.json`,
its provenance; and `detector.toml`, a schema with the bound of each variable, as `compress --schema` takes it. The same
versions of Pythia, FastJet and NumPy and the same seed give the same jets.

Particles, jets, and 31 of the variables are those of `make_substructure_sample.py` with the same seed. What is drawn
there:

- particles: a charged one with |eta| < 2.5 is a track with a probability of 0.93, its pt resolution is 0.7 % and 1e-4 a
  GeV; others have that of a calorimeter, photons 10 % / sqrt(E) and 0.7 %, hadrons 80 % / sqrt(E) and 5 %;
- `btag`: the sigmoid of a normal number around -3.2, -1.0, 2.6 (light, charm, bottom), 1.3 wide, and 0.1 ln(1 + number
  of tracks); -1 without tracks or beyond |eta| = 2.5;
- `timing`: normal, 0.25 + 2 / sqrt(E) wide, and 3 jets in a thousand out of time, 8 wide;
- `emFraction1`, `emFraction2`, `tileFraction`: beta distributed shares of the electromagnetic part, and of the rest.

What this detector adds:

- pile-up: a Poisson number of further vertices, 22 in the mean. `nPV` counts the vertices, `rho` is 0.55 of the further
  ones, normal, 1.5 wide;
- `pvZ`: the vertex of the event is normal along the beam, 35 mm wide; `vtxZ`, where the tracks of a jet come from, is
  measured within 0.05 mm; -1 without tracks;
- `MET`, `METphi`: the momentum that reconstructed particles lack, each component smeared by 8 GeV;
- `jvf`: of the tracks above 1 GeV, the share of pt from this vertex. It loses an exponential share (0.02 in the mean)
  and competes with an exponential pt of pile-up (0.02 GeV a further vertex in the mean); -1 without such tracks;
- `nSV`: a Poisson number of secondary vertices, 0.03, 0.35, 0.9 in the mean (light, charm, bottom); `svMass`: their
  mass, the size of a normal number around 0.6, 1.2, 2.2 GeV, 0.6 wide; -999 without them.

Nothing is drawn for the rest: `E`, the counts of electrons, muons and tracks, `rawFactor` (1 - 1 / calibration factor,
a function of pt and eta), `flavor` (of the heaviest hadron within 0.3), and the quality bits `jetId` and `clean`
(tracks above 1 GeV have a tenth of the pt at least).
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from atlas_keras.schema import Bound, Collection, Column, Schema
from atlas_keras.schema_files import write_schema
from scripts.jet_files import Event, write_jets
from scripts.pythia import parse_options
from scripts.qcd_jets import (
    BOTTOM,
    CHARM,
    ELECTRON,
    FILLER,
    LIGHT,
    MUON,
    Collision,
    Jet,
    collisions,
    substructure,
)

PILE_UP = 22.0  # further vertices, in the mean
RHO, RHO_WIDTH = 0.55, 1.5  # GeV; a further vertex, and of the event
BEAM_LENGTH, VERTEX_RESOLUTION = 35.0, 0.05  # mm
MET_RESOLUTION = 8.0  # GeV, of a component
LOST, PILE_UP_PT = 0.02, 0.02  # share of the pt of tracks; GeV a further vertex
N_SECONDARY = {LIGHT: 0.03, CHARM: 0.35, BOTTOM: 0.9}
SECONDARY_MASS, SECONDARY_MASS_WIDTH = {LIGHT: 0.6, CHARM: 1.2, BOTTOM: 2.2}, 0.6  # GeV
NO_VERTEX = -999.0
CLEAN = 0.1  # of the pt of a jet, in tracks
RELATIVE = ("pt", "mass", "E", "D2", "sumPtTracks500", "sumPtTracks1000", "svMass")  # within 1e-3
ABSOLUTE = (  # within 1e-3
    "eta", "area", "rawFactor", "phEF", "elEF", "muEF", "chHEF", "neHEF", "girth", "ptD", "tau1", "tau2", "tau3", "e2",
    "C2", "leadingFraction", "jvf", "emFraction1", "emFraction2", "tileFraction", "charge", "btag",
)  # fmt: skip
COARSE = ("timing", "vtxZ")  # absolute, within 1e-2
BOUNDS = {
    **dict.fromkeys(RELATIVE, Bound("relative", 1e-3)),
    **dict.fromkeys(ABSOLUTE, Bound("absolute", 1e-3)),
    **dict.fromkeys(COARSE, Bound("absolute", 1e-2)),
    "phi": Bound("angle", 1e-3),
}
ORDER = (
    "pt", "eta", "phi", "mass", "E", "area", "rawFactor", "nConstituents", "nCharged", "nPhotons", "nElectrons",
    "nMuons", "phEF", "elEF", "muEF", "chHEF", "neHEF", "girth", "ptD", "tau1", "tau2", "tau3", "e2", "C2", "D2",
    "leadingFraction", "nTracks500", "nTracks1000", "sumPtTracks500", "sumPtTracks1000", "jvf", "timing", "emFraction1",
    "emFraction2", "tileFraction", "charge", "btag", "nSV", "svMass", "vtxZ", "jetId", "flavor", "clean",
)  # fmt: skip


def event_variables(collision: Collision, rng: np.random.Generator) -> dict[str, float]:
    """Draw what the detector knows of an event, in GeV, rad and mm."""
    n_pile_up = int(rng.poisson(PILE_UP))
    x, y = -collision.particles.momenta[:, :2].sum(axis=0) + rng.normal(0, MET_RESOLUTION, 2)
    return {
        "MET": math.hypot(x, y),
        "METphi": math.atan2(y, x),
        "rho": RHO * n_pile_up + rng.normal(0, RHO_WIDTH),
        "nPV": 1 + n_pile_up,
        "pvZ": rng.normal(0, BEAM_LENGTH),
    }


def detector_variables(jet: Jet, event: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    """Compute the twelve variables of a jet that `substructure` does not have, in GeV and mm."""
    tracks, kind = jet.particles.tracks, jet.particles.kind
    hard = float(tracks[tracks > 1].sum())
    kept = hard * max(1 - rng.exponential(LOST), 0.0)
    pile_up = rng.exponential(PILE_UP_PT * (event["nPV"] - 1))
    n_secondary = int(rng.poisson(N_SECONDARY[jet.flavor]))
    secondary_mass = abs(rng.normal(SECONDARY_MASS[jet.flavor], SECONDARY_MASS_WIDTH))
    z = rng.normal(event["pvZ"], VERTEX_RESOLUTION)
    return {
        "E": jet.E * jet.correction,
        "rawFactor": 1 - 1 / jet.correction,
        "nElectrons": int((kind == ELECTRON).sum()),
        "nMuons": int((kind == MUON).sum()),
        "nTracks500": int((tracks > 0.5).sum()),
        "nTracks1000": int((tracks > 1).sum()),
        "jvf": kept / (hard + pile_up) if hard > 0 else FILLER,
        "nSV": n_secondary,
        "svMass": secondary_mass if n_secondary else NO_VERTEX,
        "vtxZ": z if len(tracks) else FILLER,
        "flavor": jet.flavor,
        "clean": hard > CLEAN * jet.pt,
    }


def generate(n_jets: int, seed: int) -> tuple[list[Event], int]:
    """Generate events until there are n_jets jets; return them, and the number of events that were tried."""
    rng, own = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    events, n_tried = [], 0
    for collision in collisions(n_jets, seed, rng):
        variables = event_variables(collision, own)
        jets = [{**substructure(jet, rng), **detector_variables(jet, variables, own)} for jet in collision.jets]
        events.append(Event(variables, [{name: jet[name] for name in ORDER} for jet in jets]))
        n_tried = collision.n_tried
    return events, n_tried


def schema() -> Schema:
    """Return the bounds of all floats of a jet."""
    return Schema((Collection("Jet", tuple(Column(name, bound=bound) for name, bound in BOUNDS.items())),), unit="GeV")


def main() -> None:
    """Write `detector.parquet`, `detector.json` and `detector.toml`."""
    args = parse_options(__doc__, 30_000, seed=11, out=None)
    events, n_tried = generate(args.jets, args.seed)
    command = f"python scripts/make_detector_jets.py --jets {args.jets} --seed {args.seed}"
    write_jets(events, args.out / "detector.parquet", seed=args.seed, n_tried=n_tried, command=command)
    write_schema(schema(), args.out / "detector.toml", force=True)


if __name__ == "__main__":
    main()
