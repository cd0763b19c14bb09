"""Jets that have to come back bit for bit: single ones beside a lossy coding, or all of a file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import JetDataError

Float = NDArray[np.float64]
MIN_DIGITS, MAX_DIGITS = 3, 9
MIN_EXPONENT = -12
MAX_POWER = 22  # of ten that a double holds exactly
POWERS = np.array([float(10**k) for k in range(MAX_POWER + 1)])
AS_BITS = 255  # in place of a number of digits: the integers are the bits of the doubles
COUNT = struct.Struct("<I")


def pack_jets(rows: NDArray[np.int64], jets: Float) -> bytes | None:
    """Write jets as they are, with their rows in the block; None where there are none."""
    if not len(rows):
        return None
    return COUNT.pack(len(rows)) + rows.astype("<u4").tobytes() + jets.astype("<f8").tobytes()


def unpack_jets(content: bytes | None, n_jets: int) -> tuple[NDArray[np.int64], Float]:
    """Read what `pack_jets` wrote.

    Raises:
        JetDataError: content that no block of so many jets has.
    """
    if content is None:
        return np.empty(0, np.int64), np.empty((0, 4))
    n = COUNT.unpack_from(content)[0] if len(content) >= COUNT.size else -1
    if n < 0 or len(content) != COUNT.size + 36 * n:
        raise JetDataError("a block has an impossible number of verbatim jets")
    rows = np.frombuffer(content, "<u4", n, COUNT.size).astype(np.int64)
    if n and rows.max() >= n_jets:
        raise JetDataError("a block has a verbatim jet beyond its last jet")
    return rows, np.frombuffer(content, "<f8", 4 * n, COUNT.size + 4 * n).astype(np.float64).reshape(-1, 4)


@dataclass(frozen=True)
class VerbatimColumn:
    """Numbers as integers from which they come back bit for bit.

    Numbers of text have few significant digits d: each is +-m 10^(e-d+1) with 10^(d-1) <= m < 10^d, and its integer
    counts the numbers of so many digits from 10^-12 up; zero is 0. Other numbers have their bits as integers.

    Args:
        integers: shape `(n,)`.
        digits: d, or AS_BITS.
    """

    integers: NDArray[np.int64]
    digits: int

    @classmethod
    def of(cls, x: Float) -> VerbatimColumn:
        """Find the fewest digits that give every number back; the bits where there are none."""
        bits = np.ascontiguousarray(x).view(np.int64)
        size = np.abs(x)
        zero = size == 0
        if np.all(zero | (size > 10.0**MIN_EXPONENT) & (size < 1e15)):
            exponent = np.floor(np.log10(np.where(zero, 1.0, size))).astype(np.int64)
            for digits in range(MIN_DIGITS, MAX_DIGITS + 1):
                scaled = _times_ten_to(size, digits - 1 - exponent)
                if np.all(np.abs(scaled - np.rint(scaled)) < 1e-4):
                    first = 10 ** (digits - 1)
                    ordinal = (exponent - MIN_EXPONENT) * 9 * first + np.rint(scaled).astype(np.int64) - first + 1
                    column = cls(np.where(zero, 0, np.where(x < 0, -ordinal, ordinal)), digits)
                    return column if np.array_equal(column.values().view(np.int64), bits) else cls(bits, AS_BITS)
        return cls(bits, AS_BITS)

    def values(self) -> Float:
        """Return the numbers back, bit for bit.

        Raises:
            JetDataError: a number of digits that `of` does not choose.
        """
        if self.digits == AS_BITS:
            return np.ascontiguousarray(self.integers).view(np.float64)
        if not MIN_DIGITS <= self.digits <= MAX_DIGITS:
            raise JetDataError(f"a block has numbers of {self.digits} digits")
        first = 10 ** (self.digits - 1)
        exponent, rest = np.divmod(np.maximum(np.abs(self.integers), 1) - 1, 9 * first)
        size = _times_ten_to((rest + first).astype(np.float64), exponent + MIN_EXPONENT - self.digits + 1)
        return np.where(self.integers == 0, 0.0, np.where(self.integers < 0, -size, size))


def _times_ten_to(x: Float, power: NDArray[np.int64]) -> Float:
    """Compute x 10^power as one multiplication or division by an exact power of ten, so that it is rounded once."""
    power = np.clip(power, -MAX_POWER, MAX_POWER)
    return np.where(power < 0, x / POWERS[np.abs(power)], x * POWERS[np.abs(power)])
