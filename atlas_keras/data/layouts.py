"""Where ROOT files of a known kind keep their jets: names of the branches, unit, and what identifies an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from atlas_keras.data.events import stored_columns
from atlas_keras.schema import Collection


@dataclass(frozen=True)
class Layout:
    """A kind of ROOT file.

    Args:
        name: of the kind, for messages.
        unit: of energies, `MeV` or `GeV`.
        prefix: with which the names of all branches of the jets begin.
        identity: branches that identify an event; a file may lack some.
        names: what columns are called after the prefix, where that is not their name.
    """

    name: str
    unit: str
    prefix: str
    identity: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    def branch(self, column: str) -> str:
        """Return the name of the branch that holds a column of the jets."""
        return self.prefix + self.names.get(column, column)

    def stored(self, collection: Collection) -> dict[str, str]:
        """Return the columns from which those of a collection come, and the branches that hold them.

        No kind of file stores E: all have the mass.
        """
        known = {"pt", "eta", "phi", "mass", *collection.names} - {"E"}
        return {name: self.branch(name) for name in stored_columns(collection, known)}


LAYOUTS = (
    Layout("NanoAOD", "GeV", "Jet_", ("run", "luminosityBlock", "event")),
    # A TTree joins a container and its variable by a dot, an RNTuple by a colon.
    *(
        Layout(
            "DAOD_PHYSLITE",
            "MeV",
            f"AnalysisJetsAuxDyn{mark}",
            tuple(f"EventInfoAuxDyn{mark}{name}" for name in ("runNumber", "eventNumber", "mcEventNumber")),
            {"mass": "m"},
        )
        for mark in ".:"
    ),
)
