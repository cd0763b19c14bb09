"""How a column of any type is taken apart into flat arrays of numbers (leaves), and put together again.

A list is its lengths and its items; a text its length and its bytes; what may be missing is a bool and the values that
are there; a struct is its parts. Types that are none of these are kept as Arrow writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from atlas_keras.codec.columns.quantizer import DTYPES
from atlas_keras.data.arrow_types import array_of, numbers_of, plain_type
from atlas_keras.errors import JetDataError

Role = Literal["values", "counts", "bytes", "valid"]
Node = Any  # a name of DTYPES, or a list that begins with `list`, `maybe`, `struct`, `as`, `arrow` or a word of TEXTS
MAX_DEPTH = 16
TEXTS = {"text": pa.string(), "bytes": pa.binary(), "large_text": pa.large_string(), "large_bytes": pa.large_binary()}


class UnexpectedNullError(Exception):
    """Report a missing value where the layout has none: the layout has to be another one."""


@dataclass(frozen=True)
class Leaf:
    """A flat array of a column.

    Args:
        column: that it is a part of.
        path: which part: empty for a column of plain numbers.
        role: `values`, or `counts` (lengths of lists), `valid` (which values are there), `bytes` (of texts).
        dtype: of its values, as NumPy calls it.
        parent: the leaf that says how many values it has: the number of a `counts` or a `valid`; -1 for one an event.
    """

    column: str
    path: str
    role: Role
    dtype: str
    parent: int

    @property
    def name(self) -> str:
        """The column with the path."""
        return self.column + self.path


def layout_of(kind: pa.DataType, *, nullable: bool) -> Node:
    """Find the layout of a type, as JSON can hold it.

    Args:
        kind: of the column.
        nullable: whether values may be missing, at all levels.
    """
    node = _node(plain_type(kind), nullable)
    return ["maybe", node] if nullable else node


def _node(kind: pa.DataType, nullable: bool) -> Node:
    def inside(part: pa.DataType) -> Node:
        node = _node(part, nullable)
        return ["maybe", node] if nullable else node

    types = pa.types
    if types.is_boolean(kind):
        return "bool"
    if types.is_integer(kind) or types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype()).name
    if types.is_list(kind):
        return ["list", inside(kind.value_type)]
    if word := next((word for word, known in TEXTS.items() if kind.equals(known)), None):
        return [word]
    if types.is_struct(kind) and kind.num_fields:
        return ["struct", [kind.field(k).name for k in range(kind.num_fields)], [inside(f.type) for f in kind]]
    if types.is_temporal(kind) and kind.bit_width in (32, 64):
        schema = pa.schema([("", kind)]).serialize().to_pybytes().hex()
        return ["as", f"int{kind.bit_width}", schema]
    return ["arrow", pa.schema([("", kind)]).serialize().to_pybytes().hex()]


def arrow_type(node: Node) -> pa.DataType:
    """Return the type of a layout.

    Raises:
        JetDataError: no layout.
    """
    if isinstance(node, str):
        return pa.bool_() if node == "bool" else pa.from_numpy_dtype(np.dtype(node))
    word, *parts = node
    if word == "list":
        return pa.list_(arrow_type(parts[0]))
    if word == "maybe":
        return arrow_type(parts[0])
    if word == "struct":
        return pa.struct([pa.field(name, arrow_type(part)) for name, part in zip(*parts, strict=True)])
    if word in TEXTS:
        return TEXTS[word]
    return _stored_type(parts[-1])


def check_layout(node: Node, depth: int = 0) -> None:
    """Refuse what is no layout.

    Raises:
        JetDataError: names what is wrong.
    """
    if depth > MAX_DEPTH:
        raise JetDataError("a column is nested too deeply")
    if isinstance(node, str):
        if node not in DTYPES:
            raise JetDataError(f"a column has values of the unknown type {node[:40]!r}")
        return
    word, *parts = node if isinstance(node, list) and node and isinstance(node[0], str) else ["nothing"]
    inner: list[Node] | None = None
    if word in ("list", "maybe") and len(parts) == 1:
        inner = parts
    elif word == "struct" and len(parts) == 2 and all(isinstance(p, list) and p for p in parts):
        names = parts[0]
        sound = len(names) == len(parts[1]) == len({*map(str, names)}) and all(isinstance(n, str) for n in names)
        inner = list(parts[1]) if sound else None
    elif word in TEXTS and not parts:
        inner = []
    elif (word == "as" and len(parts) == 2 and parts[0] in ("int32", "int64")) or (word == "arrow" and len(parts) == 1):
        kind = _stored_type(parts[-1])
        if word == "arrow" or kind.bit_width == 8 * np.dtype(parts[0]).itemsize:
            inner = []
    if inner is None:
        raise JetDataError(f"a column has an impossible layout ({str(node)[:60]})")
    for part in inner:
        check_layout(part, depth + 1)


def leaves_of(column: str, node: Node, first: int) -> list[Leaf]:
    """List the leaves of a column.

    Args:
        column: its name.
        node: its layout.
        first: the number of its first leaf.
    """
    leaves: list[Leaf] = []

    def walk(node: Node, path: str, parent: int) -> None:
        if isinstance(node, str):
            leaves.append(Leaf(column, path, "values", node, parent))
            return
        word, *parts = node
        own = first + len(leaves)
        if word == "list":
            leaves.append(Leaf(column, f"{path}#", "counts", "int64", parent))
            walk(parts[0], path, own)
        elif word == "maybe":
            leaves.append(Leaf(column, f"{path}?", "valid", "bool", parent))
            walk(parts[0], path, own)
        elif word == "struct":
            for name, part in zip(*parts, strict=True):
                walk(part, f"{path}.{name}", parent)
        elif word == "as":
            leaves.append(Leaf(column, path, "values", parts[0], parent))
        else:
            leaves.append(Leaf(column, f"{path}#", "counts", "int64", parent))
            leaves.append(Leaf(column, path, "bytes", "uint8", own))

    walk(node, "", -1)
    return leaves


def take_apart(array: pa.Array, node: Node) -> Iterator[NDArray]:
    """Return the leaves of values, in the order of `leaves_of`.

    Args:
        array: of a plain type.
        node: its layout.

    Raises:
        UnexpectedNullError: a value is missing, and the layout has none of those.
    """
    word, *parts = node if isinstance(node, list) else [node]
    if word == "maybe":
        yield numbers_of(array.is_valid())
        yield from take_apart(array.drop_null() if array.null_count else array, parts[0])
        return
    if array.null_count:
        raise UnexpectedNullError
    if isinstance(node, str):
        yield numbers_of(array)
    elif word == "list":
        yield numbers_of(pc.list_value_length(array)).astype(np.int64)
        yield from take_apart(pc.list_flatten(array), parts[0])
    elif word == "struct":
        for part, inner in zip(array.flatten(), parts[1], strict=True):
            yield from take_apart(part, inner)
    elif word == "as":
        yield numbers_of(array.cast(pa.int32() if parts[0] == "int32" else pa.int64()))
    elif word in TEXTS:
        yield from _text(array.cast(pa.large_binary()))
    else:  # each value alone, so that events are independent
        rows = [_serialized(array.slice(k, 1)) for k in range(len(array))]
        yield from _text(pa.array(rows, pa.large_binary()))


def put_together(leaves: Iterator[NDArray], node: Node, n: int) -> pa.Array:
    """Put the leaves of `take_apart` together again.

    Args:
        leaves: in order.
        node: the layout.
        n: how many values there are.

    Raises:
        JetDataError: leaves that do not fit together.
    """
    word, *parts = node if isinstance(node, list) else [node]
    if word == "maybe":
        valid = next(leaves)
        there = put_together(leaves, parts[0], int(valid.sum()))
        if valid.all():
            return there
        return there.take(pa.array(np.cumsum(valid) - 1, mask=~valid))
    if isinstance(node, str):
        return array_of(next(leaves))
    if word == "list":
        offsets = offsets_of(next(leaves))
        items = put_together(leaves, parts[0], int(offsets[-1]))
        if offsets[-1] >= 1 << 31:
            raise JetDataError("a block has lists of more than 2^31 values")
        return pa.ListArray.from_arrays(array_of(offsets.astype(np.int32)), items)
    if word == "struct":
        return pa.StructArray.from_arrays([put_together(leaves, part, n) for part in parts[1]], names=parts[0])
    if word == "as":
        return array_of(next(leaves)).cast(_stored_type(parts[1]))
    offsets = offsets_of(next(leaves))
    content = next(leaves)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    array = pa.Array.from_buffers(pa.large_binary(), n, buffers)
    if word in TEXTS:  # ROOT has texts that are no UTF-8: they come back as they were, and whoever reads them is told
        return pc.cast(array, options=pc.CastOptions(TEXTS[word], allow_invalid_utf8=True))
    kind = _stored_type(parts[0])
    rows = [_parsed(item.as_py(), kind) for item in array]
    return pa.concat_arrays(rows) if rows else pa.array([], kind)


def offsets_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where lists of these lengths begin, and where the last one ends."""
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def _text(array: pa.Array) -> Iterator[NDArray]:
    offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]
    if not len(array):
        offsets = np.zeros(1, np.int64)
    yield np.diff(offsets)
    data = array.buffers()[2]
    yield np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else np.empty(0, np.uint8)


def _serialized(array: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([pa.concat_arrays([array])], names=[""])
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def _parsed(content: bytes, kind: pa.DataType) -> pa.Array:
    try:
        (batch,) = pa.ipc.open_stream(content)
        array = batch.column(0)
        array.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, IndexError) as error:
        raise JetDataError("a value does not come back") from error
    if len(array) != 1 or not array.type.equals(kind):
        raise JetDataError("a value has another type than its column")
    return array


def _stored_type(text: str) -> pa.DataType:
    try:
        return pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(text))).field(0).type
    except (pa.ArrowException, OSError, ValueError, TypeError, IndexError) as error:
        raise JetDataError("a column has an unknown type") from error
