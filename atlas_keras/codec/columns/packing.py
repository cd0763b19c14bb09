"""Simple codings of whole numbers: as few bytes a number as they need, in the order that deflate or zstd like best.

A packing is chosen by trying all that are worth it. What is packed begins with a byte that says how.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.errors import JetDataError

Words = NDArray[np.unsignedinteger]
WIDTHS = (0, 1, 2, 4, 8)  # bytes of a word; 0: a bit
AS_IT_IS, ZSTD = 0, 2  # of WAYS
PLAIN = 3  # ways that bytes are packed in, the first of WAYS; numbers have all of them
DIFFERENCES, SPLIT = 1, 2  # what is done to words before: differences modulo 2^bits, and first all first bytes
MAX_PACKED = 1 << 30  # bytes that a part may unfold to
LEVEL = 19
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # of each frame; left out
TRIED = 1 << 16  # bytes: of longer parts, this many decide how all are packed
SMALL = 1 << 12  # bytes: of more, deflate is not tried, which takes ten times as long as zstd, and is hardly smaller
QUICK, CLOSE, KEPT = 3, 1.25, 2  # of more, the KEPT orders are tried whose sizes at a quick level of zstd are close


@dataclass(frozen=True)
class Way:
    """A way to make bytes fewer.

    Args:
        name: of it.
        squeeze: packs bytes.
        unsqueeze: unfolds them to about so many, and never to many more; a JetDataError where it cannot.
    """

    name: str
    squeeze: Callable[[bytes], bytes]
    unsqueeze: Callable[[bytes, int], bytes]


def pack(values: NDArray[np.uint64]) -> bytes:
    """Pack numbers from 0 on, in the smallest way."""
    words, width = _words_of(values)
    part = words[: TRIED // (width or 1)]
    contents = _in_orders(part, width)
    n_bytes = len(contents[0][1])
    if n_bytes > SMALL:
        sizes = {order: _quick_size(content) for order, content in contents}
        best = sorted(contents, key=lambda item: sizes[item[0]])[:KEPT]
        contents = [item for item in best if sizes[item[0]] <= CLOSE * sizes[best[0][0]]]
    tried = [
        (len(squeezed := WAYS[how].squeeze(content)), order, how, squeezed)
        for order, content in contents
        for how in _ways_for(n_bytes)
    ]
    _, order, how, squeezed = min(tried, key=lambda item: item[:3])
    head = WIDTHS.index(width) + 5 * order + 20 * how
    return bytes([head]) + (squeezed if len(part) == len(words) else WAYS[how].squeeze(_bytes_of(words, width, order)))


def estimate(values: NDArray[np.uint64]) -> int:
    """Estimate the bytes that numbers take when they are packed, by a quick level of zstd."""
    return min(_quick_size(content) for _, content in _in_orders(*_words_of(values)))


def _quick_size(content: bytes) -> int:
    return len(_codec(QUICK).compress(content, asbytes=True))


def _ways_for(n_bytes: int) -> Sequence[int]:
    """Return which ways are tried for so many bytes."""
    return range(len(WAYS)) if n_bytes <= SMALL else (AS_IT_IS, ZSTD)


def _words_of(values: NDArray[np.uint64]) -> tuple[Words, int]:
    """Return numbers in the fewest bytes that hold all of them, and how many: 0 where a bit does."""
    width = next(w for w in WIDTHS if int(values.max(initial=0)) < 1 << (8 * w or 1))
    return values.astype(f"u{width or 1}"), width


def _in_orders(words: Words, width: int) -> list[tuple[int, bytes]]:
    """Return the bytes of words in each order that is worth a try."""
    orders = [0] if width == 0 else [0, DIFFERENCES] if width == 1 else [0, DIFFERENCES, SPLIT, DIFFERENCES | SPLIT]
    return [(order, _bytes_of(words, width, order)) for order in orders]


def unpack(content: bytes, n: int) -> NDArray[np.uint64]:
    """Read `n` numbers that `pack` wrote.

    Raises:
        JetDataError: content that it does not write.
    """
    if not content or content[0] >= 20 * len(WAYS):
        raise JetDataError("numbers are packed in no known way")
    rest, width = divmod(content[0], 5)
    how, order = divmod(rest, 4)
    width = WIDTHS[width]
    size = n * width if width else -(-n // 8)
    data = np.frombuffer(unsqueeze(content[1:], how, size), np.uint8)
    if width == 0:
        return np.unpackbits(data, count=n).astype(np.uint64)
    rows = data.reshape(width, n).T if order & SPLIT else data.reshape(n, width)
    words: Words = np.ascontiguousarray(rows).view(f"<u{width}").ravel()
    if order & DIFFERENCES:
        words = np.cumsum(words, dtype=words.dtype)
    return words.astype(np.uint64)


def pack_bytes(content: bytes) -> bytes:
    """Pack bytes, with their number in front."""
    how = min(_ways_for(len(content)), key=lambda k: len(WAYS[k].squeeze(content[:TRIED])))
    writer = ByteWriter()
    writer.number(PLAIN * len(content) + how)
    return bytes(writer.content) + WAYS[how].squeeze(content)


def unpack_bytes(content: bytes, most: int = MAX_PACKED) -> bytes:
    """Read what `pack_bytes` wrote.

    Raises:
        JetDataError: content that it does not write, or more than `most` bytes.
    """
    reader = ByteReader(content)
    size, how = divmod(reader.number(PLAIN * most + PLAIN - 1), PLAIN)
    return unsqueeze(reader.rest(), how, size)


def unsqueeze(content: bytes, how: int, size: int) -> bytes:
    """Unfold to exactly `size` bytes.

    Raises:
        JetDataError: content that unfolds to another number of bytes, or to none.
    """
    if size > MAX_PACKED:
        raise JetDataError(f"a part claims {size:,} bytes")
    data = WAYS[how].unsqueeze(content, size)
    if len(data) != size:
        raise JetDataError("a part unfolds to another size than it says")
    return data


def _bytes_of(words: Words, width: int, order: int) -> bytes:
    if width == 0:
        return np.packbits(words).tobytes()
    if order & DIFFERENCES:
        words = np.diff(words, prepend=words.dtype.type(0))
    data = words.astype(f"<u{width}").view(np.uint8).reshape(-1, width)
    return (data.T if order & SPLIT else data).tobytes()


def deflate(data: bytes, dictionary: bytes = b"") -> bytes:
    """Pack bytes by deflate without a header, after others that are known."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=dictionary)
    return squeeze.compress(data) + squeeze.flush()


