"""What others do with whole files under the same bounds: the bytes of each column, and of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.columns.layout import layout_of, leaves_of, take_apart
from atlas_keras.codec.columns.plan import EXACT
from atlas_keras.codec.columns.rounding import rounded
from atlas_keras.schema import Bound

ENCODINGS = ("dictionary", "plain", "byte-split")
MANTISSA = {2: 10, 4: 23, 8: 52}
RNTUPLE_LEVEL = 5  # ROOT's usual setting, 505, is zstd at this level


def rounded_array(array: pa.Array, name: str, bounds: dict[str, Bound]) -> pa.Array:
    """Round the floats of a column, also those in lists."""
    kind = array.type
    if pa.types.is_list(kind):
        mask = array.is_null() if array.null_count else None
        return pa.ListArray.from_arrays(array.offsets, rounded_array(array.values, name, bounds), mask=mask)
    if pa.types.is_floating(kind) and name in bounds and not array.null_count:
        return pa.array(rounded(array.to_numpy(zero_copy_only=False), bounds[name]))
    return array


def rounded_parquet(table: pa.Table, bounds: dict[str, Bound], folder: Path) -> tuple[dict[str, int], int]:
    """Write rounded values as Parquet: the bytes of each column without the footer, and those of the whole file."""
    rival = pa.table(
        [rounded_array(pa.concat_arrays(table[n].chunks), n, bounds) for n in table.column_names], table.column_names
    )
    tried = {how: _written(rival, {name: how for name in rival.column_names}, folder)[0] for how in ENCODINGS}
    best = {name: min(ENCODINGS, key=lambda how: tried[how][name]) for name in rival.column_names}
    return _written(rival, best, folder)


def _written(table: pa.Table, encodings: dict[str, str], folder: Path) -> tuple[dict[str, int], int]:
    leaves = list(_leaves(table.schema))
    split = [path for path, name, kind in leaves if encodings[name] == "byte-split" and _splits(kind)]
    path = folder / "rival.parquet"
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        write_statistics=False,
        store_schema=False,
        use_dictionary=[path for path, name, _ in leaves if encodings[name] == "dictionary"],
        use_byte_stream_split=split,
    )
    metadata = pq.read_metadata(path)
    names, sizes = {path: name for path, name, _ in leaves}, dict.fromkeys(table.column_names, 0)
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            sizes[names[chunk.path_in_schema]] += chunk.total_compressed_size
    return sizes, path.stat().st_size


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, str, pa.DataType]]:
    def walk(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
        if pa.types.is_list(kind):
            yield from walk(f"{path}.list.element", kind.value_type)
        elif pa.types.is_struct(kind):
            for part in kind:
                yield from walk(f"{path}.{part.name}", part.type)
        else:
            yield path, kind

    for field in schema:
        for path, kind in walk(field.name, field.type):
            yield path, field.name, kind


def _splits(kind: pa.DataType) -> bool:
    return pa.types.is_float32(kind) or pa.types.is_float64(kind) or (pa.types.is_integer(kind) and kind.bit_width > 16)


def byte_split(table: pa.Table, bounds: dict[str, Bound]) -> dict[str, int]:
    """Return the bytes of columns whose floats are rounded, first all first bytes of each part, and zstd-19."""
    return _each(table, bounds, _split, 19)


def rntuple_like(table: pa.Table, bounds: dict[str, Bound]) -> dict[str, int]:
    """Return the bytes of columns as RNTuple's Real32Trunc and Real32Quant have them, at ROOT's usual level of zstd.

    Floats have as few bits as their bound allows: of mantissa, or of steps between the smallest and the largest value;
    those bits follow each other without a gap. Lengths are differences, and all whole numbers are split by bytes.
    """
    return _each(table, bounds, _truncated, RNTUPLE_LEVEL)


def _each(
    table: pa.Table, bounds: dict[str, Bound], encode: Callable[[np.ndarray, Bound], bytes], level: int
) -> dict[str, int]:
    """Return the bytes of columns, each leaf alone; lengths that several columns share count once, as in ROOT."""
    found, codec, known = {}, pa.Codec("zstd", level), set[bytes]()
    for name in table.column_names:
        array = pa.concat_arrays(table[name].chunks)
        node = layout_of(array.type, nullable=bool(array.null_count))
        size = 0
        for leaf, values in zip(leaves_of(name, node, 0), take_apart(array, node), strict=True):
            values = np.ascontiguousarray(values)
            if leaf.role == "counts":
                if values.tobytes() in known:
                    continue
                known.add(values.tobytes())
            data = encode(values, bounds.get(leaf.name, EXACT) if leaf.role == "values" else EXACT)
            size += min(len(codec.compress(data, asbytes=True)), len(data)) if data else 0
        found[name] = size
    return found


def _split(values: np.ndarray, bound: Bound) -> bytes:
    values = rounded(values, bound)
    if values.dtype.kind == "b":
        return np.packbits(values).tobytes()
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()


def _truncated(values: np.ndarray, bound: Bound) -> bytes:
    if values.dtype.kind in "iu":  # lengths and indices grow
        return _split(np.diff(values, prepend=values.dtype.type(0)) if values.itemsize == 8 else values, bound)
    if values.dtype.kind != "f" or not bound.size or values.itemsize == 2 or not len(values):
        return _split(values, EXACT)
    size = values.itemsize
    low, high = float(values.min()), float(values.max())
    if bound.kind != "relative" and np.isfinite(high - low):
        n_bits = int(np.ceil(np.log2((high - low) / (2 * bound.size) + 1)))
        steps = np.rint((values.astype(np.float64) - low) / max(high - low, 1e-300) * (2**n_bits - 1))
        return _bits(steps.astype(np.uint64), n_bits)
    if bound.kind == "relative":
        kept = min(max(0, int(np.ceil(-np.log2(bound.size) - 1))), MANTISSA[size])
    else:
        kept = MANTISSA[size]
    values = rounded(values, bound) if bound.kind == "relative" else values
    return _bits(
        values.view(f"u{size}").astype(np.uint64) >> np.uint64(MANTISSA[size] - kept), 8 * size - MANTISSA[size] + kept
    )


def _bits(numbers: np.ndarray, n_bits: int) -> bytes:
    """Write the last bits of numbers one after the other."""
    if not n_bits:
        return b""
    every = np.unpackbits(numbers.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    return np.packbits(every[:, 64 - n_bits :]).tobytes()
