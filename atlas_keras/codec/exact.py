"""Jets that have to come back bit for bit: single ones beside a lossy coding, or all of a file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import JetDataError

Float = NDArray[np.float64]
MOST_DECIMALS = 12
AS_BITS = 255  # in place of a number of decimals: the integers are the bits of the doubles
COUNT = struct.Struct("<I")


def pack_jets(places: NDArray[np.int64], jets: Float) -> bytes | None:
    """Write jets as they are, with their places in the block; None where there are none."""
    if not len(places):
        return None
    return COUNT.pack(len(places)) + places.astype("<u4").tobytes() + jets.astype("<f8").tobytes()


def unpack_jets(content: bytes | None, n_jets: int) -> tuple[NDArray[np.int64], Float]:
    """Read what `pack_jets` wrote.

    Raises:
        JetDataError: content that no block of so many jets has.
    """
    if content is None:
        return np.empty(0, np.int64), np.empty((0, 4))
    n = COUNT.unpack_from(content)[0] if len(content) >= COUNT.size else -1
    if n < 0 or len(content) != COUNT.size + 36 * n:
        raise JetDataError("a block has an impossible number of exact jets")
    places = np.frombuffer(content, "<u4", n, COUNT.size).astype(np.int64)
    if n and places.max() >= n_jets:
        raise JetDataError("a block has an exact jet beyond its last jet")
    return places, np.frombuffer(content, "<f8", 4 * n, COUNT.size + 4 * n).astype(np.float64).reshape(-1, 4)


@dataclass(frozen=True)
class ExactColumn:
    """Numbers as integers: x = integer / 10^decimals, exact, or the integers are the bits of x."""

    integers: NDArray[np.int64]
    decimals: int

    @classmethod
    def of(cls, x: Float) -> ExactColumn:
        """Find the fewest decimals that give every number back bit for bit; text files have few."""
        bits = np.ascontiguousarray(x).view(np.int64)
        if np.isfinite(x).all():
            for decimals in range(MOST_DECIMALS + 1):
                scaled = np.rint(x * 10.0**decimals)
                if np.abs(scaled).max(initial=0) >= 2**53:
                    break
                if np.array_equal((scaled / 10.0**decimals).view(np.int64), bits):
                    return cls(scaled.astype(np.int64), decimals)
        return cls(bits, AS_BITS)

    def values(self) -> Float:
        """Give the numbers back, bit for bit.

        Raises:
            JetDataError: a number of decimals that `of` does not choose.
        """
        if self.decimals == AS_BITS:
            return np.ascontiguousarray(self.integers).view(np.float64)
        if self.decimals > MOST_DECIMALS:
            raise JetDataError(f"a block has {self.decimals} decimals")
        return self.integers / 10.0**self.decimals
