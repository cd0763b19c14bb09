"""Generate QCD jets with their substructure, as experiments store them: 31 variables a jet, in Parquet.

Run from a checkout with the extra `sample` installed: `python scripts/make_substructure_sample.py`. The result and its
provenance go to `atlas_keras/data/sample/`; the same versions of Pythia, FastJet and NumPy and the same seed give the
same jets. `--jets 40000 --seed 11 --out FOLDER` makes a larger file for the benchmarks.

The detector is a simple one: charged particles within |eta| < 2.5 are tracks, energies are smeared, the shares of
calorimeter layers, the time, and the flavour score are random numbers whose distributions depend on the jet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import fastjet
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pythia8mc as pythia8
from numpy.typing import NDArray

TARGET = Path(__file__).resolve().parents[1] / "atlas_keras" / "data" / "sample"
NAME = "substructure"
SETTINGS = (
    "Beams:eCM = 13000.",
    "HardQCD:all = on",
    "PhaseSpace:pTHatMin = 20.",
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionPow = 4.2",
    "Random:setSeed = on",
    "Print:quiet = on",
    "Next:numberCount = 0",
)
RADIUS, PT_MIN, ETA_MAX = 0.4, 20.0, 4.5  # of jets; GeV
PARTICLE_ETA_MAX, PARTICLE_PT_MIN = 4.9, 0.3  # of what a jet is clustered from; GeV
TRACK_ETA_MAX, TRACK_EFFICIENCY = 2.5, 0.93
ELECTRON, MUON, PHOTON = 11, 13, 22
FILLER = -1.0  # the score of jets without tracks
BITS = {  # of the mantissa that are kept, as experiments do
    "phi": 12, "area": 10, "phEF": 10, "elEF": 10, "muEF": 10, "chHEF": 10, "neHEF": 10, "btag": 10,
}  # fmt: skip
INTEGERS = ("nConstituents", "nCharged", "nPhotons", "jetId")


class Particles(NamedTuple):
    """Reconstructed particles of an event: momenta (px, py, pz, E) [GeV] of shape (n, 4), and what they are."""

    momenta: NDArray[np.float64]
    kind: NDArray[np.int64]
    charge: NDArray[np.float64]
    is_track: NDArray[np.bool_]


def reconstruct(event: Any, rng: np.random.Generator) -> Particles:
    """Smear the visible particles of an event."""
    visible = [p for p in event if p.isFinal() and p.isVisible() and abs(p.eta()) < PARTICLE_ETA_MAX and p.pT() > 0.2]
    momenta = np.array([(p.px(), p.py(), p.pz(), p.e()) for p in visible]).reshape(-1, 4)
    kind = np.array([p.idAbs() for p in visible], int)
    charge = np.array([p.charge() for p in visible])
    pt, energy = np.hypot(momenta[:, 0], momenta[:, 1]), momenta[:, 3]
    found = rng.random(len(visible)) < TRACK_EFFICIENCY
    is_track = (charge != 0) & (np.abs(np.arcsinh(momenta[:, 2] / pt)) < TRACK_ETA_MAX) & found
    electromagnetic = np.hypot(0.1 / np.sqrt(energy), 0.007)
    hadronic = np.hypot(0.8 / np.sqrt(energy), 0.05)
    calorimeter = np.where(kind == PHOTON, electromagnetic, hadronic)
    resolution = np.minimum(np.where(is_track, np.hypot(0.007, 1e-4 * pt), calorimeter), 0.5)
    factor = np.clip(1 + resolution * rng.normal(size=len(visible)), 0.05, 3)
    keep = pt * factor > PARTICLE_PT_MIN
    return Particles((momenta * factor[:, None])[keep], kind[keep], charge[keep], is_track[keep])


def heavy_hadrons(event: Any) -> list[tuple[float, float, int]]:
    """List the hadrons with a bottom or charm quark: (eta, phi, 5 or 4)."""
    found = []
    for particle in event:
        if particle.isHadron() and 400 < particle.idAbs() < 6000:
            quarks = str(particle.idAbs())[-4:-1]
            found += [(particle.eta(), particle.phi(), int(q)) for q in "54" if q in quarks][:1]
    return found


def delta_phi(a: Any, b: Any) -> Any:
    """Return a - b, wrapped to [-pi, pi)."""
    return (a - b + math.pi) % (2 * math.pi) - math.pi


def n_subjettiness(momenta: NDArray, pt: NDArray, eta: NDArray, phi: NDArray, n: int) -> float:
    """Compute tau_n with exclusive kt axes, beta 1; 0 for fewer particles (J. Thaler, K. Van Tilburg, 1011.2268)."""
    if len(pt) < n:
        return 0.0
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, 1.0)
    cluster = fastjet.ClusterSequence([fastjet.PseudoJet(*map(float, p)) for p in momenta], definition)
    axes = cluster.exclusive_jets(n)
    distance = np.min([np.hypot(eta - a.eta(), delta_phi(phi, a.phi_std())) for a in axes], axis=0)
    return float((pt * distance).sum() / (pt.sum() * RADIUS))


def energy_correlations(z: NDArray, eta: NDArray, phi: NDArray) -> tuple[float, float, float]:
    """Compute e2, C2 and D2 of the 40 hardest particles, beta 1 (A. Larkoski, I. Moult, D. Neill, 1409.6298)."""
    hardest = np.argsort(-z)[:40]
    z, eta, phi = z[hardest], eta[hardest], phi[hardest]
    r = np.hypot(eta[:, None] - eta, delta_phi(phi[:, None], phi))
    e2 = float(np.einsum("i,j,ij->", z, z, r) / 2)
    e3 = float(np.einsum("i,j,k,ij,jk,ik->", z, z, z, r, r, r, optimize=True) / 6)
    return (e2, e3 / e2**2, e3 / e2**3) if e2 > 1e-9 else (e2, 0.0, 0.0)


def describe(jet: Any, particles: Particles, hadrons: list, rng: np.random.Generator) -> dict[str, float] | None:
    """Compute the variables of a jet, in GeV and rad; None for one of ghosts alone."""
    own = np.array([c.user_index() for c in jet.constituents() if c.user_index() >= 0], int)
    if not len(own):
        return None
    momenta, kind, charge, is_track = (part[own] for part in particles)
    pt, energy = np.hypot(momenta[:, 0], momenta[:, 1]), momenta[:, 3]
    eta, phi = np.arcsinh(momenta[:, 2] / pt), np.arctan2(momenta[:, 1], momenta[:, 0])
    z = pt / pt.sum()
    is_photon, is_electron, is_muon = kind == PHOTON, kind == ELECTRON, kind == MUON
    is_charged = is_track & ~is_electron & ~is_muon
    is_neutral = ~is_photon & ~is_electron & ~is_muon & ~is_charged
    share = {
        name: float(energy[chosen].sum() / energy.sum())
        for name, chosen in (
            ("phEF", is_photon), ("elEF", is_electron), ("muEF", is_muon), ("chHEF", is_charged), ("neHEF", is_neutral),
        )
    }  # fmt: skip
    e2, c2, d2 = energy_correlations(z, eta, phi)
    tracks = pt[is_track]
    near = [flavor for e, p, flavor in hadrons if math.hypot(e - jet.eta(), delta_phi(p, jet.phi_std())) < 0.3]
    flavor = max(near, default=0)
    correction = 1 + 0.25 * math.exp(-jet.pt() / 60) + 0.02 * math.cosh(min(abs(jet.eta()), 3)) / 3
    has_score = abs(jet.eta()) < TRACK_ETA_MAX and len(tracks) > 0
    logit = rng.normal({0: -3.2, 4: -1.0, 5: 2.6}[flavor], 1.3) + 0.1 * math.log1p(len(tracks))
    electromagnetic = 0.97 * (share["phEF"] + share["elEF"])
    roots = np.sqrt(tracks)
    return {
        "pt": jet.pt() * correction,
        "eta": jet.eta(),
        "phi": jet.phi_std(),
        "mass": jet.m() * correction,
        "area": jet.area(),
        "nConstituents": len(own),
        "nCharged": int(is_track.sum()),
        "nPhotons": int(is_photon.sum()),
        **share,
        "girth": float((z * np.hypot(eta - jet.eta(), delta_phi(phi, jet.phi_std()))).sum()),
        "ptD": float(np.sqrt((z**2).sum())),
        **{f"tau{n}": n_subjettiness(momenta, pt, eta, phi, n) for n in (1, 2, 3)},
        "e2": e2,
        "C2": c2,
        "D2": d2,
        "leadingFraction": float(z.max()),
        "sumPtTracks500": float(tracks[tracks > 0.5].sum()),
        "sumPtTracks1000": float(tracks[tracks > 1].sum()),
        "timing": rng.normal(0, 0.25 + 2 / math.sqrt(energy.sum())) + (rng.random() < 0.003) * rng.normal(0, 8),
        "emFraction1": electromagnetic * 0.35 * rng.beta(3, 5),
        "emFraction2": electromagnetic * 0.6 * rng.beta(6, 4),
        "tileFraction": (1 - electromagnetic) * rng.beta(5, 3),
        "charge": float((charge[is_track] * roots).sum() / roots.sum()) if len(tracks) else 0.0,
        "btag": 1 / (1 + math.exp(-logit)) if has_score else FILLER,
        "jetId": 2 * (share["neHEF"] < 0.9 and share["phEF"] < 0.9 and len(own) > 1) + 4 * (share["muEF"] < 0.8),
    }


def generate(n_jets: int, seed: int) -> tuple[list[list[dict[str, float]]], int]:
    """Generate events until there are n_jets jets: the variables of the jets of each event, and the number tried."""
    rng = np.random.default_rng(seed)
    pythia = pythia8.Pythia("", False)
    for setting in (*SETTINGS, f"Random:seed = {seed}"):
        if not pythia.readString(setting):
            raise SystemExit(f"Pythia refused the setting {setting!r}")
    if not pythia.init():
        raise SystemExit("Pythia could not be initialized")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    ghosts = fastjet.GhostedAreaSpec(5.0, 1, 0.05)  # its random numbers begin alike in every process
    area = fastjet.AreaDefinition(fastjet.active_area, ghosts)
    events: list[list[dict[str, float]]] = []
    found = tried = 0
    while found < n_jets:
        tried += 1
        if not pythia.next():
            continue
        particles = reconstruct(pythia.event, rng)
        inputs = [fastjet.PseudoJet(*map(float, momentum)) for momentum in particles.momenta]
        for index, pseudojet in enumerate(inputs):
            pseudojet.set_user_index(index)
        cluster = fastjet.ClusterSequenceArea(inputs, definition, area)
        chosen = [j for j in fastjet.sorted_by_pt(cluster.inclusive_jets(PT_MIN)) if abs(j.eta()) < ETA_MAX]
        hadrons = heavy_hadrons(pythia.event)
        jets = [jet for j in chosen if (jet := describe(j, particles, hadrons, rng)) is not None]
        if jets:
            events.append(jets)
            found += len(jets)
    return events, tried


def truncate(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Round the mantissas of floats to a number of bits."""
    shift = 23 - bits
    raw = values.view(np.uint32).astype(np.uint64) + (1 << (shift - 1))
    return ((raw >> shift) << shift).astype(np.uint32).view(np.float32)


