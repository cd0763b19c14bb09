"""From bounds to codes: the shortest one that keeps a field's bound, proved by its every value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from atlas_keras.errors import ConfigError
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field
from atlas_keras.firmware.minifloat import Minifloat
from atlas_keras.firmware.octaves import Octaves
from atlas_keras.firmware.steps import Steps
from atlas_keras.sections import Section

Radix = Literal["bits", "mixed"]
# Bits of the table's address beyond those that count the cells of an octave: more of them bring the edges nearer to a
# geometric progression, and double the table.
FINER = 3


@dataclass(frozen=True)
class Proof(Section):
    """What the largest error of a field is, found by encoding and decoding its every value.

    Args:
        n_values: how many values were tried: those from the field's minimum on.
        largest_error: of the variable, as its bound counts.
        at: the value of the variable where it is.
        kept: whether it is within the bound.
        kept_below: whether the bound is kept below the minimum, too.
    """

    n_values: int
    largest_error: float
    at: float
    kept: bool
    kept_below: bool


def prove(field: Field, code: FieldCode) -> Proof:
    """Encode and decode every value of a field."""
    u = np.arange(1 << field.bits, dtype=np.int64)
    errors = field.errors(u + field.low, code.decode(code.encode(u)) + field.low)
    promised = np.abs(field.values(u + field.low)) >= field.minimum
    worst = int(np.flatnonzero(promised)[np.argmax(errors[promised])])
    size = field.bound.size
    return Proof(
        n_values=int(promised.sum()),
        largest_error=float(errors[worst]),
        at=float(field.values(worst + field.low)),
        kept=bool((errors[promised] <= size).all()),
        kept_below=bool((errors[~promised] <= size).all()),
    )


def choose(field: Field, radix: Radix) -> FieldCode:
    """Return the code with the fewest codes that keeps a field's bound; with radix `bits`, of those that need no table.

    Raises:
        ConfigError: an unknown radix.
    """
    if radix not in ("bits", "mixed"):
        raise ConfigError(f"The radix of a word is 'bits' or 'mixed'. Received: {radix!r}")
    found = next((code for code in _candidates(field, radix) if prove(field, code).kept), None)
    return found if found is not None and found.n_codes < 1 << field.bits else Steps(field.bits, 1)


def _candidates(field: Field, radix: Radix) -> Iterator[FieldCode]:
    """Yield codes from coarse to fine."""
    bits, size = field.bits, field.bound.size
    if field.bound.kind == "exact":
        return
    if field.bound.kind == "relative":
        if radix == "bits":
            yield from (Minifloat(bits, mantissa) for mantissa in range(bits))
            return
        widest = (math.log1p(size) - math.log1p(-size)) * (2 if field.square else 1)  # of a cell, as a logarithm
        for cells in range(max(math.floor(math.log(2) / widest), 1), 1 << bits - 1):
            yield Octaves(bits, cells, min((cells - 1).bit_length() + FINER, bits - 1))
        return
    if radix == "bits":
        yield from (Steps(bits, 1 << dropped) for dropped in range(bits, 0, -1))
        return
    largest = 1 << bits if field.square else min(1 << bits, math.floor(2 * size / field.lsb) + 2)
    yield from (Steps(bits, step) for step in range(largest, 1, -1))


def truncated(field: Field) -> Steps:
    """Return how many low bits of a field can be dropped within its bound: what is done without a packer."""
    if field.bound.kind == "exact":
        return Steps(field.bits, 1)
    steps = (Steps(field.bits, 1 << dropped) for dropped in range(field.bits, -1, -1))
    return next(code for code in steps if prove(field, code).kept)
