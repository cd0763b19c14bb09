"""Arrow's types told by how they store values: what was imported before, and who wrote a file, make no difference.

Arrow restores an extension type where a package has registered it (importing awkward registers one for all columns) and
gives its storage otherwise; polars writes views, other programs large or fixed lists and dictionaries. Readers call
`plain` once, and everything after them knows lists of one kind.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

Kinds = pa.types


def numbers_of(array: pa.Array) -> NDArray:
    """Return numbers or bools of which none is missing; Arrow's own `to_numpy` imports pandas, which takes a while."""
    if Kinds.is_boolean(array.type):
        return numbers_of(array.cast(pa.uint8())).view(bool)
    dtype = np.dtype(array.type.to_pandas_dtype())
    if not len(array):
        return np.empty(0, dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def array_of(numbers: NDArray) -> pa.Array:
    """Return numbers or bools, shape `(n,)`, as Arrow has them; `pyarrow.array` imports pandas, which takes a while."""
    content = np.packbits(numbers, bitorder="little") if numbers.dtype.kind == "b" else np.ascontiguousarray(numbers)
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(numbers), [None, pa.py_buffer(content)])


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Find the type that has the same values with nothing special about how they are stored.

    An extension type (awkward's, uuid, json, bool8) becomes its storage; every kind of list `list`; views of strings
    and bytes `string` and `binary`; dictionaries the type of their values. Other types stay as they are.
    """
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if is_any_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if Kinds.is_dictionary(kind):
        return plain_type(kind.value_type)
    if Kinds.is_struct(kind):
        return pa.struct([pa.field(part.name, plain_type(part.type)) for part in kind])
    if Kinds.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    if Kinds.is_string_view(kind):
        return pa.string()
    return pa.binary() if Kinds.is_binary_view(kind) else kind


def is_any_list(kind: pa.DataType) -> bool:
    """Tell whether a type is one of Arrow's five kinds of list."""
    tests = (Kinds.is_list, Kinds.is_large_list, Kinds.is_fixed_size_list, Kinds.is_list_view, Kinds.is_large_list_view)
    return any(test(kind) for test in tests)


def is_number(kind: pa.DataType) -> bool:
    """Tell whether values of a plain type can be computed with."""
    return Kinds.is_integer(kind) or Kinds.is_floating(kind) or Kinds.is_decimal(kind)


def can_be_stored(kind: pa.DataType) -> bool:
    """Tell whether Parquet has a type for such values: it has none for unions, intervals, structs without members."""
    try:
        pq.write_table(pa.schema([("column", kind)]).empty_table(), pa.BufferOutputStream())
    except pa.ArrowException:
        return False
    return True


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return every column its plain type; what is noted beside the columns is left out: it speaks of the old types."""
    return pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])


def plain(table: pa.Table) -> pa.Table:
    """Return every column of a table its plain type, with the same values.

    Raises:
        pyarrow.ArrowException: values that do not fit, such as lists of more than 2^31 values in all.
    """
    schema = plain_schema(table.schema)
    columns = [
        column
        if column.type.equals(field.type)
        else pa.chunked_array([_plain_array(chunk) for chunk in column.chunks], field.type)
        for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def n_leaves(kind: pa.DataType) -> int:
    """Count the columns that Parquet has for a column of a plain type."""
    return sum(n_leaves(kind.field(index).type) for index in range(kind.num_fields)) if kind.num_fields else 1


def unfolded_text(array: pa.Array | pa.ChunkedArray) -> int:
    """Compute how many bytes the words of an array's dictionaries take once each stands wherever it is meant."""
    if isinstance(array, pa.ChunkedArray):
        return sum(map(unfolded_text, array.chunks))
    if isinstance(array.type, pa.BaseExtensionType):
        return unfolded_text(array.storage)
    if is_any_list(array.type):
        return unfolded_text(pc.list_flatten(array))
    if Kinds.is_map(array.type):
        return unfolded_text(array.keys) + unfolded_text(array.items)
    if Kinds.is_struct(array.type):
        return sum(map(unfolded_text, array.flatten()))
    if Kinds.is_dictionary(array.type) and not Kinds.is_primitive(array.type.value_type):
        return pc.sum(pc.binary_length(array.dictionary).take(array.indices)).as_py() or 0
    return 0


def _plain_array(array: pa.Array) -> pa.Array:
    """Convert an array. Lists are taken apart, as Arrow's own cast of list views loses values (seen in Arrow 26)."""
    kind = plain_type(array.type)
    if array.type.equals(kind):
        return array
    if isinstance(array.type, pa.BaseExtensionType):
        return _plain_array(array.storage)
    mask = array.is_null() if array.null_count else None
    if is_any_list(array.type):
        lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.append(0, np.cumsum(lengths, dtype=np.int64))).cast(pa.int32())
        return pa.ListArray.from_arrays(offsets, _plain_array(pc.list_flatten(array)), mask=mask)
    if Kinds.is_struct(array.type):
        parts = [_plain_array(array.field(index)) for index in range(array.type.num_fields)]
        return pa.StructArray.from_arrays(parts, names=[part.name for part in kind], mask=mask)
    return array.cast(kind)
