"""What the footer of a Parquet file says of its columns, read without Arrow.

Arrow's Python objects for the columns of a row group end the whole process where the footer of a stranger's file makes
no sense: their C++ constructors throw what Python cannot catch. Source of the layout: the Parquet format's
`parquet.thrift`, in Thrift's compact protocol.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from atlas_keras.errors import JetDataError

MAGIC = b"PAR1"
DEEPEST = 16  # structures within structures; Parquet needs six
LONGEST = 63  # bits of a number
PLAIN, PLAIN_DICTIONARY, RLE, BIT_PACKED, RLE_DICTIONARY = 0, 2, 3, 4, 8  # encodings of pages
# Thrift's types, and the numbers of the fields that are used here.
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
GROUPS, COLUMNS, GROUP_BYTES, GROUP_ROWS, CHUNK = 4, 1, 2, 3, 3
ENCODINGS, N_VALUES, UNFOLDED, STORED = 2, 5, 6, 7


class Chunk(NamedTuple):
    """One column of one row group.

    Args:
        encodings: of its pages, by Parquet's numbers.
        n_values: in it, empty ones too.
        unfolded: bytes of its pages, decompressed.
        stored: bytes of its pages in the file.
    """

    encodings: frozenset[int]
    n_values: int
    unfolded: int
    stored: int


class Group(NamedTuple):
    """One row group.

    Args:
        n_rows: in it.
        n_bytes: that its pages take, decompressed.
        chunks: its columns, the leaves of the schema in order.
    """

    n_rows: int
    n_bytes: int
    chunks: list[Chunk]


def footer_of(path: Path) -> tuple[int, bytes]:
    """Find where the footer of a Parquet file begins, and read it.

    Raises:
        JetDataError: no Parquet file, or a truncated one.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(len(MAGIC))
        stream.seek(max(size - 8, 0))
        tail = stream.read(8)
        length = int.from_bytes(tail[:4], "little")
        if start != MAGIC or tail[4:] != MAGIC or not 0 < length <= size - 12:
            raise JetDataError(f"{path}: is no Parquet file, or is truncated")
        stream.seek(size - 8 - length)
        return size - 8 - length, stream.read(length)


def read_groups(path: Path, n_leaves: int) -> list[Group]:
    """Read what the footer says of the row groups.

    Args:
        path: of the file.
        n_leaves: how many columns without parts the schema has.

    Raises:
        JetDataError: the footer is damaged.
    """
    try:
        return [_group(fields, n_leaves) for fields in _Compact(footer_of(path)[1]).struct()[GROUPS]]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, JetDataError):
            raise
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged (what it says of its columns)") from error


def _group(fields: dict[int, Any], n_leaves: int) -> Group:
    chunks = [_chunk(column[CHUNK]) for column in fields[COLUMNS]]
    numbers = [fields[GROUP_ROWS], fields[GROUP_BYTES], *(n for chunk in chunks for n in chunk[1:])]
    if len(chunks) != n_leaves or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("impossible counts")
    return Group(fields[GROUP_ROWS], fields[GROUP_BYTES], chunks)


def _chunk(fields: dict[int, Any]) -> Chunk:
    return Chunk(frozenset(fields[ENCODINGS]), fields[N_VALUES], fields[UNFOLDED], fields[STORED])


class _Compact:
    """Reads structures of Thrift's compact protocol: fields by their numbers, everything else as it comes.

    Raises:
        IndexError, ValueError: by all methods, where the content ends early or makes no sense.
    """

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Read a structure."""
        if depth > DEEPEST:
            raise ValueError("too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (I32, I64, I16):
            return self._signed()
        if kind == BINARY:
            return self._take(self._unsigned())
        if kind == STRUCT:
            return self.struct(depth + 1)
        if kind in (LIST, SET):
            head = self._byte()
            return self._many(head >> 4 if head >> 4 < 15 else self._unsigned(), [head & 15], depth)
        if kind == MAP:
            n = self._unsigned()
            kinds = self._byte() if n else 0
            return self._many(n, [kinds >> 4, kinds & 15], depth)
        if kind in (TRUE, FALSE, BYTE):  # in lists a boolean takes a byte
            return self._byte()
        if kind == DOUBLE:
            return self._take(8)
        raise ValueError("an unknown type")

    def _many(self, n: int, kinds: list[int], depth: int) -> list[Any]:
        if n > len(self.content) - self.at:  # each takes a byte at least
            raise ValueError("too many")
        return [self._value(kind, depth + 1) for _ in range(n) for kind in kinds]

    def _byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def _take(self, n: int) -> bytes:
        if n > len(self.content) - self.at:
            raise ValueError("too long")
        self.at += n
        return self.content[self.at - n : self.at]

    def _unsigned(self) -> int:
        byte = self._byte()
        value, shift = byte & 127, 7
        while byte & 128:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if shift > LONGEST + 7:
                raise ValueError("a number is too long")
        return value

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