def inflate(content: bytes, size: int, dictionary: bytes = b"") -> bytes:
    """Unfold what `deflate` packed to exactly so many bytes.

    Raises:
        JetDataError: content that unfolds to another number of bytes, or to none.
    """
    unfold = zlib.decompressobj(-15, zdict=dictionary)
    try:
        data = unfold.decompress(content, size + 1)
    except zlib.error as error:
        raise JetDataError("a part does not unfold") from error
    if len(data) != size or not unfold.eof or unfold.unused_data:
        raise JetDataError("a part unfolds to another size than it says")
    return data


def _zstd(data: bytes) -> bytes:
    return bytes(_codec(LEVEL).compress(data, asbytes=True))[len(ZSTD_MAGIC) :] if data else data


def _unzstd(content: bytes, size: int) -> bytes:
    try:
        return bytes(_codec(LEVEL).decompress(ZSTD_MAGIC + content, size)) if size else b""
    except (pa.ArrowException, OSError) as error:
        raise JetDataError("a part does not unfold") from error


@cache
def _codec(level: int) -> pa.Codec:
    return pa.Codec("zstd", level)


# In the order of their numbers in files: a new one comes last, and makes another version of the format.
WAYS = [
    Way("as it is", lambda data: data, lambda content, size: content),
    Way("deflate", deflate, inflate),
    Way("zstd", _zstd, _unzstd),
]
