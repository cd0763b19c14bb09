"""The packer as C++, and its check; the test bench. All of them read the same vectors."""

from __future__ import annotations

import atlas_keras
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.rtl import latency
from atlas_keras.firmware.templates import fill
from atlas_keras.firmware.vectors import digits


def cpp(packer: Packer, n_vectors: int) -> dict[str, str]:
    """Return the files of `emulation/` by name."""
    parts = list(zip(packer.hardware.fields, packer.codes, packer.divisors, strict=True))
    header = fill(
        "packer.h",
        title=packer.hardware.title,
        version=atlas_keras.__version__,
        word_bits=packer.word_bits,
        functions="".join(_function(field, code) for field, code, _ in parts),
        arguments=", ".join(f"std::int32_t {name}" for name in packer.names),
        sum=" + ".join(f"code_{f.name}({_unsigned(f)}) * {divisor}ull" for f, _, divisor in parts),
    )
    check = fill(
        "check.cpp",
        n=n_vectors,
        declared=", ".join(packer.names),
        pattern="%x_" * len(parts) + "%llx",
        scanned=", ".join(f"&{name}" for name in packer.names),
        n_numbers=len(parts) + 1,
        passed=", ".join(f"std::int32_t({name})" for name in packer.names),
    )
    return {"packer.h": header, "check.cpp": check}


def _unsigned(field: Field) -> str:
    moved = f"{field.name} + {-field.low}" if field.signed else field.name
    return f"std::uint32_t({moved}) & {hex((1 << field.bits) - 1)}u"


def _function(field: Field, code: FieldCode) -> str:
    """Return the function of a code."""
    numbers = ", ".join(map(str, code.table()))
    table = [f"static const std::uint32_t table[] = {{{numbers}}};"] if numbers else []
    lines = "".join(f"  {line}\n" for line in (*table, *code.cpp().split("\n")))
    title = f"// {field.bits} bits: {code.describe()}.\n"
    return f"{title}inline std::uint64_t code_{field.name}(std::uint32_t x) {{\n{lines}}}\n\n"


def bench(packer: Packer, n_vectors: int) -> str:
    """Return `bench/packer_tb.v`."""
    widths = [*(field.bits for field in packer.hardware.fields), packer.word_bits]
    places = [4 * sum(map(digits, widths[index + 1 :])) for index in range(len(widths))]  # of each lowest bit
    fields = zip(packer.names, places, widths, strict=False)
    return fill(
        "packer_tb.v",
        n=n_vectors,
        latency=latency(packer),
        line_msb=4 * sum(map(digits, widths)) - 1,
        word_msb=packer.word_bits - 1,
        connections="\n".join(f"    .{name}(jet[{place + bits - 1}:{place}])," for name, place, bits in fields),
    )
