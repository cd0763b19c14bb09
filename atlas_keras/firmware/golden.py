"""The golden model that an export writes: a Python file that computes words by NumPy alone, and its check."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import atlas_keras
from atlas_keras.errors import ExportError
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field, Hardware
from atlas_keras.firmware.latent_word import LatentWord, Number
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.records import Check
from atlas_keras.firmware.templates import fill

if TYPE_CHECKING:
    from atlas_keras.firmware.integer_network import IntegerLayer  # imports Keras, which a packer does without

GOLDEN = "golden.py"  # in emulation/


def golden_packer(packer: Packer) -> str:
    """Return the golden model of a packer."""
    hardware = packer.hardware
    parts = zip(hardware.fields, packer.divisors, strict=True)
    encode = fill(
        "pack.py.in",
        arguments=_arguments(hardware),
        parts="\n".join(f"        ({_code_of(field)}, {divisor})," for field, divisor in parts),
    )
    return _golden(hardware, packer.codes, packer.word_bits, "packer", encode)


def golden_encoder(
    hardware: Hardware, codes: Sequence[FieldCode], layers: Sequence[IntegerLayer], word: LatentWord
) -> str:
    """Return the golden model of an encoder.

    Args:
        hardware: whose fields it takes.
        codes: of the fields.
        layers: of the network that takes the codes.
        word: of its outputs.
    """
    encode = fill(
        "network.py.in",
        code_bits=[code.code_bits for code in codes],
        layers="".join(map(_layer, layers)),
        outputs=_ranges(layers[-1].outputs),
        numbers=_ranges(word.numbers),
        arguments=_arguments(hardware),
        codes="\n".join(f"        {_code_of(field)}," for field in hardware.fields),
    )
    return _golden(hardware, codes, word.bits, "encoder", encode)


def check_golden(folder: Path, hardware: Hardware, rows: NDArray[np.int64], words: NDArray[np.uint64]) -> Check:
    """Let the golden model of an export compute all words.

    Args:
        folder: of the export.
        hardware: whose fields the rows are.
        rows: whole numbers, shape `(n, n_fields)`.
        words: that have to come out.

    Raises:
        ExportError: others come out.
    """
    masks = [(1 << field.bits) - 1 for field in hardware.fields]
    found = runpy.run_path(str(folder / "emulation" / GOLDEN))["encode"](*(rows & masks).T)
    wrong = np.flatnonzero(found != words)
    if len(wrong):
        raise ExportError(
            f"numpy: emulation/{GOLDEN} is not what the firmware is made from ({len(wrong)} of {len(words)} words "
            f"differ, the first of them in vector {wrong[0]})"
        )
    return Check("numpy", "golden model", f"numpy {np.__version__}", True, "", len(rows))


def _golden(hardware: Hardware, codes: Sequence[FieldCode], word_bits: int, top: str, encode: str) -> str:
    return fill(
        "golden.py.in",
        title=hardware.title,
        bits=hardware.bits,
        word_bits=word_bits,
        top=top,
        version=atlas_keras.__version__,
        functions="".join(_function(field, code) for field, code in zip(hardware.fields, codes, strict=True)),
        encode=encode.rstrip(),
    )


def _function(field: Field, code: FieldCode) -> str:
    lines = [*([f"table = np.array({table})"] if (table := code.table()) else []), *code.numpy().split("\n")]
    title = f"def code_{field.name}(x):  # {field.bits} bits: {code.describe()}\n"
    return title + "".join(f"    {line}\n" for line in lines) + "\n\n"


def _arguments(hardware: Hardware) -> str:
    return ", ".join(field.name for field in hardware.fields)


def _code_of(field: Field) -> str:
    """Return the call that codes a field; it counts from the lowest number."""
    moved = f"{field.name} + {-field.low} & {hex((1 << field.bits) - 1)}" if field.signed else field.name
    return f"code_{field.name}({moved})"


def _layer(layer: IntegerLayer) -> str:
    rows = "".join(f"            {row},\n" for row in layer.kernel.tolist())
    return (
        f"    {{  # {layer.name}\n"
        f'        "ranges": {_ranges(layer.inputs)},\n'
        f'        "point": {layer.input_fraction},\n'
        f'        "kernel": [\n{rows}        ],\n'
        f'        "bias": {layer.bias.tolist()},\n'
        f'        "point_of_sums": {layer.fraction},\n'
        f'        "relu": {layer.relu},\n'
        "    },\n"
    )


def _ranges(numbers: Sequence[Number]) -> str:
    return str([(number.bits, number.fraction, number.signed) for number in numbers])
