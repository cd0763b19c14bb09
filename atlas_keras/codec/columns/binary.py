"""Numbers and bytes one after the other: what the head of a file and the streams of columns are written in."""

from __future__ import annotations

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
