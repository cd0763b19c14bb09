"""Write ROOT: a TTree, with counters and branches as NanoAOD has them, or an RNTuple."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_keras import extras
from atlas_keras.data.awkward_arrays import to_awkward
from atlas_keras.data.branch_names import without_dots
from atlas_keras.data.events import lengths
from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.grouping import counted_by
from atlas_keras.data.table import UNIT_KEY
from atlas_keras.errors import JetDataError, reason_of

try:
    import awkward as ak
    import uproot
except ImportError:
    ak = uproot = None

GROUP = "@"  # in front of the name of a counter, of the record that its columns are: no branch is called so


class RootWriter:
    """Writes events to trees of a ROOT file.

    Columns with one counter share it, `nJet` of `Jet_pt`; any other column with lists has a counter of its own. Numbers
    keep their types. ROOT has no empty values: a float that is missing becomes NaN. The unit of the energies stands
    beside the trees.

    Args:
        path: where to write.
        name: the final name, for messages.

    Raises:
        MissingExtraError: uproot is not installed.
    """

    def __init__(self, path: Path, name: Path) -> None:
        if uproot is None:
            raise extras.missing("uproot")
        self.name, self.options = name, WriteOptions()
        self.file = uproot.recreate(path)
        self.tree: Any = None
        self.branches: dict[str, str] = {}
        self.groups: dict[str, list[str]] = {}

    def begin(self, options: WriteOptions) -> None:
        """Begin the next tree."""
        self.options, self.tree = options, None
        if options.unit and UNIT_KEY.decode() not in self.file:
            self.file[UNIT_KEY.decode()] = options.unit

    def write(self, table: pa.Table) -> None:
        """Write a table with a row an event, the columns of the objects as lists.

        Raises:
            JetDataError: a column that no branch can hold.
        """
        table = table.combine_chunks()
        if wrong := misfits(table, self.options):
            column, why = next(iter(wrong.items()))
            raise JetDataError(f"{self.name}: no branch can hold column {column}, {why}")
        if self.tree is None:
            self._plan(table)
        arrays = {column: _array(table[column]) for column in table.column_names}
        try:
            self._extend_rntuple(table, arrays) if self.options.rntuple else self._extend_tree(arrays)
        except (TypeError, NotImplementedError, ValueError) as error:
            raise JetDataError(f"{self.name}: uproot cannot write the columns ({reason_of(error)})") from error

    def close(self) -> None:
        """End the file."""
        self.file.close()

    def _plan(self, table: pa.Table) -> None:
        """Choose the names of all branches, and which columns share a counter."""
        options, taken = self.options, set[str]()
        self.branches, self.groups = {}, {}
        for column in table.column_names:
            name = options.names.get(column) or column.rpartition("/")[2]
            self.branches[column] = _free(without_dots(name) if options.rntuple else name, taken)
            taken.add(self.branches[column])
        for column in table.column_names:
            if pa.types.is_list(table.schema.field(column).type):
                counter = self._counter(table, column) or _free(f"n{self.branches[column]}", taken)
                taken.add(counter)
                self.groups.setdefault(counter, []).append(column)

    def _counter(self, table: pa.Table, column: str) -> str:
        """Find what counts the objects of a column of lists: what is said, or an event column such as NanoAOD's."""
        said = self.options.counters.get(column, "")
        known = [name for name in table.column_names if (of := counted_by(name)) and column.startswith(of)]
        if said and said not in table.column_names:
            return said
        return next((name for name in [said, *known] if name and _counts(table, column, name)), "")

    def _extend_tree(self, arrays: dict[str, Any]) -> None:
        grouped = {column for columns in self.groups.values() for column in columns}
        chunk = {self.branches[c]: a for c, a in arrays.items() if c not in grouped and c not in self.groups}
        for counter, columns in self.groups.items():
            members = {self.branches[column]: arrays[column] for column in columns}
            chunk[GROUP + counter] = ak.zip(members, depth_limit=2)
        if self.tree is None:
            self.tree = self.file.mktree(
                self.options.tree,
                {name: ak.type(array).content for name, array in chunk.items()},
                counter_name=lambda group: self.branches.get(group[len(GROUP) :], group[len(GROUP) :]),
                field_name=lambda _, member: member,
            )
        self.tree.extend(chunk)

    def _extend_rntuple(self, table: pa.Table, arrays: dict[str, Any]) -> None:
        chunk = {}
        for counter, columns in self.groups.items():
            if counter in self.options.counters.values() and counter not in arrays:
                chunk[counter] = lengths(table[columns[0]]).astype(np.int32)
        chunk |= {self.branches[column]: array for column, array in arrays.items()}
        if self.tree is None:
            self.tree = self.file.mkrntuple(self.options.tree, chunk)
        else:
            self.tree.extend(chunk)


def misfits(table: pa.Table, options: WriteOptions) -> dict[str, str]:
    """Tell which columns of a table no branch can hold, and why."""
    found = {}
    other = ".parquet" if options.rntuple else "an RNTuple or .parquet"
    for column in table.column_names:
        kind = table.schema.field(column).type
        if not (_fits_rntuple(kind) if options.rntuple else _fits_tree(kind)):
            found[column] = f"which is {str(kind)[:80]}; leave it out, or write {other}"
        elif _has_nulls(table[column]):
            found[column] = "which has an empty value, as ROOT has none; leave it out, or write .parquet"
    return found


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_boolean(kind) or types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind)


def _fits_tree(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or _is_number(kind.value_type if pa.types.is_list(kind) else kind)


def _fits_rntuple(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _fits_rntuple(kind.value_type)
    return _is_number(kind) or pa.types.is_string(kind)


def _has_nulls(column: pa.ChunkedArray) -> bool:
    """Tell whether anything but a float is missing."""
    if pa.types.is_list(column.type):
        return bool(column.null_count) or _has_nulls(pc.list_flatten(column))
    return bool(column.null_count) and not pa.types.is_floating(column.type)


def _counts(table: pa.Table, column: str, counter: str) -> bool:
    kind = table.schema.field(counter).type
    return pa.types.is_integer(kind) and np.array_equal(lengths(table[column]), table[counter].to_numpy())


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _array(column: pa.ChunkedArray) -> Any:
    """Convert a column to the array that uproot writes."""
    values = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    if pa.types.is_floating(values.type) and values.null_count:
        flat = values.fill_null(np.nan).to_numpy()
        return ak.unflatten(flat, lengths(column)) if pa.types.is_list(column.type) else ak.Array(flat)
    if pa.types.is_string(column.type):
        return ak.Array(column.to_pylist())
    return to_awkward(pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type))
