"""A tree of a ROOT file as a table with a row an event: every branch that uproot can read and Arrow can hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa

from atlas_keras.data.arrow_types import plain, plain_type
from atlas_keras.data.contents import TreeContents
from atlas_keras.data.limits import check_size
from atlas_keras.data.root_faults import damage, type_of
from atlas_keras.data.root_format import opened
from atlas_keras.data.root_trees import events_trees, is_bookkeeping, open_tree
from atlas_keras.data.table import Table
from atlas_keras.errors import reason_of

PROBED = 100  # events that tell the type of a branch which is in no collection


def open_table(path: Path, tree: TreeContents, any_size: bool) -> Table:
    """Open a tree.

    Args:
        path: of the file.
        tree: of it.
        any_size: whatever it unfolds to.

    Raises:
        JetDataError: a damaged file.
    """
    types, left_out = _known(tree), dict[str, str]()
    fields, row_bytes = [], dict[str, float]()
    with opened(path) as file:
        for name, branch in _branches(file, path, tree.name).items():
            if is_bookkeeping(name):
                left_out[name] = "bits that ROOT keeps of its objects"
                continue
            if name not in types:
                try:
                    types[name] = _to_arrow(branch.array(entry_stop=min(tree.n_events, PROBED))).type
                except Exception as error:  # of types that uproot or Arrow does not have
                    left_out[name] = f"{type_of(branch)}: {reason_of(error)}"
                    continue
            fields.append(pa.field(name, plain_type(types[name])))
            if n_bytes := getattr(branch, "uncompressed_bytes", 0):  # which an RNTuple does not tell
                row_bytes[name] = n_bytes / max(tree.n_events, 1)
    schema = pa.schema(fields)

    def read(names: Sequence[str], max_rows: int | None, start: int = 0) -> Iterator[pa.Table]:
        return _read(path, tree, schema, names, max_rows or tree.n_events, any_size, start)

    return Table(path, schema, read, tree.n_events, tree.name, left_out=left_out, row_bytes=row_bytes, read_from=read)


def _read(
    path: Path, tree: TreeContents, schema: pa.Schema, names: Sequence[str], step: int, any_size: bool, begin: int
) -> Iterator[pa.Table]:
    total = 0
    wanted = pa.schema([schema.field(name) for name in names])
    with opened(path) as file:
        branches = _branches(file, path, tree.name)
        for start in range(begin, tree.n_events, step):
            columns, stop = [], min(start + step, tree.n_events)
            for name in names:
                try:
                    columns.append(_to_arrow(branches[name].array(entry_start=start, entry_stop=stop)))
                except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors through
                    raise damage(path, error, file, f" in branch {name}") from error
            table = plain(pa.table(columns, names=list(names))).cast(wanted)
            total += table.nbytes
            if not any_size:
                check_size(path, total)
            yield table


def _known(tree: TreeContents) -> dict[str, pa.DataType]:
    """Return the types of the branches that are columns of collections, or of the events."""
    types = {}
    for group in tree.all_groups:
        for column in group.collection:
            kind = pa.from_numpy_dtype(np.dtype(column.dtype))
            types[group.sources[column.name]] = kind if group is tree.events else pa.list_(kind)
    return types


def _branches(file: Any, path: Path, tree: str) -> dict[str, Any]:
    """Return the branches that hold data: those above others hold none of their own."""
    branches = open_tree(events_trees(file, path, tree)[tree])[1]
    return {name: b for name, b in branches.items() if not (hasattr(b, "branches") and len(b.branches))}


def _to_arrow(array: Any) -> pa.Array:
    """Convert what uproot reads to Arrow, of a plain type that a column can have."""
    found = ak.to_arrow(array, list_to32=True, string_to32=True, bytestring_to32=True, extensionarray=False)
    if pa.types.is_null(found.type) or pa.types.is_union(plain_type(found.type)):
        raise TypeError("values of no single type")
    return found
