"""Columns of jets to bytes and back, by methods in common use, each with all settings fixed.

Streams are counted alone: none has a checksum, or the settings that its decoder has to know.
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import blosc2
import numpy as np
import zfpy
import zstandard
from numpy.typing import NDArray

from atlas_keras.schema import FOUR_MOMENTUM

Float = NDArray[np.float64]
Packer = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
Words = tuple[Callable[[NDArray], bytes], Callable[[bytes], NDArray]]
MANTISSA = 23  # bits of a float32
PAR = 1 - 1e-6  # of a step: the last digits of exp and log
LZMA: dict[str, Any] = {
    "format": lzma.FORMAT_RAW,
    "filters": [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}],
}


@dataclass(frozen=True)
class Coder:
    """Jets, or one column of them, to bytes and back, with all settings fixed."""

    encode: Callable[[Float], bytes]
    decode: Callable[[bytes], Float]


def zstd(level: int) -> Packer:
    """Compress and decompress by Zstandard."""
    return zstandard.ZstdCompressor(level=level).compress, zstandard.ZstdDecompressor().decompress


def xz() -> Packer:
    """Compress and decompress by lzma at its strongest; its contexts are set to streams of bytes."""
    return lambda content: lzma.compress(content, **LZMA), lambda content: lzma.decompress(content, **LZMA)


def uniform(index: int, bound: float, words: Words) -> Coder:
    """Whole steps of ln E, ln pt, eta or phi, twice the bound wide."""
    pack, unpack = words
    step = 2 * (math.log1p(bound) if is_relative(index) else bound) * PAR

    def encode(x: Float) -> bytes:
        cells = np.rint(to_line(index, x) / step).astype(np.int64)
        lowest = int(cells.min())
        small = int(cells.max()) - lowest < 1 << 16
        return np.array(lowest, "<i4").tobytes() + pack((cells - lowest).astype(np.uint16 if small else np.uint32))

    def decode(content: bytes) -> Float:
        cells = unpack(content[4:]).astype(np.int64) + np.frombuffer(content, "<i4", 1)[0]
        return from_line(index, cells * step)

    return Coder(encode, decode)


def zfp(index: int, tolerance: float, dtype: type) -> Coder:
    """Code ln E, ln pt, eta or phi by zfp with a fixed accuracy, its stream by zstd."""
    pack, unpack = zstd(19)

    def encode(x: Float) -> bytes:
        return pack(zfpy.compress_numpy(to_line(index, x).astype(dtype), tolerance=tolerance))

    def decode(content: bytes) -> Float:
        return from_line(index, zfpy.decompress_numpy(unpack(content)).astype(float))

    return Coder(encode, decode)


def blosc(filters: list[tuple[Any, int]]) -> Words:
    """Compress whole numbers by blosc2: its filters, then zstd at level 9, a stream for each byte of a number."""
    free = 6 - len(filters)
    settings: dict[str, Any] = {
        "codec": blosc2.Codec.ZSTD,
        "clevel": 9,
        "blocksize": 1 << 20,
        "splitmode": blosc2.SplitMode.ALWAYS_SPLIT,
        "nthreads": 1,
        "filters": [blosc2.Filter.NOFILTER] * free + [kind for kind, _ in filters],
        "filters_meta": [0] * free + [meta for _, meta in filters],
    }

    def pack(words: NDArray) -> bytes:
        width = words.itemsize
        return bytes([width]) + blosc2.compress2(np.ascontiguousarray(words), typesize=width, **settings)

    def unpack(content: bytes) -> NDArray:
        return np.frombuffer(blosc2.decompress2(content[1:], nthreads=1), {2: np.uint16, 4: np.uint32}[content[0]])

    return pack, unpack


def planes(packer: Packer, dtype: Any = np.uint32) -> Words:
    """Compress whole numbers byte by byte: all lowest bytes, all second bytes, and so on."""

    def pack(words: NDArray) -> bytes:
        n_planes = max(1, -(-int(words.max()).bit_length() // 8))
        bytes_of = np.ascontiguousarray(words)[:, None].view(np.uint8)[:, :n_planes]
        parts = [packer[0](plane.tobytes()) for plane in bytes_of.T]
        return np.array([n_planes, *map(len, parts)], "<u4").tobytes() + b"".join(parts)

    def unpack(content: bytes) -> NDArray:
        n_planes = int(np.frombuffer(content, "<u4", 1)[0])
        parts = _cut(content, n_planes, 4)
        bytes_of = np.zeros((len(packer[1](parts[0])), np.dtype(dtype).itemsize), np.uint8)
        for index, part in enumerate(parts):
            bytes_of[:, index] = np.frombuffer(packer[1](part), np.uint8)
        return bytes_of.view(dtype)[:, 0]

    return pack, unpack


def floats(words: Words, bits: int = MANTISSA, drop: int = 0) -> Coder:
    """Code float32 as whole numbers: mantissas rounded to so many bits, the last `drop` bits, all zero, left out."""
    pack, unpack = words

    def encode(x: Float) -> bytes:
        return pack(round_mantissa(x, bits) >> np.uint32(drop))

    def decode(content: bytes) -> Float:
        return (unpack(content).astype(np.uint32) << np.uint32(drop)).view(np.float32).astype(float)

    return Coder(encode, decode)


def exact(dtype: type) -> Coder:
    """Keep all bits of float32 or float64: bytes in planes, zstd-19."""
    words = np.uint32 if dtype is np.float32 else np.uint64
    pack, unpack = planes(zstd(19), words)
    column = Coder(
        lambda x: pack(x.astype(dtype).view(words)), lambda content: unpack(content).view(dtype).astype(float)
    )
    return beside([column] * 4)


def round_mantissa(x: Float, bits: int) -> NDArray[np.uint32]:
    """Round to float32 with so many bits of mantissa, to the nearest."""
    words, drop = x.astype(np.float32).view(np.uint32), MANTISSA - bits
    half = np.uint32(1 << drop >> 1)
    return (words + half) >> np.uint32(drop) << np.uint32(drop)


def beside(columns: list[Coder]) -> Coder:
    """Make one coder of jets of four coders of columns."""

    def encode(jets: Float) -> bytes:
        parts = [coder.encode(np.ascontiguousarray(jets[:, i])) for i, coder in enumerate(columns)]
        return np.array([len(part) for part in parts], "<u4").tobytes() + b"".join(parts)

    def decode(content: bytes) -> Float:
        parts = _cut(content, len(columns), 0)
        return np.stack([coder.decode(part) for coder, part in zip(columns, parts, strict=True)], axis=1)

    return Coder(encode, decode)


def is_relative(index: int) -> bool:
    """Tell whether the bound of a variable is relative."""
    return FOUR_MOMENTUM.columns[index].is_relative


def to_line(index: int, x: Float) -> Float:
    """Return ln E, ln pt, eta or phi: a bound is then an absolute one."""
    return np.log(x) if is_relative(index) else x


def from_line(index: int, line: Float) -> Float:
    """Return E, pt, eta or phi."""
    return np.exp(line) if is_relative(index) else line


def _cut(content: bytes, n_parts: int, start: int) -> list[bytes]:
    """Cut parts whose lengths stand before them."""
    lengths = np.frombuffer(content, "<u4", n_parts, start)
    ends = start + 4 * n_parts + np.cumsum(lengths, dtype=np.int64)
    return [content[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)]
