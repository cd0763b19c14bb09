"""What compressors of arrays do with columns under the same bounds: blosc2, zfp, SZ3; every value is checked.

Each is given a column at a time. blosc2 has rounded values, at level 9 with its better filter of two. zfp and SZ3 have
values with an absolute bound as they are, and the logarithms of those with a relative one; what has no logarithm, whole
numbers, and a column where an error is beyond its bound are stored by bytes with zstd-19.
"""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.codec.columns.layout import layout_of, leaves_of, take_apart
from atlas_keras.codec.columns.plan import EXACT
from atlas_keras.schema import Bound
from benchmarks.column_rivals import rounded

RESERVE = 0.999  # of a bound, for the rounding to the type of the column
TOLERANCES = 6  # powers of two that zfp is tried with, from four times the bound down
Line = Callable[[NDArray, float], tuple[int, NDArray]]  # bytes of values within an absolute bound, and what comes back


def array_rivals(table: pa.Table, bounds: dict[str, Bound]) -> dict[str, int]:
    """Return the bytes of a table by compressor, lengths of lists once; those that are not installed are told.

    Args:
        table: of plain types, without missing values.
        bounds: of its leaves.
    """
    found = {}
    for name, (package, column) in RIVALS.items():
        if importlib.util.find_spec(package) is None:
            print(f"{name} is not measured: {package} is not installed")
        else:
            found[name] = sum(column(values, bound) for values, bound in _leaves(table, bounds))
    return found


def _leaves(table: pa.Table, bounds: dict[str, Bound]) -> list[tuple[NDArray, Bound]]:
    found, lengths = [], set[bytes]()
    for name in table.column_names:
        array = pa.concat_arrays(table[name].chunks)
        node = layout_of(array.type, nullable=False)
        for leaf, values in zip(leaves_of(name, node, 0), take_apart(array, node), strict=True):
            if leaf.role == "counts" and values.tobytes() in lengths:
                continue
            lengths |= {values.tobytes()} if leaf.role == "counts" else set()
            found.append((values, bounds.get(leaf.name, EXACT) if leaf.role == "values" else EXACT))
    return found


def _by_line(line: Line, values: NDArray, bound: Bound) -> int:
    """Return the bytes of a column that a compressor of numbers within an absolute bound is given."""
    exact = _by_bytes(values)
    if values.dtype.kind != "f" or not bound.size:
        return exact
    is_relative = bound.kind == "relative"
    x = values.astype(np.float64)
    usable = np.isfinite(x) & ((x > 0) | (not is_relative))
    size = RESERVE * (math.log1p(bound.size) if is_relative else bound.size)
    n_bytes, back = line(np.log(x[usable]) if is_relative else x[usable], size)
    if not _within(values[usable], np.exp(back) if is_relative else back, bound):
        return exact
    others = 0 if usable.all() else _by_bytes(np.packbits(usable)) + _by_bytes(values[~usable])
    return min(exact, n_bytes + others)


def _by_blosc2(values: NDArray, bound: Bound) -> int:
    """Return the bytes of a column of rounded values."""
    import blosc2

    content = rounded(values, bound)
    assert values.dtype.kind != "f" or not bound.size or _within(values, content, bound)
    settings: dict[str, Any] = {"codec": blosc2.Codec.ZSTD, "clevel": 9, "nthreads": 1, "typesize": values.itemsize}
    filters = (blosc2.Filter.SHUFFLE, blosc2.Filter.BITSHUFFLE)
    return min(len(blosc2.compress2(content, **settings, filters=[kind], filters_meta=[0])) for kind in filters)


def _within(values: NDArray, decoded: NDArray, bound: Bound) -> bool:
    """Tell whether all values are within their bound, in the type of the column."""
    x, y = values.astype(np.float64), decoded.astype(values.dtype).astype(np.float64)
    limit = bound.size * np.abs(x) if bound.kind == "relative" else bound.size
    return bool(np.all((np.abs(y - x) <= limit) | ~np.isfinite(x)))


def _by_bytes(values: NDArray) -> int:
    planes = np.ascontiguousarray(values).view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
    return len(pa.Codec("zstd", 19).compress(planes, asbytes=True)) if planes else 0


def _zfp(x: NDArray, size: float) -> tuple[int, NDArray]:
    """Compress with the largest tolerance, a power of two, that keeps the bound."""
    import zfpy

    for k in range(TOLERANCES):
        content = zfpy.compress_numpy(x, tolerance=2.0 ** (math.floor(math.log2(size)) + 2 - k))
        back = zfpy.decompress_numpy(content)
        if np.all(np.abs(back - x) <= size):
            break
    return len(content), back


def _sz3(x: NDArray, size: float) -> tuple[int, NDArray]:
    """Write an HDF5 file with its filter and read it; the bytes are those of the chunk."""
    import h5py
    import hdf5plugin

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "column.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=x, chunks=x.shape, **hdf5plugin.SZ3(absolute=size))
        with h5py.File(path, "r") as file:
            return int(file["x"].id.get_storage_size()), file["x"][...]


RIVALS: dict[str, tuple[str, Callable[[NDArray, Bound], int]]] = {
    "blosc2": ("blosc2", _by_blosc2),
    "zfp": ("zfpy", partial(_by_line, _zfp)),
    "SZ3": ("hdf5plugin", partial(_by_line, _sz3)),
}
