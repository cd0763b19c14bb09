"""The packer beside truncation: errors of jets at equal bits, and bits at equal bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.planning import truncated
from atlas_keras.firmware.records import Comparison, Errors
from atlas_keras.firmware.steps import Steps

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def compare(packer: Packer, jets: Integers) -> Comparison:
    """Compare a packer with truncation.

    Args:
        packer: the packer.
        jets: whole numbers of the hardware, shape `(n_jets, n_fields)`; at least one jet.
    """
    return Comparison(
        n_jets=len(jets),
        packer=_errors(packer, packer.codes, jets),
        truncation=_errors(packer, share(packer, jets), jets),
        truncation_bits=sum(truncated(field).code_bits for field in packer.hardware.fields),
    )


def share(packer: Packer, jets: Integers) -> list[Steps]:
    """Share the bits of a word among fields, so that the worst of the mean errors, measured in bounds, is smallest.

    From all bits on, the one that costs least is dropped; fields that are exact keep theirs.
    """
    dropped = [0] * len(packer.codes)
    fields = packer.hardware.fields

    def cost(index: int) -> float:
        field = fields[index]
        if field.bound.kind == "exact" or dropped[index] == field.bits:
            return np.inf
        code = Steps(field.bits, 2 << dropped[index])
        return float(_error(field, code, jets[:, index]).mean()) / field.bound.size

    costs = [cost(index) for index in range(len(fields))]
    while sum(field.bits for field in fields) - sum(dropped) > packer.word_bits:
        best = int(np.argmin(costs))
        dropped[best] += 1
        costs[best] = cost(best)
    return [Steps(field.bits, 1 << n) for field, n in zip(fields, dropped, strict=True)]


def _error(field: Field, code: FieldCode, integers: Integers) -> Floats:
    """Return the errors of a field that has come back from a code, of the jets for which its bound is promised.

    A mass of 0 has no relative error, and is left out; of truncation it comes back as the middle of its cell.
    """
    promised = np.abs(field.values(integers)) >= field.minimum
    if field.bound.kind == "relative":
        promised &= integers > 0
    x = integers[promised]
    return field.errors(x, code.decode(code.encode(x - field.low)) + field.low) if len(x) else np.zeros(1)


def _errors(packer: Packer, codes: Sequence[FieldCode], jets: Integers) -> Errors:
    """Return the errors of all fields."""
    fields = packer.hardware.fields
    names = [field.variable for field in fields]
    errors = [_error(*part) for part in zip(fields, codes, jets.T, strict=True)]
    return Errors(
        bits=packer.word_bits,
        field_bits={name: code.code_bits for name, code in zip(names, codes, strict=True)},
        mean={name: float(e.mean()) for name, e in zip(names, errors, strict=True)},
        max={name: float(e.max()) for name, e in zip(names, errors, strict=True)},
    )
