"""QCD jets of Pythia in a simple detector: their particles, and the substructure that follows from these.

`make_substructure_sample.py` and `make_detector_jets.py` make files of them. The same versions of Pythia, FastJet and
NumPy and the same seed give the same jets.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import fastjet
import numpy as np
from numpy.typing import NDArray

from scripts.pythia import begin

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
DEFINITION = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
GHOSTS = fastjet.GhostedAreaSpec(5.0, 1, 0.05)  # its random numbers begin alike in every process
AREA = fastjet.AreaDefinition(fastjet.active_area, GHOSTS)
PARTICLE_ETA_MAX, PARTICLE_PT_MIN = 4.9, 0.3  # of what a jet is clustered from; GeV
TRACK_ETA_MAX, TRACK_EFFICIENCY = 2.5, 0.93
ELECTRON, MUON, PHOTON = 11, 13, 22
LIGHT, CHARM, BOTTOM = 0, 4, 5
FILLER = -1.0  # the score of jets without tracks
SCORE_MEAN, SCORE_WIDTH = {LIGHT: -3.2, CHARM: -1.0, BOTTOM: 2.6}, 1.3  # of the logit of the flavor score


class Particles(NamedTuple):
    """Reconstructed particles: momenta (px, py, pz, E) [GeV] of shape (n, 4), and what they are."""

    momenta: NDArray[np.float64]
    kind: NDArray[np.int64]
    charge: NDArray[np.float64]
    is_track: NDArray[np.bool_]

    @property
    def pt(self) -> NDArray[np.float64]:
        """Their transverse momenta [GeV]."""
        return np.hypot(self.momenta[:, 0], self.momenta[:, 1])

    @property
    def tracks(self) -> NDArray[np.float64]:
        """The transverse momenta of those that are tracks [GeV]."""
        return self.pt[self.is_track]


class Jet(NamedTuple):
    """A jet before its correction [GeV, rad], its particles, and the heaviest quark of hadrons in it: 5, 4 or 0."""

    pt: float
    eta: float
    phi: float
    mass: float
    E: float
    area: float
    particles: Particles
    flavor: int

    @property
    def correction(self) -> float:
        """What its momentum is multiplied with to calibrate it: a function of pt and eta."""
        return 1 + 0.25 * math.exp(-self.pt / 60) + 0.02 * math.cosh(min(abs(self.eta), 3)) / 3


class Collision(NamedTuple):
    """An event with jets: all of its particles, its jets by falling pt, and how many events were tried so far."""

    particles: Particles
    jets: list[Jet]
    n_tried: int


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


def substructure(jet: Jet, rng: np.random.Generator) -> dict[str, float]:
    """Compute 31 variables of a jet, in GeV and rad; time, flavor score and shares of layers are drawn."""
    momenta, kind, charge, is_track = jet.particles
    pt, energy, tracks = jet.particles.pt, momenta[:, 3], jet.particles.tracks
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
    has_score = abs(jet.eta) < TRACK_ETA_MAX and len(tracks) > 0
    logit = rng.normal(SCORE_MEAN[jet.flavor], SCORE_WIDTH) + 0.1 * math.log1p(len(tracks))
    electromagnetic = 0.97 * (share["phEF"] + share["elEF"])
    roots = np.sqrt(tracks)
    return {
        "pt": jet.pt * jet.correction,
        "eta": jet.eta,
        "phi": jet.phi,
        "mass": jet.mass * jet.correction,
        "area": jet.area,
        "nConstituents": len(pt),
        "nCharged": int(is_track.sum()),
        "nPhotons": int(is_photon.sum()),
        **share,
        "girth": float((z * np.hypot(eta - jet.eta, delta_phi(phi, jet.phi))).sum()),
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
        "jetId": 2 * (share["neHEF"] < 0.9 and share["phEF"] < 0.9 and len(pt) > 1) + 4 * (share["muEF"] < 0.8),
    }


def collisions(n_jets: int, seed: int, rng: np.random.Generator) -> Iterator[Collision]:
    """Generate events with jets until there are n_jets of these; an event is smeared when it is asked for."""
    pythia = begin(SETTINGS, seed)
    n_found = n_tried = 0
    while n_found < n_jets:
        n_tried += 1
        if not pythia.next():
            continue
        particles = reconstruct(pythia.event, rng)
        if jets := find_jets(particles, heavy_hadrons(pythia.event)):
            n_found += len(jets)
            yield Collision(particles, jets, n_tried)


def find_jets(particles: Particles, hadrons: list[tuple[float, float, int]]) -> list[Jet]:
    """Cluster particles with anti-kt, with areas; what consists of ghosts alone is no jet."""
    inputs = [fastjet.PseudoJet(*map(float, momentum)) for momentum in particles.momenta]
    for index, pseudojet in enumerate(inputs):
        pseudojet.set_user_index(index)
    cluster = fastjet.ClusterSequenceArea(inputs, DEFINITION, AREA)
    jets = []
    for jet in fastjet.sorted_by_pt(cluster.inclusive_jets(PT_MIN)):
        own = np.array([c.user_index() for c in jet.constituents() if c.user_index() >= 0], int)
        eta, phi = jet.eta(), jet.phi_std()
        if abs(eta) < ETA_MAX and len(own):
            near = [flavor for e, p, flavor in hadrons if math.hypot(e - eta, delta_phi(p, phi)) < 0.3]
            parts = Particles(*(part[own] for part in particles))
            jets.append(Jet(jet.pt(), eta, phi, jet.m(), jet.e(), jet.area(), parts, max(near, default=LIGHT)))
    return jets
