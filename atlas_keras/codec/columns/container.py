"""The file of columns: a mark, the streams of all blocks and columns, the head, the index, and an end of fixed size.

A stream is what a leaf has in a block. The index has a length for each, and a checksum for those that are not empty;
so that a part that is read, here or far away, is a part that is checked. The digest in the end covers the whole file.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.packing import pack, unpack
from atlas_keras.errors import JetDataError

VERSION = 3  # of the format; versions 1 and 2 are files of jets
MAGIC = b"\x89AKCOL%d\n" % VERSION
END = struct.Struct("<IIII16s8s")  # lengths of head, of index; their checksums; digest; mark
MAX_HEAD, MAX_STREAMS = 1 << 26, 1 << 26
CHUNK = 1 << 20
SMALL = 1 << 16  # bytes at the end that are read at once


@dataclass(frozen=True)
class Index:
    """Where the streams of a file are.

    Args:
        lengths: shape `(n_blocks, n_leaves)`.
        checksums: CRC-32 of each, 0 of an empty one, the same shape.
    """

    lengths: NDArray[np.int64]
    checksums: NDArray[np.uint32]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each stream begins in the file, the same shape."""
        ends = np.cumsum(self.lengths).reshape(self.lengths.shape)
        return len(MAGIC) + ends - self.lengths

    def to_bytes(self) -> bytes:
        """Write the index."""
        writer = ByteWriter()
        writer.chunk(pack(self.lengths.ravel().astype(np.uint64)))
        writer.content += self.checksums[self.lengths > 0].astype("<u4").tobytes()
        return bytes(writer.content)

    @classmethod
    def from_bytes(cls, content: bytes, n_blocks: int, n_leaves: int) -> Index:
        """Read what `to_bytes` wrote.

        Raises:
            JetDataError: content that it does not write.
        """
        if n_blocks * n_leaves > MAX_STREAMS:
            raise JetDataError(f"the file claims {n_blocks * n_leaves:,} streams")
        reader = ByteReader(content)
        lengths = unpack(reader.chunk(), n_blocks * n_leaves).astype(np.int64).reshape(n_blocks, n_leaves)
        if lengths.size and not 0 <= lengths.min() <= lengths.max() < 1 << 40:
            raise JetDataError("a stream has an impossible length")
        filled = reader.rest()
        if len(filled) != 4 * int((lengths > 0).sum()):
            raise JetDataError("the index has another number of checksums than of streams")
        checksums = np.zeros(lengths.shape, np.uint32)
        checksums[lengths > 0] = np.frombuffer(filled, "<u4")
        return cls(lengths, checksums)


