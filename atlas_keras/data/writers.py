"""Write events, or whole trees, to a file whose ending chooses the format: Parquet, ROOT, or text."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_keras.data.branch_names import branch_names, collection_name, counter_name
from atlas_keras.data.events import EventBatch
from atlas_keras.data.file_format import FileFormat, WriteOptions, Writer
from atlas_keras.data.formats import FORMATS
from atlas_keras.data.table import COLLECTION_KEY, JETS_KEY
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import way_to
from atlas_keras.output import whole_file
from atlas_keras.schema import EVENTS, Collection


class EventWriter:
    """Writes tables of events to a file, batch by batch; a context manager.

    Args:
        path: where to write.
        name: the final name, whose ending chooses the format: `.parquet`, `.root`, or `.csv`, `.csv.gz` (Dark Machines
            text where the table has its columns, else a line of names and then a row an object).
        options: how.

    Raises:
        JetDataError: another ending.
    """

    def __init__(self, path: Path, name: Path, options: WriteOptions) -> None:
        self.path, self.name, self.options = path, name, options
        self.forms = written_formats(name)
        self.writer: Writer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.writer is not None:
            self.writer.close()

    def write(self, table: pa.Table) -> None:
        """Write events: a table with a row an event, the columns of the objects as lists.

        Raises:
            JetDataError: a column that the format cannot hold.
        """
        if self.writer is None:
            _, self.writer = _open(self.forms, table, self.path, self.name)
            self.writer.begin(self.options)
        self.writer.write(table)


def written_formats(name: Path) -> list[FileFormat]:
    """Find the formats of a file that is written, by the ending of its name.

    Raises:
        JetDataError: an ending of none.
    """
    forms = [form for form in FORMATS if form.suffixes]
    found = [form for form in forms if name.name.lower().endswith(form.suffixes)]
    if not found:
        endings = ", ".join(dict.fromkeys(suffix for form in forms for suffix in form.suffixes))
        raise JetDataError(f"{name}: the ending chooses the format; use one of {endings}")
    return found


def _open(forms: Sequence[FileFormat], table: pa.Table, path: Path, name: Path) -> tuple[FileFormat, Writer]:
    """Open a writer of the format that needs most of what a table has; else of one that says what is missing."""
    fitting = [form for form in forms if form.needs <= set(table.column_names)]
    form = max(fitting or forms, key=lambda form: len(form.needs))
    assert form.writer is not None
    return form, form.writer(path, name)


def write_trees(path: Path, name: Path, trees: Iterable[tuple[WriteOptions, Iterable[pa.Table]]]) -> list[str]:
    """Write whole trees to a file whose ending chooses the format.

    Args:
        path: where to write.
        name: the final name.
        trees: how each is written, and its tables, at least one. Of a format without trees there is one.

    Returns:
        What the format cannot hold, and is left out.

    Raises:
        JetDataError: an ending that chooses no format, or values that no file of the format holds.
    """
    forms, left_out = written_formats(name), list[str]()
    writer: Writer | None = None
    try:
        for options, tables in trees:
            tables = iter(tables)
            first = next(tables)
            if writer is None:
                form, writer = _open(forms, first, path, name)
            writer.begin(options)
            wrong = list(form.misfits(first, options))
            left_out += wrong
            for table in itertools.chain([first], tables):
                writer.write(table.drop_columns(wrong))
    finally:
        if writer is not None:
            writer.close()
    return left_out


def write_events(
    batches: Iterable[EventBatch],
    path: str | Path,
    *,
    flat: bool = False,
    tree: str = "Events",
    rntuple: bool = False,
    force: bool = False,
) -> None:
    """Write events as they were read, under the names that their file has for the columns.

    Numbers keep the types of the file, and what the reader has computed is left out, as it follows from the rest. Read
    with `unit="file"`, so that no number is converted; else energies of the collection are in the unit that is stated,
    and all other columns in that of their file.

    Args:
        batches: of one collection, as `read_events` gives them.
        path: of the file; its ending chooses the format: `.parquet`, `.root`, or `.csv`, `.csv.gz` (Dark Machines
            text where its columns are there, else a line of names and then a row an object).
        flat: write a row an object and not a row an event (Parquet).
        tree: name of the tree (ROOT).
        rntuple: write an RNTuple and not a TTree (ROOT).
        force: replace a file that is there.

    Raises:
        JetDataError: another ending, no batch, a column that the format cannot hold.
        RunError: the name is taken.

    Example:
        >>> import atlas_keras
        >>> atlas_keras.write_events(atlas_keras.read_events(unit="file"), "jets.root")  # doctest: +SKIP
    """
    path = Path(path)
    written_formats(path)
    with whole_file(path, force=force) as unfinished, contextlib.ExitStack() as stack:
        writer: EventWriter | None = None
        for batch in map(_with_plain_events, batches):
            table = batch.table.drop_columns(list(_derived(batch)))
            if writer is None:
                options = _options(batch, table, path, flat, tree, rntuple)
                writer = stack.enter_context(EventWriter(unfinished, path, options))
            writer.write(table)
        if writer is None:
            raise JetDataError(f"{path}: there are no events to write")


def _with_plain_events(batch: EventBatch) -> EventBatch:
    """Return columns of the events, which were read as a collection with a row an event, as the columns they were."""
    if batch.collection.name != EVENTS or np.any(batch.counts != 1):
        return batch
    stored = [name for name in batch.jet_columns if name not in _derived(batch)]
    table = batch.table.drop_columns([name for name in batch.jet_columns if name not in stored])
    for name in stored:
        at = table.column_names.index(name)
        table = table.set_column(at, batch.sources.get(name, name), pc.list_flatten(table[name]))
    return replace(batch, table=table, jet_columns=(), sources={}, computed=())


def _options(batch: EventBatch, table: pa.Table, path: Path, flat: bool, tree: str, rntuple: bool) -> WriteOptions:
    """Say how batches as this one are written."""
    is_root = path.suffix.lower() == ".root"
    names = branch_names(batch, "table" if not is_root else "RNTuple" if rntuple else "TTree")
    jets = tuple(name for name in batch.jet_columns if name in table.column_names)
    kept = tuple(column for column in batch.collection if column.name in jets)
    name = collection_name(batch)
    collection = Collection(name, kept or batch.collection.columns, batch.collection.counter)
    declared = None if batch.unclear and not is_root else jets
    names = {} if flat else {column: own for column, own in names.items() if is_root or own != column}
    options = object_options(path, collection, batch.unit, declared, names=names, flat=flat)
    return replace(options, tree=tree, rntuple=rntuple)


def object_options(
    name: Path,
    collection: Collection,
    unit: str,
    jet_columns: Sequence[str] | None,
    *,
    names: Mapping[str, str] | None = None,
    flat: bool = False,
) -> WriteOptions:
    """Say how events with the objects of a collection are written: under its name in ROOT, declared in Parquet.

    Args:
        name: of the file.
        collection: what the objects are.
        unit: of energies.
        jet_columns: further columns that hold a value for each object; None leaves it unsaid.
        names: what columns are called in the file, where that is another name.
        flat: write a row an object and not a row an event, where a format can.
    """
    # Columns of the events are none of objects: without lists, a row is an event because this is empty.
    own = () if collection.name == EVENTS else collection.names
    objects = tuple(dict.fromkeys((*own, *(jet_columns or ()))))
    names, metadata = dict(names or {}), dict[bytes, bytes]()
    if not flat and jet_columns is not None:
        metadata[JETS_KEY] = json.dumps(list(dict.fromkeys(names.get(column, column) for column in objects))).encode()
        if names.keys() & set(own):  # which have the name of their collection in front
            metadata[COLLECTION_KEY] = collection.name.encode()
    if name.suffix.lower() == ".root":
        names = {**{column: f"{collection.name}_{column}" for column in objects}, **names}
    counter = collection.counter or counter_name(collection.name)
    return WriteOptions(unit, names, objects, dict.fromkeys(objects, counter), metadata, flat)


def _derived(batch: EventBatch) -> set[str]:
    """Name the columns that were computed, and can be again from those that stay."""
    stored = set(batch.table.column_names) - set(batch.computed)
    ways = {name: way_to(name, stored) for name in batch.computed}
    return {name for name, way in ways.items() if way is not None and set(way.sources) <= stored}
