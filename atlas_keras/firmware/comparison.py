"""The packer beside truncation: errors of jets at equal bits, and bits at equal bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atlas_keras.firmware.field_code import FieldCode, Floats, Integers
from atlas_keras.firmware.hardware_format import Field
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.planning import truncated
from atlas_keras.firmware.records import Comparison, Errors
from atlas_keras.firmware.steps import Steps


def compare(packer: Packer, jets: Integers) -> Comparison:
    """Compare a packer with truncation.

    Args:
        packer: the packer.
        jets: whole numbers of the hardware, shape `(n_jets, n_fields)`; at least one jet.
    """
    fields, bits = packer.hardware.fields, packer.word_bits
    return Comparison(
        n_jets=len(jets),
        packer=errors_of_codes(fields, packer.codes, jets, bits),
        truncation=errors_of_codes(fields, share(fields, bits, jets), jets, bits),
        truncation_bits=sum(truncated(field).code_bits for field in fields),
    )


def share(fields: Sequence[Field], bits: int, jets: Integers) -> list[Steps]:
    """Share the bits of a word among fields, so that the worst of the mean errors, measured in bounds, is smallest.

    From all bits on, the one that costs least is dropped; fields that are exact keep theirs.
    """
    dropped = [0] * len(fields)

    def cost(index: int) -> float:
        field = fields[index]
        if field.bound.kind == "exact" or dropped[index] == field.bits:
            return np.inf
        code = Steps(field.bits, 2 << dropped[index])
        return float(_error(field, code, jets[:, index]).mean()) / field.bound.size

    costs = [cost(index) for index in range(len(fields))]
    while sum(field.bits for field in fields) - sum(dropped) > bits:
        best = int(np.argmin(costs))
        dropped[best] += 1
        costs[best] = cost(best)
    return [Steps(field.bits, 1 << n) for field, n in zip(fields, dropped, strict=True)]


def error_of(field: Field, integers: Integers, decoded: Floats) -> Floats:
    """Return the errors of a field that has come back, of the jets for which its bound is promised.

    A mass of 0 has no relative error, and is left out; of truncation it comes back as the middle of its cell.

    Args:
        field: with its bound.
        integers: what the hardware had, shape `(n_jets,)`.
        decoded: what has come back, whole numbers or numbers between them.
    """
    promised = np.abs(field.values(integers)) >= field.minimum
    if field.bound.kind == "relative":
        promised &= integers > 0
    return field.errors(integers[promised], decoded[promised]) if promised.any() else np.zeros(1)


def _error(field: Field, code: FieldCode, integers: Integers) -> Floats:
    return error_of(field, integers, code.decode(code.encode(integers - field.low)) + field.low)


def errors_of_codes(fields: Sequence[Field], codes: Sequence[FieldCode], jets: Integers, bits: int) -> Errors:
    """Return the errors of all fields that have come back from codes, in a word of so many bits."""
    errors = [_error(*part) for part in zip(fields, codes, jets.T, strict=True)]
    return summarize(fields, errors, bits, [code.code_bits for code in codes])


def summarize(fields: Sequence[Field], errors: Sequence[Floats], bits: int, field_bits: Sequence[int] = ()) -> Errors:
    """Return mean and largest of errors.

    Args:
        fields: what they are of.
        errors: of each field.
        bits: of a word.
        field_bits: of each field; none where a word has no parts for them.
    """
    names = [field.variable for field in fields]
    return Errors(
        bits=bits,
        field_bits=dict(zip(names, field_bits, strict=False)),
        mean={name: float(e.mean()) for name, e in zip(names, errors, strict=True)},
        max={name: float(e.max()) for name, e in zip(names, errors, strict=True)},
    )
