"""Tables of arrays, as NumPy and HDF5 files hold them.

Arrays with one axis have a row an object. Arrays with two, events and places for objects, have a row an event; of their
places those count that a column of flags called `valid` marks, and without it all of them. Names are those of the
fields of a structured array, or those of arrays beside each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.data.events import jagged
from atlas_keras.data.limits import MAX_EVENT, check_size
from atlas_keras.data.table import BATCH_BYTES, JETS_KEY, MAX_VALUES, OBJECTS, UNIT_KEY, Table
from atlas_keras.errors import JetDataError

VALID = "valid"


@dataclass(frozen=True)
class Arrays:
    """Arrays whose first axis is the same.

    Args:
        kinds: type of each array by name.
        shapes: of each.
        read: gives arrays of these names, from one row to before another.
    """

    kinds: Mapping[str, np.dtype]
    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[Sequence[str], int, int], Mapping[str, NDArray]]


def fields(shape: tuple[int, ...], kind: np.dtype, read: Callable[[Sequence[str], int, int], NDArray]) -> Arrays:
    """Tell of a structured array as of arrays: its fields.

    Args:
        shape: of the array.
        kind: its type, with names.
        read: gives some of the fields of rows.
    """
    names = kind.names or ()

    def columns(wanted: Sequence[str], start: int, stop: int) -> Mapping[str, NDArray]:
        rows = read(wanted, start, stop)
        return {name: rows[name] for name in wanted}

    return Arrays({name: kind[name] for name in names}, {name: shape + kind[name].shape for name in names}, columns)


def array_table(
    path: Path, arrays: Arrays, any_size: bool, name: str = "", objects: str = OBJECTS, unit: str | None = None
) -> Table | None:
    """Make a table of arrays; None where none of them holds numbers.

    Args:
        path: of the file.
        arrays: of at least one row; those with more than two axes, or of objects, are no columns.
        any_size: whatever they unfold to.
        name, objects: of the table.
        unit: that the file states.

    Raises:
        JetDataError: arrays that do not fit together, or a few bytes that claim very many.
    """
    types = {key: found for key, kind in arrays.kinds.items() if (found := _type(kind, arrays.shapes[key]))}
    if not types:
        return None
    shapes = {key: arrays.shapes[key] for key in types}
    first = next(iter(types))
    n_rows, n_places = shapes[first][0], {shape[1] for shape in shapes.values() if len(shape) == 2}
    for key, shape in shapes.items():
        if shape[0] != n_rows:
            raise JetDataError(f"{path}: arrays have different lengths: {first} has {n_rows:,}, {key} has {shape[0]:,}")
    if len(n_places) > 1:
        raise JetDataError(f"{path}: arrays have different numbers of places in an event: {sorted(n_places)}")
    width = sum(arrays.kinds[key].itemsize * int(np.prod(shapes[key][1:])) for key in types)
    if not any_size:
        check_size(path, n_rows * width)
    has_valid = bool(n_places) and VALID in types and len(shapes[VALID]) == 2
    schema = pa.schema(
        [
            (key, pa.list_(kind) if len(shapes[key]) == 2 else kind)
            for key, kind in types.items()
            if not (has_valid and key == VALID)
        ]
    )

    def read(names: Sequence[str], max_rows: int | None) -> Iterator[pa.Table]:
        n_at_once = max_rows or max(BATCH_BYTES // max(width, 1), 1)
        wanted = [*names, *([VALID] if has_valid else [])]
        for start in range(0, n_rows, n_at_once):
            rows = arrays.read(wanted, start, min(start + n_at_once, n_rows))
            valid = rows[VALID].astype(bool) if has_valid else None
            yield pa.table([_column(rows[key], valid) for key in names], schema=pa.schema(map(schema.field, names)))

    metadata = {UNIT_KEY: unit.encode()} if unit else {}
    if n_places:
        metadata[JETS_KEY] = json.dumps([field.name for field in schema if pa.types.is_list(field.type)]).encode()
    most = MAX_VALUES if any_size else MAX_EVENT
    return Table(path, schema, read, n_rows, name, objects, metadata, max_event=most)


def _type(kind: np.dtype, shape: tuple[int, ...]) -> pa.DataType | None:
    """Choose Arrow's type for the values of an array; None where it is no column."""
    if len(shape) not in (1, 2) or kind.shape:
        return None
    if kind.kind in "SU":
        return pa.string() if len(shape) == 1 else None
    return pa.from_numpy_dtype(_native(kind)) if kind.kind in "biuf" and kind.itemsize <= 8 else None


def _native(kind: np.dtype) -> np.dtype:
    """Return the type that holds the same values in this machine's order of bytes; of float16, float32."""
    return np.dtype(np.float32) if kind == np.float16 else kind.newbyteorder("=")


def _column(values: NDArray, valid: NDArray[np.bool_] | None) -> pa.Array:
    if values.dtype.kind in "SU":
        return pa.array(values.astype(str), pa.string())
    values = np.ascontiguousarray(values).astype(_native(values.dtype), copy=False)
    if values.ndim == 1:
        return pa.array(values)
    if valid is None:
        return jagged(values.ravel(), np.full(len(values), values.shape[1]))
    return jagged(values[valid], valid.sum(axis=1))
