"""What a file holds: trees of events, their collections and columns, where each stands in the file, and its bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from atlas_keras.errors import JetDataError
from atlas_keras.schema import Collection, Column

DEFAULT = "jets"  # the name of a collection that means the jets of a file, whatever they are called there
# Columns that identify an event.
IDENTITY = re.compile(
    r"(.*AuxDyn[.:])?(run|event|luminosityBlock|(run|event|mcEvent)Number|RunNum|LumiBlockNum|EvtNum)$"
)
# What the jets are called in the kinds of files that there are; here `jets`. Of scouting those that the trigger made.
JETS = (DEFAULT, "Jet", "Jets", "AnalysisJets", "ScoutingPFJet")


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
        unit: of energies, as the file states it, else as its kind has it; None where nobody knows.
        groups: collections, in the order of the file.
        events: columns with one value an event.
        leftovers: what is neither.
        states_unit: whether the file itself states the unit, and not its kind alone.
        n_row_groups: in which its events stand; 0 of a format that has none.
    """

    name: str
    kind: str
    n_events: int
    unit: str | None
    groups: tuple[Group, ...]
    events: Group | None
    leftovers: tuple[Leftover, ...] = ()
    states_unit: bool = False
    n_row_groups: int = 0

    @property
    def event_columns(self) -> tuple[Column, ...]:
        """Columns with one value an event."""
        return () if self.events is None else self.events.collection.columns

    @property
    def all_groups(self) -> tuple[Group, ...]:
        """The collections, and behind them the columns of the events as one, if there are any."""
        return self.groups if self.events is None else (*self.groups, self.events)

    @property
    def described(self) -> dict[str, Column]:
        """What is known of columns of numbers, by their names in the file."""
        return {group.sources[column.name]: column for group in self.all_groups for column in group.collection}

    def unit_of(self, path: Path, said: str | None) -> str | None:
        """Return the unit of energies, see `choose_unit`."""
        stated, usual = (self.unit, None) if self.states_unit else (None, self.unit)
        return choose_unit(path, stated, said, usual)


def choose_unit(path: Path, stated: str | None, said: str | None, usual: str | None = None) -> str | None:
    """Choose the unit of energies: the stated one, else what the user says, else what files of the kind have.

    Args:
        path: of the file, for the message.
        stated: in the file itself.
        said: by the user.
        usual: in files of its kind.

    Returns:
        `MeV` or `GeV`; None where nobody knows.

    Raises:
        JetDataError: file and user contradict each other.
    """
    if stated and said and stated != said:
        raise JetDataError(f"{path}: the file says that its unit is {stated}, not {said}")
    return stated or said or usual


@dataclass(frozen=True)
class FileContents:
    """All trees of a file.

    Args:
        format: of the file: `ROOT`, `Parquet`.
        trees: those of events; the largest is what most people mean.
        others: what else is in it, histograms for example: name and type.
    """

    format: str
    trees: tuple[TreeContents, ...]
    others: tuple[str, ...] = ()
