"""A table: the columns of a file of any format, with a row an event or a row an object, and how they are read.

A format whose files are tables says what stands here, and nothing else; `table_format.py` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from atlas_keras.data.contents import DEFAULT, choose_unit
from atlas_keras.data.limits import MAX_EVENT
from atlas_keras.errors import JetDataError
from atlas_keras.json_files import parse_json
from atlas_keras.schema import UNITS_IN_MEV

UNIT_KEY, JETS_KEY, COLLECTION_KEY = b"unit", b"jet_columns", b"collection"  # of what a file may say beside its columns
OBJECTS = DEFAULT  # what the objects of a table are called that has no name for them
# Columns whose values tell which rows belong to one event, in the order in which they are looked for.
EVENT_COLUMNS = ("event", "event_id", "event_number", "eventNumber", "entry")
BATCH_BYTES = 1 << 27  # that are read at a time
MAX_VALUES = 2**31 - 1  # of the lists of an array


@dataclass(frozen=True)
class Table:
    """The columns of a file, or of a part of one.

    Args:
        path: of the file.
        schema: names and plain types (`arrow_types.plain_schema`) of the columns. With lists among them a row is an
            event; without any it is an object.
        read: yields columns of these names, in this order and in plain types, in pieces of whole rows: of at most so
            many rows, or, where that is None, of some 128 MiB.
        n_rows: number of rows.
        name: of the table in its file, as `--tree` has it; empty where the file has no name for it.
        objects: what the objects are called where a row is one, and those of lists that nothing else names.
        metadata: what the file says beside the columns: `unit`; `jet_columns`, a list in JSON; `collection`, to which
            these columns belong, and whose name they have in front of theirs.
        n_bytes: that each column takes in the file, those of a struct one by one; empty where the format does not tell.
        max_event: objects of an event; more are no event's.
        left_out: columns that cannot be read, and why.
        row_bytes: that a row of each column takes in memory, about, by name; none where the file does not tell.
        read_from: as `read`, from a row on; None where what stands before has to be read, too.
        first_row: the first one that `read` yields, of the rows of the file.
        n_row_groups: in which the rows stand; 0 of a format that has none.
    """

    path: Path
    schema: pa.Schema
    read: Callable[[Sequence[str], int | None], Iterator[pa.Table]]
    n_rows: int
    name: str = ""
    objects: str = OBJECTS
    metadata: Mapping[bytes, bytes] = field(default_factory=dict)
    n_bytes: tuple[int, ...] = ()
    max_event: int = MAX_EVENT
    left_out: Mapping[str, str] = field(default_factory=dict)
    row_bytes: Mapping[str, float] = field(default_factory=dict)
    read_from: Callable[[Sequence[str], int | None, int], Iterator[pa.Table]] | None = None
    first_row: int = 0
    n_row_groups: int = 0

    @property
    def is_flat(self) -> bool:
        """Whether a row is an object and not an event, as it is where there are lists or the file says so."""
        return self.declared != frozenset() and not any(pa.types.is_nested(field.type) for field in self.schema)

    @property
    def declared(self) -> frozenset[str] | None:
        """Columns that hold a value for each object, as the file says; None where it does not.

        Raises:
            JetDataError: what it says is no list of names.
        """
        if JETS_KEY not in self.metadata:
            return None
        try:
            names = parse_json(self.metadata[JETS_KEY])
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError
            return frozenset(names)
        except ValueError:
            raise JetDataError(f"{self.path}: jet_columns in the file's metadata is no list of names") from None

    @property
    def collection(self) -> str:
        """The collection to which the declared columns belong; empty where the file does not say it."""
        return self.metadata.get(COLLECTION_KEY, b"").decode(errors="replace")

    def unit(self, source_unit: str | None) -> str | None:
        """Return the unit of energies; None where neither the file nor the user states it.

        Args:
            source_unit: what the user says.

        Raises:
            JetDataError: an unknown unit, or two that contradict each other.
        """
        stored = self.metadata.get(UNIT_KEY, b"").decode(errors="replace")
        if stored and stored not in UNITS_IN_MEV:
            raise JetDataError(f"{self.path}: unit {stored[:20]!r} in the file's metadata is neither MeV nor GeV")
        return choose_unit(self.path, stored or None, source_unit)


def event_column(schema: pa.Schema, path: Path) -> str | None:
    """Find the column that tells which rows belong to one event; None where there is none.

    Raises:
        JetDataError: it holds lists.
    """
    name = next((name for name in EVENT_COLUMNS if name in schema.names), None)
    if name is not None and pa.types.is_nested(schema.field(name).type):
        raise JetDataError(f"{path}: column {name} holds {str(schema.field(name).type)[:80]}, not events' ids")
    return name


def refuse_doubled(schema: pa.Schema, path: Path) -> None:
    """Refuse two columns of one name, of which nobody could say which one is meant.

    Raises:
        JetDataError: names the column.
    """
    if len(set(schema.names)) < len(schema.names):
        doubled = next(name for name in schema.names if schema.names.count(name) > 1)
        raise JetDataError(f"{path}: column {doubled} is there twice")
