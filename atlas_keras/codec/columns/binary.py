"""Numbers and bytes one after the other: what the head of a file and the streams of columns are written in."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import JetDataError

MAX_DIGITS = 10  # of a number, 7 bits each


class ByteWriter:
    """Writes numbers and bytes."""

    def __init__(self) -> None:
        self.content = bytearray()

    def number(self, value: int) -> None:
        """Write a number from 0 on: 7 bits a byte, the lowest first."""
        while value >= 128:
            self.content.append(value & 127 | 128)
            value >>= 7
        self.content.append(value)

    def numbers(self, values: Iterable[int]) -> None:
        """Write numbers from 0 on."""
        for value in values:
            self.number(value)

    def signed(self, value: int) -> None:
        """Write a whole number."""
        self.number(2 * value if value >= 0 else -2 * value - 1)

    def chunk(self, content: bytes) -> None:
        """Write how many bytes there are, and these."""
        self.number(len(content))
        self.content += content


class ByteReader:
    """Reads what `ByteWriter` wrote.

    Args:
        content: of it.

    Raises:
        JetDataError: by every method, where the content ends too early or a number cannot be.
    """

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def number(self, most: int = (1 << 64) - 1) -> int:
        """Read a number from 0 to `most`."""
        value = 0
        for digit in range(MAX_DIGITS):
            if self.at >= len(self.content):
                raise JetDataError("a part ends too early")
            byte = self.content[self.at]
            self.at += 1
            value |= (byte & 127) << (7 * digit)
            if byte < 128:
                if value > most:
                    raise JetDataError(f"a number is {value}, more than {most}")
                return value
        raise JetDataError("a number has too many digits")

    def numbers(self, n: int, most: int) -> NDArray[np.int64]:
        """Read `n` numbers from 0 to `most`, which is below 2^28, all at once."""
        data = np.frombuffer(self.content, np.uint8)[self.at : self.at + 4 * n]
        ends = np.flatnonzero(data < 128)[:n]
        starts = np.append(0, ends[:-1] + 1)
        if len(ends) < n or np.any(ends - starts > 3):
            raise JetDataError("a part ends too early, or has a number of too many digits")
        values = np.zeros(n, np.int64)
        for digit in range(4):
            at = starts + digit
            values += np.where(at <= ends, (data[np.minimum(at, ends)] & 127).astype(np.int64) << (7 * digit), 0)
        if n and values.max() > most:
            raise JetDataError(f"a number is {values.max()}, more than {most}")
        self.at += int(ends[-1]) + 1 if n else 0
        return values

    def signed(self) -> int:
        """Read a whole number of 64 bits."""
        value = self.number()
        return -(value + 1 >> 1) if value & 1 else value >> 1

    def chunk(self) -> bytes:
        """Read bytes."""
        return self._raw(self.number(self.left()))

    def rest(self) -> bytes:
        """Read all that is left."""
        return self._raw(self.left())

    def left(self) -> int:
        """Tell how many bytes are left."""
        return len(self.content) - self.at

    def _raw(self, n: int) -> bytes:
        if n > self.left():
            raise JetDataError("a part ends too early")
        self.at += n
        return bytes(self.content[self.at - n : self.at])
