"""Write events to a file whose ending chooses the format: Parquet, ROOT, or the Dark Machines text."""

from __future__ import annotations

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
from atlas_keras.data.file_format import FileFormat, WriteOptions
from atlas_keras.data.formats import FORMATS
from atlas_keras.errors import JetDataError
from atlas_keras.kinematics import way_to
from atlas_keras.output import whole_file
from atlas_keras.schema import EVENTS, FOUR_MOMENTUM, Collection


class EventWriter:
    """Writes tables of events to a file, batch by batch; a context manager.

    Args:
        path: where to write.
        name: the final name, whose ending chooses the format: `.parquet`, `.root`, or `.csv`, `.csv.gz` (Dark Machines
            text).
        unit: of energies, kept in a Parquet or ROOT file.
        flat: write a row a jet and not a row an event (Parquet).
        jet_columns: further columns that hold a value for each jet, kept in the metadata of a Parquet file with a row
            an event; None leaves it unsaid.
        collection: what the columns of the jets are.
        names: what columns of the tables are called in the file, where that is another name.
        tree: name of the tree (ROOT).
        rntuple: write an RNTuple and not a TTree (ROOT).
    """

    def __init__(
        self,
        path: Path,
        name: Path,
        unit: str,
        *,
        flat: bool = False,
        jet_columns: Sequence[str] | None = None,
        collection: Collection = FOUR_MOMENTUM,
        names: Mapping[str, str] | None = None,
        tree: str = "Events",
        rntuple: bool = False,
    ) -> None:
        options = WriteOptions(collection, unit, names or {}, jet_columns, flat, tree, rntuple)
        form = written_format(name)
        assert form.writer is not None
        self.writer = form.writer(path, name, options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.writer.close()

    def write(self, table: pa.Table) -> None:
        """Write events: a table with a row an event, the columns of the jets as lists."""
        self.writer.write(table)


def written_format(name: Path) -> FileFormat:
    """Choose the format of a file that is written, by the ending of its name.

    Raises:
        JetDataError: an ending of none.
    """
    forms = [form for form in FORMATS if form.writer is not None]
    found = next((form for form in forms if name.name.lower().endswith(form.suffixes)), None)
    if found is None:
        endings = ", ".join(suffix for form in forms for suffix in form.suffixes)
        raise JetDataError(f"{name}: the ending chooses the format; use one of {endings}")
    return found


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
            text).
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
    written_format(path)
    writer: EventWriter | None = None
    with whole_file(path, force=force) as unfinished:
        try:
            for batch in map(_with_plain_events, batches):
                table = batch.table.drop_columns(list(_derived(batch)))
                if writer is None:
                    writer = _writer(batch, table, unfinished, path, flat, tree, rntuple)
                writer.write(table)
        finally:
            if writer is not None:
                writer.__exit__(None, None, None)
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


def _writer(
    batch: EventBatch, table: pa.Table, unfinished: Path, path: Path, flat: bool, tree: str, rntuple: bool
) -> EventWriter:
    """Open the writer of batches as this one."""
    is_root = path.suffix.lower() == ".root"
    names = branch_names(batch, "table" if not is_root else "RNTuple" if rntuple else "TTree")
    jets = tuple(name for name in batch.jet_columns if name in table.column_names)
    kept = tuple(column for column in batch.collection if column.name in jets)
    name = collection_name(batch)
    collection = Collection(name, kept or batch.collection.columns, batch.collection.counter or counter_name(name))
    declared = None if batch.unclear and not is_root else jets
    names = {} if flat else {column: own for column, own in names.items() if is_root or own != column}
    return EventWriter(
        unfinished, path, batch.unit, flat=flat, jet_columns=declared, collection=collection, names=names, tree=tree,
        rntuple=rntuple,
    )  # fmt: skip


def _derived(batch: EventBatch) -> set[str]:
    """Name the columns that were computed, and can be again from those that stay."""
    stored = set(batch.table.column_names) - set(batch.computed)
    ways = {name: way_to(name, stored) for name in batch.computed}
    return {name for name, way in ways.items() if way is not None and set(way.sources) <= stored}
