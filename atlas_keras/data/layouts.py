"""Where ROOT files of a known kind keep their jets: names of the branches, unit, and what identifies an event."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """A kind of ROOT file.

    Args:
        name: of the kind, for messages.
        unit: of pt and mass, `MeV` or `GeV`.
        prefix: with which the names of all branches of the jets begin.
        mass: the mass's name after the prefix; pt, eta and phi are called so.
        identity: branches that identify an event; a file may lack some.
    """

    name: str
    unit: str
    prefix: str
    mass: str
    identity: tuple[str, ...]

    @property
    def momentum(self) -> tuple[str, str, str, str]:
        """Names of the branches pt, eta, phi and mass."""
        pt, eta, phi, mass = (self.prefix + name for name in ("pt", "eta", "phi", self.mass))
        return pt, eta, phi, mass


LAYOUTS = (
    Layout("NanoAOD", "GeV", "Jet_", "mass", ("run", "luminosityBlock", "event")),
    # A TTree joins a container and its variable by a dot, an RNTuple by a colon.
    *(
        Layout(
            "DAOD_PHYSLITE",
            "MeV",
            f"AnalysisJetsAuxDyn{mark}",
            "m",
            tuple(f"EventInfoAuxDyn{mark}{name}" for name in ("runNumber", "eventNumber", "mcEventNumber")),
        )
        for mark in ".:"
    ),
)
