"""Whole files within bounds: where the bytes go, column by column, against Parquet of rounded values and ROOT itself.

`python -m benchmarks.whole_files FILE... [--bound ...] [--json OUT]` prints a table; every value is checked.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.schema import Bound


def rounded(values: np.ndarray, bound: Bound) -> np.ndarray:
    """Round floats as a careful user does today, within the bound: fewest bits of mantissa, or multiples of 2^-k."""
    if values.dtype.kind != "f" or not bound.size or values.dtype.itemsize == 2:
        return values
    bits = 23 if values.dtype.itemsize == 4 else 52
    with np.errstate(all="ignore"):
        if bound.kind == "relative":
            drop = bits - max(0, int(np.ceil(-np.log2(bound.size) - 1)))
            if drop <= 0:
                return values
            raw = values.view(f"u{values.dtype.itemsize}").astype(np.uint64)
            half, mask = np.uint64(1 << drop - 1), np.uint64((1 << drop) - 1)
            found = ((raw + half) & ~mask).astype(f"u{values.dtype.itemsize}").view(values.dtype)
        else:
            step = 2.0 ** np.floor(np.log2(2 * bound.size))
            found = (np.rint(values.astype(np.float64) / step) * step).astype(values.dtype)
        return np.where(np.isfinite(values) & np.isfinite(found), found, values)


def rounded_table(table: pa.Table, bounds: dict[str, Bound]) -> pa.Table:
    """Round all floats of a table, also in lists."""
    return pa.table(
        [_rounded(pa.concat_arrays(table[n].chunks), n, bounds) for n in table.column_names], table.column_names
    )


def _rounded(array: pa.Array, name: str, bounds: dict[str, Bound]) -> pa.Array:
    kind = array.type
    if pa.types.is_list(kind):
        offsets = array.offsets
        inner = _rounded(array.values, name, bounds)
        return pa.ListArray.from_arrays(offsets, inner, mask=array.is_null() if array.null_count else None)
    if pa.types.is_floating(kind) and name in bounds and not array.null_count:
        return pa.array(rounded(array.to_numpy(zero_copy_only=False), bounds[name]))
    return array


def rounded_parquet(table: pa.Table, bounds: dict[str, Bound]) -> dict[str, int]:
    """Compute the bytes of each column as rounded Parquet with zstd-19, in the best encoding of each; `footer` beside.

    Args:
        table: a row an event.
        bounds: of the columns.
    """
    rival = rounded_table(table, bounds)
    sizes: dict[str, int] = {}
    for how in (
        {"use_dictionary": True},
        {"use_dictionary": False},
        {"use_byte_stream_split": True, "use_dictionary": False},
    ):
        found, footer = column_bytes(rival, **how)
        sizes = {name: min(size, sizes.get(name, size)) for name, size in found.items()}
    return {**sizes, "footer": footer}


def column_bytes(table: pa.Table, **how: object) -> tuple[dict[str, int], int]:
    """Write a table as Parquet with zstd-19: the bytes of each column with its page headers, and of the footer."""
    if how.get("use_byte_stream_split"):
        how = {**how, "use_byte_stream_split": [leaf for leaf, kind in _leaves(table.schema) if _splits(kind)]}
    sink = pa.BufferOutputStream()
    pq.write_table(
        table, sink, compression="zstd", compression_level=19, write_statistics=False, store_schema=False, **how
    )
    content = sink.getvalue()
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    sizes: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        for k in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(k)
            name = (
                chunk.path_in_schema.partition(".")[0]
                if chunk.path_in_schema not in table.column_names
                else chunk.path_in_schema
            )
            sizes[name] = sizes.get(name, 0) + chunk.total_compressed_size
    return sizes, len(content) - sum(sizes.values())


def _leaves(schema: pa.Schema):
    for field in schema:
        path, kind = field.name, field.type
        while pa.types.is_list(kind):
            path, kind = f"{path}.list.element", kind.value_type
        yield path, kind


def _splits(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or (pa.types.is_integer(kind) and kind.bit_width >= 32)