class Source(Protocol):
    """What bytes can be read from."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def read(self, n: int = -1, /) -> bytes:
        """Read at most `n` bytes."""

    def close(self) -> None:
        """Close it."""


class Sink(Protocol):
    """What bytes can be written to."""

    def write(self, content: bytes, /) -> Any:
        """Write bytes."""


class StreamWriter:
    """Writes a file of columns.

    Args:
        file: open for writing, empty; or the writer of a file that this one becomes a part of.
    """

    def __init__(self, file: Sink) -> None:
        self.file, self.digest = file, hashlib.blake2b(digest_size=16)
        self.size = 0
        self.lengths: list[list[int]] = []
        self.checksums: list[list[int]] = []
        self.write(MAGIC)

    def block(self, streams: Sequence[bytes]) -> None:
        """Write a block: a stream for each leaf."""
        self.write(b"".join(streams))
        self.lengths.append([len(stream) for stream in streams])
        self.checksums.append([zlib.crc32(stream) if stream else 0 for stream in streams])

    def close(self, head: bytes, n_leaves: int) -> int:
        """Write head, index and end; return the size of the file."""
        shape = (len(self.lengths), n_leaves)
        lengths = np.array(self.lengths, np.int64).reshape(shape)
        index = Index(lengths, np.array(self.checksums, np.uint32).reshape(shape)).to_bytes()
        self.write(head)
        self.write(index)
        end = (len(head), len(index), zlib.crc32(head), zlib.crc32(index))
        self.digest.update(END.pack(*end, bytes(16), MAGIC))
        self.file.write(END.pack(*end, self.digest.digest(), MAGIC))
        return self.size + END.size

    def write(self, content: bytes) -> None:
        """Write bytes that are no block: behind the last one may stand a file of columns, with a tree of its own."""
        self.file.write(content)
        self.digest.update(content)
        self.size += len(content)

    def copy(self, source: Source) -> None:
        """Write all that can be read from here on."""
        while content := source.read(CHUNK):
            self.write(content)


@dataclass(frozen=True)
class Container:
    """A file of columns, opened: its end is checked, its streams are when they are read.

    Args:
        file: open for reading, here or far away.
        name: for messages.
        head: the bytes of the head, packed.
        index_content: of the index.
        size: of the file.
        digest: of the whole file.
    """

    file: Source
    name: str
    head: bytes
    index_content: bytes
    size: int
    digest: bytes

    @classmethod
    def open(cls, file: Source, name: str) -> Container:
        """Read the end, the head and the index.

        Raises:
            JetDataError: no file of columns, or a damaged one.
        """
        size = file.seek(0, 2)
        tail_size = min(size, SMALL)
        tail = _read(file, size - tail_size, tail_size, name)
        if size < len(MAGIC) + END.size or _read(file, 0, len(MAGIC), name) != MAGIC:
            raise JetDataError(f"{name}: is no file of columns")
        n_head, n_index, head_sum, index_sum, digest, mark = END.unpack(tail[-END.size :])
        both = n_head + n_index
        if mark != MAGIC or both > size - len(MAGIC) - END.size or n_head > MAX_HEAD:
            raise JetDataError(f"{name}: the file is truncated or damaged")
        start = size - END.size - both
        if both + END.size <= tail_size:
            content = tail[len(tail) - END.size - both : len(tail) - END.size]
        else:
            content = _read(file, start, both, name)
        head, index = content[:n_head], content[n_head:]
        if zlib.crc32(head) != head_sum or zlib.crc32(index) != index_sum:
            raise JetDataError(f"{name}: the file is damaged: the checksum of its head does not fit")
        return cls(file, name, head, index, size, digest)

    def stream(self, index: Index, starts: NDArray[np.int64], block: int, leaf: int) -> bytes:
        """Read a stream and compare its checksum.

        Raises:
            JetDataError: the file is damaged.
        """
        length = int(index.lengths[block, leaf])
        if not length:
            return b""
        content = _read(self.file, int(starts[block, leaf]), length, self.name)
        if zlib.crc32(content) != index.checksums[block, leaf]:
            raise JetDataError(f"{self.name}: block {block + 1} is damaged: a checksum does not fit")
        return content

    def part(self, start: int, size: int) -> Source:
        """Return a part of the file, as a file.

        Raises:
            JetDataError: it is not inside of the file.
        """
        if not len(MAGIC) <= start <= start + size <= self.size - END.size:
            raise JetDataError(f"{self.name}: the file is damaged: a tree is not inside of it")
        return Part(self.file, start, size)

    def check_digest(self) -> None:
        """Compare the digest of the whole file.

        Raises:
            JetDataError: the file is damaged.
        """
        digest = hashlib.blake2b(digest_size=16)
        at, behind = 0, self.size - END.size
        while at < behind:
            content = _read(self.file, at, min(CHUNK, behind - at), self.name)
            digest.update(content)
            at += len(content)
        end = _read(self.file, behind, END.size, self.name)
        digest.update(end[:16] + bytes(16) + end[32:])
        if digest.digest() != self.digest:
            raise JetDataError(f"{self.name}: the file is damaged: its digest does not fit")


class Part:
    """A part of a file as a file: what reading a tree inside of another file needs.

    Args:
        file: open for reading.
        start: of the part in it.
        size: of the part.
    """

    def __init__(self, file: Source, start: int, size: int) -> None:
        self.file, self.start, self.size, self.at = file, start, size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place of the part, from its begin or (`whence` 2) from its end on."""
        self.at = offset + (self.size if whence == 2 else 0)
        return self.at

    def read(self, n: int = -1) -> bytes:
        """Read at most `n` bytes; -1 reads all that are left."""
        left = max(self.size - self.at, 0)
        self.file.seek(self.start + self.at)
        content = self.file.read(left if n < 0 else min(n, left))
        self.at += len(content)
        return content

    def close(self) -> None:
        """Leave the file open, of which this is a part."""


def _read(file: Source, start: int, n: int, name: str) -> bytes:
    file.seek(start)
    content = file.read(n)
    if len(content) != n:
        raise JetDataError(f"{name}: the file ends too early")
    return content
