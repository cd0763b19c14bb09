"""HDF5 as tables: each structured dataset is one, and so are the datasets that stand beside each other in a group.

ATLAS' flavor tagging writes such files: `jets`, and `tracks` with places for 40 of them in each jet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.arrays import Arrays, array_table, fields
from atlas_keras.data.remote import opened
from atlas_keras.data.table import OBJECTS, Table
from atlas_keras.data.table_format import table_format
from atlas_keras.errors import JetDataError

MAGIC = b"\x89HDF\r\n\x1a\n"
UNIT = "unit"  # an attribute of a dataset, its group or the file


def open_tables(path: Path, any_size: bool) -> list[Table]:
    """Open a file, and find its tables.

    Args:
        path: of the file.
        any_size: whatever it unfolds to.

    Raises:
        JetDataError: no table, or one that pandas has written.
    """
    tables, faults = [], []
    with opened(path) as source, h5py.File(source, "r") as file:
        for name, arrays, unit in _found(path, file):
            try:
                table = array_table(path, arrays, any_size, name, PurePosixPath(name).name or OBJECTS, unit)
            except JetDataError as error:  # of arrays that are no table, as others of the file may be
                faults.append(error)
                continue
            if table is not None:
                tables.append(table)
    if not tables:
        raise faults[0] if faults else JetDataError(f"{path}: no dataset has columns of numbers with names")
    return tables


def _found(path: Path, file: h5py.File) -> Iterator[tuple[str, Arrays, str | None]]:
    """Walk over groups and datasets: name, arrays and unit of what may be a table."""
    groups: list[h5py.Group] = [file]
    while groups:
        group = groups.pop(0)
        if "pandas_type" in group.attrs:
            raise JetDataError(f"{path}: is written by pandas, in a form of its own; write DataFrame.to_parquet(...)")
        beside: dict[str, h5py.Dataset] = {}
        for key, item in group.items():
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset) and item.dtype.names:
                name = item.name.strip("/")
                yield name, fields(item.shape, item.dtype, partial(_rows, path, name)), _unit(item, group, file)
            elif isinstance(item, h5py.Dataset) and item.shape:
                beside[key] = item
        if beside:
            name = group.name.strip("/")
            kinds = {key: item.dtype for key, item in beside.items()}
            shapes = {key: item.shape for key, item in beside.items()}
            yield name, Arrays(kinds, shapes, partial(_columns, path, name)), _unit(group, file)


def _unit(*items: Any) -> str | None:
    for item in items:
        if isinstance(unit := item.attrs.get(UNIT), str | bytes):
            return unit if isinstance(unit, str) else unit.decode(errors="replace")
    return None


def _rows(path: Path, name: str, names: Sequence[str], start: int, stop: int) -> NDArray:
    with opened(path) as source, h5py.File(source, "r") as file:
        rows: NDArray = file[name].fields(list(names))[start:stop]
        return rows


def _columns(path: Path, name: str, names: Sequence[str], start: int, stop: int) -> Mapping[str, NDArray]:
    with opened(path) as source, h5py.File(source, "r") as file:
        group = file[name or "/"]
        return {key: np.asarray(group[key][start:stop]) for key in names}


HDF5 = table_format(
    "HDF5",
    lambda head: head.startswith(MAGIC),
    open_tables,
    faults=(ValueError, KeyError, RuntimeError),
    options=frozenset({"tree", "columns", "jet_columns"}),
)
