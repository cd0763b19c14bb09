"""What a field code is: cells of whole numbers, each with a number of its own, in NumPy, in Verilog and in C++ at once.

All take the field as an unsigned number u = x - low, which in hardware is the field with its sign bit inverted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from atlas_keras.sections import Section

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FieldCode(Section, ABC):
    """A code of a field. Adding one is a class, its line in `codes.CODES`, and `templates/KIND.v`.

    Args:
        bits: of the field.
    """

    kind: ClassVar[str]
    edges: ClassVar[int]  # clock edges that its Verilog needs

    bits: int

    @property
    @abstractmethod
    def n_codes(self) -> int:
        """How many codes there are: they are 0 to n - 1."""

    @property
    def code_bits(self) -> int:
        """Bits that a code takes by itself."""
        return (self.n_codes - 1).bit_length()

    @abstractmethod
    def encode(self, u: Integers) -> Integers:
        """Return the codes of unsigned numbers below 2^bits, of any shape."""

    @abstractmethod
    def decode(self, codes: Integers) -> Floats:
        """Return the middles of cells, which may lie half-way between two whole numbers."""

    @abstractmethod
    def describe(self) -> str:
        """Tell what it does, in a few words."""

    @abstractmethod
    def parameters(self) -> dict[str, int]:
        """Return the parameters of its Verilog module, beside WIDTH and CODE."""

    def table(self) -> list[int]:
        """Return a table `table` that its C++ and NumPy look up, and a module of its own; empty without one."""
        return []

    @abstractmethod
    def cpp(self) -> str:
        """Return C++ that computes the code of `x`, the statements of a function that returns it."""

    @abstractmethod
    def numpy(self) -> str:
        """Return NumPy that computes the codes of an array `x`, the statements of a function that returns them."""

    def to_dict(self) -> dict[str, Any]:
        """Return its kind and its fields, as `codes.code_from_dict` takes them."""
        return {"kind": self.kind, **super().to_dict()}
