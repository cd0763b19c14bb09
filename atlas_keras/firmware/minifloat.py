"""Cells that grow with the number, by shifts alone: a floating-point number of few bits, without sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atlas_keras.firmware.field_code import FieldCode, Floats, Integers
from atlas_keras.sections import require


@dataclass(frozen=True)
class Minifloat(FieldCode):
    """The exponent, and so many bits behind the leading one: an exact, monotone logarithm that shifts undo.

    With e = how far the leading one stands above bit `mantissa` (0 where it does not), the code is (e << mantissa) +
    (u >> e). Below 2^(mantissa + 1) it is u itself. No number is off by more than 2^-(mantissa + 1) of itself.

    Args:
        bits: of the field.
        mantissa: bits behind the leading one.

    Example:
        >>> code = Minifloat(bits=16, mantissa=6)
        >>> code.encode(np.array([5, 127, 128, 65535])), code.n_codes
        (array([  5, 127, 128, 703]), 704)
    """

    kind = "minifloat"
    edges = 2

    mantissa: int

    def __post_init__(self) -> None:
        require(0 <= self.mantissa < self.bits, f"A mantissa has 0 to {self.bits - 1} bits. Received: {self.mantissa}")

    @property
    def n_codes(self) -> int:
        """How many codes there are."""
        return self.bits - self.mantissa + 1 << self.mantissa

    def encode(self, u: Integers) -> Integers:
        """Return (e << mantissa) + (u >> e)."""
        e = np.maximum(np.frexp(u)[1].astype(np.int64) - 1 - self.mantissa, 0)
        return (e << self.mantissa) + (u >> e)

    def decode(self, codes: Integers) -> Floats:
        """Return the middles of cells."""
        e = np.maximum((codes >> self.mantissa) - 1, 0)
        return ((codes - (e << self.mantissa)) << e) + ((1 << e) - 1) / 2

    def describe(self) -> str:
        """Tell what it does."""
        return f"minifloat, mantissa of {self.mantissa} bits"

    def parameters(self) -> dict[str, int]:
        """Return the parameters of `minifloat.v`."""
        return {"MANTISSA": self.mantissa}

    def cpp(self) -> str:
        """Return C++ of the code."""
        return f"unsigned e = 0;\nwhile (x >> e >> {self.mantissa + 1}) ++e;\nreturn (e << {self.mantissa}) + (x >> e);"

    def numpy(self) -> str:
        """Return NumPy of the code."""
        lines = [
            f"e = np.maximum(np.frexp(x)[1].astype(np.int64) - {self.mantissa + 1}, 0)",
            f"return (e << {self.mantissa}) + (x >> e)",
        ]
        return "\n".join(lines)
