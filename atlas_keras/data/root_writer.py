"""Write ROOT: a TTree, with counters and branches as NanoAOD has them, or an RNTuple."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_keras import extras
from atlas_keras.data.branch_names import counter_name
from atlas_keras.data.events import lengths
from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.table import UNIT_KEY
from atlas_keras.errors import JetDataError

try:
    import awkward as ak
    import uproot
except ImportError:
    ak = uproot = None

OBJECTS = "objects of the collection"  # a name that no branch has, of the record that the columns of the objects are


class RootWriter:
    """Writes events to a tree of a ROOT file.

    The columns of the objects share one counter, `nJet` of `Jet_pt`; any other column with lists has a counter of its
    own. Numbers keep their types. ROOT has no empty values: a float that is missing becomes NaN, anything else that is
    missing is refused. The unit of the energies stands beside the tree.

    Args:
        path: where to write.
        name: the final name, for messages.
        options: how.

    Raises:
        MissingExtraError: uproot is not installed.
    """

    def __init__(self, path: Path, name: Path, options: WriteOptions) -> None:
        if uproot is None:
            raise extras.missing("uproot")
        self.name, self.options = name, options
        self.file = uproot.recreate(path)
        self.file[UNIT_KEY.decode()] = options.unit
        self.tree: Any = None

    def write(self, table: pa.Table) -> None:
        """Write a table with a row an event, the columns of the objects as lists.

        Raises:
            JetDataError: a column that no branch can hold.
        """
        options = self.options
        own = {*options.collection.names, *(options.jet_columns or ())} & set(table.column_names)
        own = {column for column in own if pa.types.is_list(table.schema.field(column).type)}  # those of events are not
        counter = options.collection.counter or counter_name(options.collection.name)
        objects, others = dict[str, Any](), dict[str, Any]()
        for column in table.column_names:
            usual = f"{options.collection.name}_{column}" if column in own else column
            branch = options.names.get(column, usual)
            if branch != counter or not own:  # which is written anyway
                (objects if column in own else others)[branch] = self._array(table[column], column)
        if not own and options.rntuple:
            self._extend_rntuple(others)
        elif not own:
            self._extend_tree(others, counter)
        elif options.rntuple:
            counts = lengths(table[next(column for column in table.column_names if column in own)])
            self._extend_rntuple({counter: counts.astype(np.int32), **objects, **others})
        else:
            self._extend_tree({OBJECTS: ak.zip(objects, depth_limit=2), **others}, counter)

    def close(self) -> None:
        """End the file."""
        self.file.close()

    def _extend_tree(self, arrays: Mapping[str, Any], counter: str) -> None:
        if self.tree is None:
            self.tree = self.file.mktree(
                self.options.tree,
                {name: ak.type(array).content for name, array in arrays.items()},
                counter_name=lambda counted: counter if counted == OBJECTS else f"n{counted}",
                field_name=lambda outer, inner: inner if outer in (OBJECTS, "") else f"{outer}_{inner}",
            )
        self.tree.extend(dict(arrays))

    def _extend_rntuple(self, arrays: Mapping[str, Any]) -> None:
        if self.tree is None:
            self.tree = self.file.mkrntuple(self.options.tree, dict(arrays))
        else:
            self.tree.extend(dict(arrays))

    def _array(self, column: pa.ChunkedArray, name: str) -> Any:
        """Convert a column to the array that uproot writes."""
        is_list = pa.types.is_list(column.type)
        values = pc.list_flatten(column) if is_list else column
        kind = values.type
        if pa.types.is_floating(kind):
            values = values.fill_null(np.nan)
        if column.null_count or values.null_count:
            raise JetDataError(
                f"{self.name}: column {name} has an empty value, which ROOT has not; leave it out, or write .parquet"
            )
        if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            flat = values.to_numpy(zero_copy_only=False)
            return ak.unflatten(flat, lengths(column)) if is_list else ak.Array(flat)
        if pa.types.is_string(kind) and not is_list:
            return ak.Array(values.to_pylist())
        if self.options.rntuple and (pa.types.is_string(kind) or pa.types.is_list(kind)):
            return ak.from_arrow(column)
        raise JetDataError(
            f"{self.name}: no branch can hold column {name}, which is {str(column.type)[:80]}; leave it out, or write "
            + (".parquet" if self.options.rntuple else "an RNTuple or .parquet")
        )
