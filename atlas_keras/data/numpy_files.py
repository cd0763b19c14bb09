"""Arrays that NumPy has saved, `.npy` and `.npz`, as tables; what only a pickle holds is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_keras.data.arrays import Arrays, array_table, fields
from atlas_keras.data.limits import check_size
from atlas_keras.data.remote import opened
from atlas_keras.data.table import OBJECTS, Table
from atlas_keras.data.table_format import table_format
from atlas_keras.errors import JetDataError, reason_of

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"
NAME_LENGTH, NAME = slice(26, 28), 30  # where a zip archive has the name of its first file
UNIT = "unit"  # an array of one word that states the unit of the energies


def is_numpy(head: bytes) -> bool:
    """Tell whether a file is one array, or an archive of arrays."""
    if head.startswith(NPY):
        return True
    name = head[NAME : NAME + int.from_bytes(head[NAME_LENGTH], "little")]
    return head.startswith(ZIP) and name.endswith(b".npy")


def open_tables(path: Path, any_size: bool) -> list[Table]:
    """Open a file of arrays: each structured one is a table, and the others together are one.

    Args:
        path: of the file.
        any_size: whatever it unfolds to.

    Raises:
        JetDataError: arrays of objects, without names or of different lengths.
    """
    try:
        found = _load(path, any_size)
    except JetDataError:
        raise
    except Exception as error:  # NumPy reads headers as Python, and lets errors of all kinds through
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            raise JetDataError(
                f"{path}: holds Python objects, which are pickles that can run any program; save each column as an "
                "array of numbers, numpy.savez(path, pt=..., eta=...)"
            ) from error
        raise ValueError(reason_of(error)) from error
    unit = str(found.pop(UNIT)) if UNIT in found and found[UNIT].ndim == 0 else None
    tables = []
    for name, array in found.items():
        if array.dtype.names:
            arrays = fields(array.shape, array.dtype, partial(_rows, array))
            tables.append(array_table(path, arrays, any_size, name, name or OBJECTS, unit))
    plain = {name: array for name, array in found.items() if not array.dtype.names and array.ndim in (1, 2)}
    if plain:
        tables.append(array_table(path, _beside(plain), any_size, unit=unit))
    if "" in plain or not any(tables):
        raise JetDataError(
            f"{path}: its arrays have no names; save them as columns, numpy.savez(path, pt=..., eta=...), or as one "
            "structured array"
        )
    return [table for table in tables if table is not None]


def _rows(array: NDArray, names: Sequence[str], start: int, stop: int) -> NDArray:
    rows: NDArray = array[start:stop]
    return rows


def _load(path: Path, any_size: bool) -> dict[str, NDArray]:
    with path.open("rb") as stream:
        is_one = stream.read(len(NPY)) == NPY
    if is_one:
        with opened(path) as source:
            mode = "r" if source is path else None  # a file at a URL has no place in memory
            return {"": np.load(source, mmap_mode=mode, allow_pickle=False)}  # type: ignore[arg-type]
    with opened(path) as source, zipfile.ZipFile(source) as archive:
        if not any_size:
            check_size(path, sum(item.file_size for item in archive.infolist()))
    with opened(path) as source, np.load(source, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if isinstance(arrays[name], np.ndarray)}


def _beside(arrays: Mapping[str, NDArray]) -> Arrays:
    def read(names: Sequence[str], start: int, stop: int) -> Mapping[str, NDArray]:
        return {name: arrays[name][start:stop] for name in names}

    kinds = {name: array.dtype for name, array in arrays.items()}
    return Arrays(kinds, {name: array.shape for name, array in arrays.items()}, read)


NUMPY = table_format(
    "NumPy", is_numpy, open_tables, faults=(ValueError,), options=frozenset({"tree", "columns", "jet_columns"})
)
