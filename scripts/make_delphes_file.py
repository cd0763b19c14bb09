"""Write a small file as Delphes does, for the tests: split TClonesArrays and their sizes, and objects that name others.

Uproot writes no such branches, ROOT does: `pip install ROOT`, in an environment of its own, then
`python scripts/make_delphes_file.py tests/data/delphes.root`. Classes and members are called as those of Delphes 3.5;
there are as many as the tests need. The values are drawn by chance.
"""

from __future__ import annotations

import argparse
import array
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = """
#include "TClonesArray.h"
#include "TLorentzVector.h"
#include "TRefArray.h"
class SortableObject : public TObject { public: ClassDef(SortableObject, 1) };
class Event : public TObject { public:
  Long64_t Number = 0; Float_t ReadTime = 0, ProcTime = 0;
  ClassDef(Event, 1) };
class GenParticle : public SortableObject { public:
  Int_t PID = 0, Status = 0, Charge = 0;
  Float_t Mass = 0, E = 0, Px = 0, Py = 0, Pz = 0, P = 0, PT = 0, Eta = 0, Phi = 0, Rapidity = 0;
  ClassDef(GenParticle, 2) };
class Jet : public SortableObject { public:
  Float_t PT = 0, Eta = 0, Phi = 0, T = 0, Mass = 0, DeltaEta = 0, DeltaPhi = 0;
  UInt_t Flavor = 0, BTag = 0, TauTag = 0;
  Int_t Charge = 0;
  Float_t EhadOverEem = 0;
  Int_t NCharged = 0, NNeutrals = 0;
  Float_t Tau[5] = {0, 0, 0, 0, 0};
  TLorentzVector SoftDroppedJet;
  TRefArray Constituents;
  ClassDef(Jet, 4) };
class Electron : public SortableObject { public:
  Float_t PT = 0, Eta = 0, Phi = 0, T = 0;
  Int_t Charge = 0;
  TRef Particle;
  ClassDef(Electron, 3) };
class MissingET : public TObject { public:
  Float_t MET = 0, Eta = 0, Phi = 0;
  ClassDef(MissingET, 1) };
"""
BRANCHES = {"Event": "Event", "Particle": "GenParticle", "Jet": "Jet", "Electron": "Electron", "MissingET": "MissingET"}
N_EVENTS = 40


def fill(objects: dict[str, Any], number: int, rng: np.random.Generator) -> None:
    """Make the objects of an event."""

    def add(name: str, place: int, **values: float) -> Any:
        made = objects[name].ConstructedAt(place)
        for member, value in values.items():
            setattr(made, member, value)
        return made

    add("Event", 0, Number=1000 + number, ReadTime=rng.random(), ProcTime=rng.random())
    add("MissingET", 0, MET=rng.exponential(30), Phi=rng.uniform(-np.pi, np.pi))
    for place in range(2):
        px, py, pz = rng.normal(size=3) * (20, 20, 50)
        energy = float(np.sqrt(px * px + py * py + pz * pz))
        add("Particle", place, PID=21, Status=23, Px=px, Py=py, Pz=pz, E=energy, P=energy, PT=np.hypot(px, py))
    for place in range(rng.poisson(3)):
        pt, phi = 20 + rng.exponential(40), rng.uniform(-np.pi, np.pi)
        momentum = {"PT": pt, "Eta": rng.normal() * 1.5, "Phi": phi, "Mass": pt * rng.uniform(0.05, 0.2)}
        counts = {"NCharged": int(rng.poisson(12)), "NNeutrals": int(rng.poisson(9))}
        tags = {"Flavor": int(rng.choice([1, 4, 5, 21])), "BTag": int(rng.integers(2)), "TauTag": 0}
        # Jets without energy in the electromagnetic part have a ratio of 999.9.
        ratio = 999.9 if rng.random() < 0.05 else rng.exponential(1.5)
        jet = add("Jet", place, **momentum, **counts, **tags, EhadOverEem=ratio, DeltaEta=rng.random() / 2)
        for index in range(5):
            jet.Tau[index] = rng.random() / (index + 1)
        jet.Constituents.Add(objects["Particle"].At(place % 2))
    for place in range(rng.poisson(0.5)):
        lepton = add("Electron", place, PT=10 + rng.exponential(30), Eta=rng.normal(), Phi=rng.uniform(-np.pi, np.pi))
        lepton.Charge = int(rng.choice([-1, 1]))
        lepton.Particle = objects["Particle"].At(0)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write a small file as Delphes does.")
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    import ROOT

    ROOT.gInterpreter.Declare(CLASSES)
    rng = np.random.default_rng(5)
    file = ROOT.TFile(str(out), "RECREATE", "", 209)
    tree = ROOT.TTree("Delphes", "Analysis tree")
    objects = {name: ROOT.TClonesArray(kind) for name, kind in BRANCHES.items()}
    sizes = {name: array.array("i", [0]) for name in BRANCHES}
    for name in BRANCHES:
        tree.Branch(name, objects[name], 64000)
        tree.Branch(f"{name}_size", sizes[name], f"{name}_size/I")
    for number in range(N_EVENTS):
        for some in objects.values():
            some.Clear("C")
        fill(objects, number, rng)
        for name in BRANCHES:
            sizes[name][0] = objects[name].GetEntriesFast()
        tree.Fill()
    tree.Write()
    file.Close()


if __name__ == "__main__":
    main()
