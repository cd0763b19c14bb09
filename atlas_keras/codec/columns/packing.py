"""Simple codings of whole numbers: as few bytes a number as they need, in the order that deflate or zstd like best.

A packing is chosen by trying all of them. What is packed begins with a byte that says how.
"""

from __future__ import annotations

import itertools
import zlib
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.errors import JetDataError

Words = NDArray[np.unsignedinteger]
WIDTHS = (0, 1, 2, 4, 8)  # bytes of a word; 0: a bit
RAW, DEFLATE, ZSTD = range(3)
DIFFERENCES, SPLIT = 1, 2  # what is done to words before: differences modulo 2^bits, and first all first bytes
MAX_PACKED = 1 << 30  # bytes that a part may unfold to
LEVEL = 19
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # of each frame; left out
TRIED = 1 << 16  # bytes: of longer parts, this many decide how all are packed


def pack(values: NDArray[np.uint64]) -> bytes:
    """Pack numbers from 0 on, in the smallest way."""
    width = next(w for w in WIDTHS if int(values.max(initial=0)) < 1 << (8 * w or 1))
    words = values.astype(f"u{width or 1}")
    part = words[: TRIED // (width or 1)]
    orders = [0] if width == 0 else [0, DIFFERENCES] if width == 1 else [0, DIFFERENCES, SPLIT, DIFFERENCES | SPLIT]
    tried = [(len(_squeezed(_bytes_of(part, width, o), how)), o, how) for o, how in itertools.product(orders, range(3))]
    _, order, how = min(tried)
    head = WIDTHS.index(width) + 5 * order + 20 * how
    return bytes([head]) + _squeezed(_bytes_of(words, width, order), how)


def unpack(content: bytes, n: int) -> NDArray[np.uint64]:
    """Read `n` numbers that `pack` wrote.

    Raises:
        JetDataError: content that it does not write.
    """
    if not content or content[0] >= 60:
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
    how = min(range(3), key=lambda k: len(_squeezed(content[:TRIED], k)))
    writer = ByteWriter()
    writer.number(3 * len(content) + how)
    return bytes(writer.content) + _squeezed(content, how)


def unpack_bytes(content: bytes, most: int = MAX_PACKED) -> bytes:
    """Read what `pack_bytes` wrote.

    Raises:
        JetDataError: content that it does not write, or more than `most` bytes.
    """
    reader = ByteReader(content)
    size, how = divmod(reader.number(3 * most + 2), 3)
    return unsqueeze(reader.rest(), how, size)


def unsqueeze(content: bytes, how: int, size: int, dictionary: bytes = b"") -> bytes:
    """Unfold to exactly `size` bytes; a dictionary is one of DEFLATE.

    Raises:
        JetDataError: content that unfolds to another number of bytes, or to none.
    """
    if size > MAX_PACKED:
        raise JetDataError(f"a part claims {size:,} bytes")
    try:
        if how == DEFLATE:
            unfold = zlib.decompressobj(-15, zdict=dictionary)
            data = unfold.decompress(content, size + 1)
            sound = unfold.eof and not unfold.unused_data
        elif how == ZSTD:
            data, sound = bytes(_zstd().decompress(ZSTD_MAGIC + content, size)) if size else b"", True
        else:
            data, sound = content, True
    except (zlib.error, pa.ArrowException, OSError) as error:
        raise JetDataError("a part does not unfold") from error
    if len(data) != size or not sound:
        raise JetDataError("a part unfolds to another size than it says")
    return data


def _bytes_of(words: Words, width: int, order: int) -> bytes:
    if width == 0:
        return np.packbits(words).tobytes()
    if order & DIFFERENCES:
        words = np.diff(words, prepend=words.dtype.type(0))
    data = words.astype(f"<u{width}").view(np.uint8).reshape(-1, width)
    return (data.T if order & SPLIT else data).tobytes()


def _squeezed(data: bytes, how: int) -> bytes:
    if how == DEFLATE:
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        return squeeze.compress(data) + squeeze.flush()
    if how == ZSTD and data:
        return bytes(_zstd().compress(data, asbytes=True))[len(ZSTD_MAGIC) :]
    return data


@cache
def _zstd() -> pa.Codec:
    return pa.Codec("zstd", LEVEL)
