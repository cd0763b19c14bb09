"""The Dark Machines text as a format of files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlas_keras.data.contents import FileContents, Group, Leftover, TreeContents
from atlas_keras.data.dark_machines import BOM, HEADER, OBJECT, UTF_16, read_dark_machines
from atlas_keras.data.dark_machines_writer import TEXT_COLUMNS, DarkMachinesWriter
from atlas_keras.data.events import EventBatch, InvalidPolicy
from atlas_keras.data.file_format import OBJECTS, FileFormat, ReadOptions, unpacked
from atlas_keras.data.grouping import Leaf, make_group
from atlas_keras.data.table import Table
from atlas_keras.errors import ConfigError, JetDataError
from atlas_keras.schema import FOUR_MOMENTUM

NUMBERS = slice(2, len(HEADER))  # of the fields before the objects: weight, MET, METphi


def is_dark_machines(head: bytes) -> bool:
    """Tell whether the first line that holds anything is an event: five fields, three of them numbers.

    That event may be without objects; one of those behind it has some.
    """
    head = unpacked(head)
    if head.startswith(UTF_16):
        return True  # whose reader says what to do
    lines = head.removeprefix(BOM).lstrip().splitlines()
    if not any(line.count(b";") >= len(HEADER) for line in lines):
        return False
    fields = lines[0].split(b";", len(HEADER))
    try:
        return len(fields) >= len(HEADER) and bool(list(map(float, fields[NUMBERS])))
    except ValueError:
        return False


def _read(path: Path, options: ReadOptions) -> Iterator[EventBatch]:
    return read_dark_machines(path, options.objects, options.policy, options.collection)


def _contents(path: Path, tree: str | None) -> FileContents:
    if tree is not None:
        raise JetDataError(f"{path}: the text format has no trees; leave out --tree {tree}")
    n_events = sum(batch.n_events for batch in read_dark_machines(path, OBJECTS, InvalidPolicy()))
    jets = Group(FOUR_MOMENTUM, {name: name for name in FOUR_MOMENTUM.names})
    events = make_group("events", [Leaf(name, "float64", False, "", name, "", 0) for name in HEADER[NUMBERS]], "")
    leftovers = tuple(Leftover(name, "text") for name in (*HEADER[: NUMBERS.start], "other_objects"))
    return FileContents("Dark Machines", (TreeContents("", "text", n_events, "MeV", (jets,), events, leftovers),))


def _values(
    path: Path, tree: TreeContents, sources: set[str], n_events: int, any_size: bool
) -> Iterator[tuple[str, NDArray]]:
    first = next(read_dark_machines(path, OBJECTS, InvalidPolicy()), None)
    if first is not None:
        for name in sources & set(first.table.column_names):
            column = first.table[name].slice(0, n_events)
            flat = pc.list_flatten(column) if pa.types.is_list(column.type) else column
            yield name, np.asarray(flat.to_numpy())


def _table(path: Path, tree: TreeContents, any_size: bool) -> Table:
    raise ConfigError(
        f"{path}: the text format has jets alone, which compress codes by what a run has learned: RUN IN OUT"
    )


DARK_MACHINES = FileFormat(
    "Dark Machines text",
    is_dark_machines,
    _read,
    _contents,
    _values,
    _table,
    frozenset({"objects"}),
    (".csv", ".csv.gz", ".txt", ".txt.gz"),
    DarkMachinesWriter,
    needs=frozenset({*TEXT_COLUMNS, *OBJECT}),
)
