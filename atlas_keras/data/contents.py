"""What a file holds: trees of events, their collections and columns, where each stands in the file, and its bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from atlas_keras.schema import Collection, Column, Schema

DEFAULT = "jets"  # the name of a collection that means the jets of a file, whatever they are called there
# Columns that identify an event.
IDENTITY = re.compile(
    r"(.*AuxDyn[.:])?(run|event|luminosityBlock|(run|event|mcEvent)Number|RunNum|LumiBlockNum|EvtNum)$"
)
JETS = (DEFAULT, "Jet", "Jets", "AnalysisJets")  # what the jets of most kinds of files are called; here `jets`


@dataclass(frozen=True)
class Group:
    """A collection as a file has it.

    Args:
        collection: its name, columns and counter.
        sources: the name in the file of each column.
        n_bytes: that each column takes in the file, where the format tells.
    """

    collection: Collection
    sources: Mapping[str, str]
    n_bytes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Leftover:
    """What a file holds and no column can: its name there, its type, and its bytes."""

    name: str
    type: str
    n_bytes: int = 0


@dataclass(frozen=True)
class TreeContents:
    """A tree of events, or a table.

    Args:
        name: in the file; empty for a format without trees.
        kind: of file that it is like, for messages: `NanoAOD`.
        n_events: number of entries.
        unit: of energies; None where the kind of file does not state it.
        groups: collections, in the order of the file.
        events: columns with one value an event.
        leftovers: what is neither.
    """

    name: str
    kind: str
    n_events: int
    unit: str | None
    groups: tuple[Group, ...]
    events: Group | None
    leftovers: tuple[Leftover, ...] = ()

    @property
    def event_columns(self) -> tuple[Column, ...]:
        """Columns with one value an event."""
        return () if self.events is None else self.events.collection.columns

    def schema(self, unit: str | None = None) -> Schema:
        """Return the schema.

        Args:
            unit: of energies, where the file does not state it.
        """
        return Schema(tuple(g.collection for g in self.groups), self.event_columns, self.unit or unit or "MeV")


@dataclass(frozen=True)
class FileContents:
    """All trees of a file.

    Args:
        format: of the file: `ROOT`, `Parquet`.
        trees: those of events; the largest is what most people mean.
    """

    format: str
    trees: tuple[TreeContents, ...]
