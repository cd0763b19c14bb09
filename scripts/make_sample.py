"""Generate the sample of QCD jets that ships with atlas_keras, with Pythia 8, in the Dark Machines format.

Run from a checkout with the extra `sample` installed: `python scripts/make_sample.py`. The result and its provenance go
to `atlas_keras/data/sample/`; the same generator version and seed give the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import sys
from importlib.metadata import version
from pathlib import Path

import pythia8mc as pythia8

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.pythia import SAMPLES, begin, parse_options

SETTINGS = (
    "Beams:eCM = 13000.",
    "HardQCD:all = on",
    "PhaseSpace:pTHatMin = 200.",
    "Random:setSeed = on",
    "Print:quiet = on",
    "Next:numberCount = 0",
)
RADIUS, PT_MIN, ETA_MAX, HT_MIN = 0.4, 20.0, 2.8, 600.0  # GeV
PARTICLE_ETA_MAX = 4.9  # calorimeter coverage: jets near |eta| = 2.8 are clustered from all of their particles
MEV = 1000.0


def missing_momentum(event: pythia8.Event) -> tuple[float, float]:
    """Sum the neutrinos' transverse momentum: (MET [GeV], its azimuth [rad])."""
    px = py = 0.0
    for particle in event:
        if particle.isFinal() and particle.idAbs() in (12, 14, 16):
            px += particle.px()
            py += particle.py()
    return math.hypot(px, py), math.atan2(py, px)


def select_jets(slow_jet: pythia8.SlowJet) -> list[tuple[float, float, float, float]]:
    """List the jets inside of the acceptance as (E, pt, eta, phi) in GeV and rad, leading jet first."""
    momenta = [slow_jet.p(i) for i in range(slow_jet.sizeJet())]
    return [(p.e(), p.pT(), p.eta(), p.phi()) for p in momenta if abs(p.eta()) < ETA_MAX]


def format_event(number: int, weight: float, met: tuple[float, float], jets: list[tuple[float, ...]]) -> str:
    """Write one event as a Dark Machines line: energies in MeV, 6 significant digits, trailing semicolon."""
    head = f"{number};qcd_13TeV;{weight:g};{met[0] * MEV:g};{met[1]:g};"
    return head + "".join(f"j,{e * MEV:g},{pt * MEV:g},{eta:g},{phi:g};" for e, pt, eta, phi in jets) + "\n"


def generate(n_jets: int, seed: int) -> tuple[list[str], int, float]:
    """Generate events until n_jets jets are selected; return their lines, the number tried, the cross section [mb]."""
    pythia = begin(SETTINGS, seed)
    slow_jet = pythia8.SlowJet(-1, RADIUS, PT_MIN, PARTICLE_ETA_MAX, 2, 2)
    events: list[tuple[tuple[float, float], list[tuple[float, float, float, float]]]] = []
    found = tried = 0
    while found < n_jets:
        tried += 1
        if not pythia.next():
            continue
        slow_jet.analyze(pythia.event)
        jets = select_jets(slow_jet)
        if sum(jet[1] for jet in jets) > HT_MIN:
            events.append((missing_momentum(pythia.event), jets))
            found += len(jets)
    weight = pythia.infoPython().sigmaGen() / tried
    lines = [format_event(i, weight, met, jets) for i, (met, jets) in enumerate(events)]
    return lines, tried, pythia.infoPython().sigmaGen()


def main() -> None:
    """Write `qcd_jets.csv.gz` and `provenance.json`."""
    args = parse_options(__doc__, 20_000, seed=20210331, out=SAMPLES)
    lines, tried, sigma = generate(args.jets, args.seed)
    # The content is hashed uncompressed: zlib versions differ in their bytes, the jets must not.
    text = "".join(lines).encode()
    path = args.out / "qcd_jets.csv.gz"
    path.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    provenance = {
        "generator": "Pythia 8 (pythia8mc)",
        "generator_version": version("pythia8mc"),
        "settings": [*SETTINGS, f"Random:seed = {args.seed}"],
        "clustering": f"anti-kt R={RADIUS} (SlowJet), visible particles with |eta| < {PARTICLE_ETA_MAX}",
        "selection": f"jet pt > {PT_MIN} GeV, |eta| < {ETA_MAX}, HT > {HT_MIN} GeV",
        "unit": "MeV",
        "seed": args.seed,
        "cross_section_mb": sigma,
        "n_events_generated": tried,
        "n_events": len(lines),
        "n_jets": sum(line.count(";j,") for line in lines),
        "sha256_uncompressed": hashlib.sha256(text).hexdigest(),
        "command": f"python scripts/make_sample.py --jets {args.jets} --seed {args.seed}",
        "license": "MIT, like the package; no collision data",
    }
    (args.out / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
    print(f"{path}: {provenance['n_events']} events, {provenance['n_jets']} jets, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
