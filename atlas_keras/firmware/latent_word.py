"""The word of an encoder: fixed-point numbers of a latent beside each other, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras.errors import ConfigError, ExportError, reason_of
from atlas_keras.firmware.field_code import Floats
from atlas_keras.json_files import read_json
from atlas_keras.sections import Section, require

MAX_WORD = 64  # bits
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Number(Section):
    """A fixed-point number.

    Args:
        bits: of it, its sign included.
        fraction: how many of them stand behind the point; more than it has, or fewer than none, move the point.
        signed: whether it is in two's complement.
    """

    bits: int
    fraction: int
    signed: bool

    @property
    def low(self) -> int:
        """The smallest of its whole numbers, in units of its last bit."""
        return -(1 << self.bits - 1) if self.signed else 0


@dataclass(frozen=True)
class LatentWord(Section):
    """The numbers of a word, the first one in the lowest bits.

    Args:
        numbers: all of them.

    Raises:
        ConfigError: more than 64 bits.

    Example:
        >>> word = LatentWord((Number(4, 2, True), Number(3, 0, False)))
        >>> word.pack([[-0.25, 5.0]])
        array([95], dtype=uint64)
        >>> word.unpack([95])
        array([[-0.25,  5.  ]])
    """

    numbers: tuple[Number, ...]

    def __post_init__(self) -> None:
        require(1 <= self.bits <= MAX_WORD, f"A word has 1 to {MAX_WORD} bits, and this latent has {self.bits}")

    @property
    def bits(self) -> int:
        """Bits of a word."""
        return sum(number.bits for number in self.numbers)

    def places(self) -> Iterator[tuple[Number, int]]:
        """Yield each number and where its lowest bit is."""
        place = 0
        for number in self.numbers:
            yield number, place
            place += number.bits

    def pack(self, latent: ArrayLike) -> Words:
        """Return words, shape `(n,)`, of a latent of shape `(n, n_numbers)`.

        Raises:
            ValueError: a value that is none of its number's.
        """
        rows = np.asarray(latent, np.float64)
        words = np.zeros(len(rows), np.uint64)
        for column, (number, place) in zip(rows.T, self.places(), strict=True):
            scaled = column * 2.0**number.fraction
            integers = np.rint(scaled).astype(np.int64)
            outside = (integers < number.low) | (integers >= number.low + (1 << number.bits))
            if (outside | (integers != scaled)).any():
                raise ValueError(f"A number of the latent is no fixed-point number of {number.bits} bits")
            words |= (integers & (1 << number.bits) - 1).astype(np.uint64) << np.uint64(place)
        return words

    def unpack(self, words: ArrayLike) -> Floats:
        """Return the latent, shape `(n, n_numbers)`, of words of shape `(n,)`."""
        columns, given = [], np.asarray(words).astype(np.uint64)
        for number, place in self.places():
            integers = ((given >> np.uint64(place)) & np.uint64((1 << number.bits) - 1)).astype(np.int64)
            integers -= (integers >= number.low + (1 << number.bits)).astype(np.int64) << number.bits
            columns.append(integers / 2.0**number.fraction)
        return np.stack(columns, axis=1)

    @classmethod
    def read(cls, path: str | Path) -> LatentWord:
        """Read the `decoder.json` of an encoder.

        Raises:
            ExportError: no such file, or none that `export_encoder` wrote.
        """
        path = Path(path)
        values = read_json(path, ExportError, "give the decoder.json of an encoder")
        try:
            return cls.from_dict({"numbers": values.get("numbers") if isinstance(values, dict) else None})
        except ConfigError as error:
            raise ExportError(f"{path}: is no decoder.json of an encoder ({reason_of(error)})") from error