def to_table(events: list[list[dict[str, float]]]) -> pa.Table:
    """Make a table with a row an event and a list a column, as NanoAOD is in Parquet."""
    offsets = np.concatenate([[0], np.cumsum([len(jets) for jets in events])]).astype(np.int32)
    flat = [jet for jets in events for jet in jets]
    columns: dict[str, pa.Array] = {"event": pa.array(np.arange(len(events)), pa.int64())}
    for name in flat[0]:
        values = np.array([jet[name] for jet in flat], np.int32 if name in INTEGERS else np.float32)
        if name in BITS:
            values = truncate(values, BITS[name])
        columns[f"Jet_{name}"] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
    return pa.table(columns).replace_schema_metadata({"unit": "GeV"})


def digest(table: pa.Table) -> str:
    """Hash the content of a table: writers of Parquet differ in their bytes, the jets must not."""
    total = hashlib.sha256()
    for name in table.column_names:
        column = table[name].combine_chunks()
        flat = column.flatten() if pa.types.is_list(column.type) else column
        total.update(name.encode() + flat.to_numpy(zero_copy_only=False).tobytes())
    return total.hexdigest()


def main() -> None:
    """Write `substructure.parquet` and `substructure.json`, its provenance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=10_000, help="stop after the event that reaches this many jets")
    parser.add_argument("--seed", type=int, default=20210331)
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    events, tried = generate(args.jets, args.seed)
    table = to_table(events)
    path = args.out / f"{NAME}.parquet"
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=True, write_statistics=False)
    provenance = {
        "generator": "Pythia 8 (pythia8mc), FastJet",
        "versions": {name: version(name) for name in ("pythia8mc", "fastjet", "numpy")},
        "settings": [*SETTINGS, f"Random:seed = {args.seed}"],
        "clustering": f"anti-kt R={RADIUS} (FastJet, active area), particles with |eta| < {PARTICLE_ETA_MAX}",
        "selection": f"jet pt > {PT_MIN} GeV before its correction, |eta| < {ETA_MAX}",
        "unit": "GeV",
        "seed": args.seed,
        "n_events_generated": tried,
        "n_events": len(events),
        "n_jets": sum(map(len, events)),
        "sha256_values": digest(table),
        "command": f"python scripts/make_substructure_sample.py --jets {args.jets} --seed {args.seed}",
        "license": "MIT, like the package; no collision data",
    }
    (args.out / f"{NAME}.json").write_text(json.dumps(provenance, indent=2) + "\n")
    print(f"{path}: {provenance['n_events']} events, {provenance['n_jets']} jets, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
