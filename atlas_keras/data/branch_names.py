"""What the columns of a batch are called in a file that is written: as in their own file, where that can be.

A TTree has counters, so that any name will do that is no path. RNTuples and tables have names alone: there a column is
called as NanoAOD has it, `Jet_pt`, unless its own name says just as well what it belongs to.
"""

from __future__ import annotations

import re
from typing import Literal

from atlas_keras.data.contents import DEFAULT
from atlas_keras.data.events import EventBatch
from atlas_keras.data.grouping import shared_start

CONTAINER = re.compile(r"(?P<name>.*?)Aux(?:Dyn)?[.:]")  # of ATLAS
Kind = Literal["TTree", "RNTuple", "table"]


def collection_name(batch: EventBatch) -> str:
    """Return what the objects of a batch are called: `Jet` of jets whose columns come from `Jet_pt` and others."""
    name = batch.collection.name
    if name != DEFAULT or not batch.sources:
        return name
    start = shared_start([source.rpartition("/")[2] for source in batch.sources.values()])
    found = CONTAINER.match(start)
    return found["name"] if found else re.split(r"[_.:]", start)[0] or name


def counter_name(collection: str) -> str:
    """Return what counts the objects: `nJet` of `Jet`, `jet_n` of `jet`."""
    return f"n{collection}" if collection[:1].isupper() else f"{collection}_n"


def branch_names(batch: EventBatch, kind: Kind) -> dict[str, str]:
    """Name the columns of a batch in a file.

    Args:
        batch: with the names that its own file has for them.
        kind: of the file; in a table, columns that have no other name keep theirs. A name in an RNTuple has no dots.
    """
    found = {
        column: _of_objects(batch, column, kind) if column in batch.jet_columns else column.rpartition("/")[2]
        for column in batch.table.column_names
    }
    return {column: without_dots(name) for column, name in found.items()} if kind == "RNTuple" else found


def without_dots(name: str) -> str:
    """Return a name that a field of an RNTuple can have: a colon behind a container of ATLAS, else underscores."""
    found = CONTAINER.match(name)
    return (f"{name[: found.end() - 1]}:{name[found.end() :]}" if found else name).replace(".", "_")


def _of_objects(batch: EventBatch, column: str, kind: Kind) -> str:
    name = collection_name(batch)
    if kind == "table" and not batch.sources:
        return column
    # What is in the collection and has no source was computed; what is not was kept under its own name.
    source = batch.sources.get(column, "" if column in batch.collection.names or not batch.sources else column)
    own = source.rpartition("/")[2]
    says = CONTAINER.match(own) if kind == "RNTuple" else kind == "TTree"
    return own if own and (says or own.startswith(f"{name}_")) else f"{name}_{column}"
