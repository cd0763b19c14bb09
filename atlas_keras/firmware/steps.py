"""Cells of equal width: a power of two drops the lowest bits, any other width is divided by; width 1 keeps all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from atlas_keras.firmware.field_code import FieldCode, Floats, Integers
from atlas_keras.sections import require


@dataclass(frozen=True)
class Steps(FieldCode):
    """The code is u // step.

    Args:
        bits: of the field.
        step: width of a cell, in whole numbers.

    Example:
        >>> Steps(bits=14, step=16).encode(np.array([0, 15, 16])), Steps(bits=14, step=16).n_codes
        (array([0, 0, 1]), 1024)
    """

    kind = "steps"
    edges = 1

    step: int

    def __post_init__(self) -> None:
        require(1 <= self.step <= 1 << self.bits, f"A step is 1 to {1 << self.bits}. Received: {self.step}")

    @property
    def n_codes(self) -> int:
        """How many codes there are."""
        return -(-(1 << self.bits) // self.step)

    def encode(self, u: Integers) -> Integers:
        """Return u // step."""
        return u // self.step

    def decode(self, codes: Integers) -> Floats:
        """Return the middles of cells, of which the last may be cut."""
        low = codes * self.step
        return (low + np.minimum(low + self.step - 1, (1 << self.bits) - 1)) / 2

    def describe(self) -> str:
        """Tell what it does."""
        if self.step == 1:
            return "as it is"
        dropped = self.step.bit_length() - 1
        if self.step != 1 << dropped:
            return f"steps of {self.step}"
        return f"{dropped} low bit{'s' * (dropped > 1)} dropped"

    def reciprocal(self) -> tuple[int, int]:
        """Return m and s with u // step = (u m) >> s for every u: the smallest s, tried on all of them."""
        u = np.arange(1 << self.bits, dtype=np.int64)
        for shift in range(2 * self.bits + 2):
            factor = -(-(1 << shift) // self.step)
            if np.array_equal(u * factor >> shift, u // self.step):
                return factor, shift
        raise AssertionError("a shift of twice the bits is enough (Granlund and Montgomery, 1994)")

    def parameters(self) -> dict[str, int]:
        """Return the parameters of `steps.v`."""
        factor, shift = self.reciprocal()
        return {"FACTOR": factor, "SHIFT": shift}

    def cpp(self) -> str:
        """Return C++ of the code."""
        return f"return x / {self.step};"

    def numpy(self) -> str:
        """Return NumPy of the code."""
        return f"return x // {self.step}"
