"""Cells that grow with the number, any number of them an octave: as few as a bound allows, by a small table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from atlas_keras.firmware.field_code import FieldCode, Floats, Integers
from atlas_keras.sections import require


@dataclass(frozen=True)
class Octaves(FieldCode):
    """From one power of two to the next, `cells` cells with edges in geometric progression, the same in each octave.

    With j the smallest power of two that is not below `cells`, numbers below 2^j are kept as they are. Above, a table
    takes the `address` bits behind the leading one to the cell in the octave. Where the lowest octave has few numbers,
    codes may be left out.

    Args:
        bits: of the field.
        cells: in an octave.
        address: bits behind the leading one that the table looks at.

    Example:
        >>> code = Octaves(bits=16, cells=36, address=9)
        >>> code.encode(np.array([5, 63, 64, 65535])), code.n_codes
        (array([  5,  63,  64, 423]), 424)
    """

    kind = "octaves"
    edges = 3

    cells: int
    address: int

    def __post_init__(self) -> None:
        most = 1 << self.bits - 1
        require(1 <= self.cells <= most, f"An octave has 1 to {most} cells. Received: {self.cells}")
        low, high = self.exact_bits, self.bits - 1
        fits = low <= self.address <= high
        require(fits, f"The table has an address of {low} to {high} bits. Received: {self.address}")

    @property
    def exact_bits(self) -> int:
        """The power of two below which numbers are kept."""
        return (self.cells - 1).bit_length()

    @property
    def n_codes(self) -> int:
        """How many codes there are."""
        return (1 << self.exact_bits) + (self.bits - self.exact_bits) * self.cells

    @cached_property
    def edges_in_octave(self) -> Integers:
        """Where cells begin, as the bits behind the leading one, and the end."""
        size = 1 << self.address
        inner = np.ceil(size * (2.0 ** (np.arange(1, self.cells) / self.cells) - 1)).astype(np.int64)
        return np.concatenate([[0], inner, [size]])

    def table(self) -> list[int]:
        """Return the cell of each address."""
        return (np.searchsorted(self.edges_in_octave[1:-1], np.arange(1 << self.address), side="right")).tolist()

    def encode(self, u: Integers) -> Integers:
        """Return u, or the cell by octave and table."""
        octave = np.frexp(u)[1].astype(np.int64) - 1
        behind = u - (1 << np.maximum(octave, 0))
        up, down = np.maximum(self.address - octave, 0), np.maximum(octave - self.address, 0)
        cell = np.array(self.table())[np.where(octave >= self.exact_bits, behind << up >> down, 0)]
        high = (1 << self.exact_bits) + (octave - self.exact_bits) * self.cells + cell
        return np.where(octave >= self.exact_bits, high, u)

    def decode(self, codes: Integers) -> Floats:
        """Return the middles of cells."""
        above = np.maximum(codes - (1 << self.exact_bits), 0)
        octave, cell = self.exact_bits + above // self.cells, above % self.cells
        ends = self.edges_in_octave

        def begin(index: Integers) -> Integers:  # rounded up where the octave has fewer numbers than the table
            up, down = np.maximum(octave - self.address, 0), np.maximum(self.address - octave, 0)
            return (1 << octave) + ((ends[index] << up) + (1 << down) - 1 >> down)

        return np.where(codes >= 1 << self.exact_bits, (begin(cell) + begin(cell + 1) - 1) / 2, codes)

    def describe(self) -> str:
        """Tell what it does."""
        return f"{self.cells} cells an octave, exact below {1 << self.exact_bits}"

    def parameters(self) -> dict[str, int]:
        """Return the parameters of `octaves.v`."""
        return {"CELLS": self.cells, "EXACT": self.exact_bits, "ADDRESS": self.address}

    def cpp(self) -> str:
        """Return C++ of the code."""
        low, behind = 1 << self.exact_bits, f"((std::uint64_t(x) << {self.bits} >> p) - (1ull << {self.bits}))"
        lines = [
            f"if (x < {low}) return x;",
            f"unsigned p = {self.exact_bits};",
            "while (x >> p >> 1) ++p;",
            f"return {low} + (p - {self.exact_bits}) * {self.cells} + table[{behind} >> {self.bits - self.address}];",
        ]
        return "\n".join(lines)

    def numpy(self) -> str:
        """Return NumPy of the code."""
        low = self.exact_bits
        lines = [
            f"p = np.maximum(np.frexp(x)[1].astype(np.int64) - 1, {low})",
            f"behind = np.maximum((x << {self.bits} >> p) - {1 << self.bits}, 0)",
            f"high = {1 << low} + (p - {low}) * {self.cells} + table[behind >> {self.bits - self.address}]",
            f"return np.where(x < {1 << low}, x, high)",
        ]
        return "\n".join(lines)
