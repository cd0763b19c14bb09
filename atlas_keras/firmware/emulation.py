"""The packer as C++, for emulation and high-level synthesis, and its check; the test bench. Vectors are the same."""

from __future__ import annotations

from collections.abc import Sequence

import atlas_keras
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field, Hardware
from atlas_keras.firmware.packer import Packer
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
        functions=functions(packer.hardware, packer.codes),
        arguments=arguments(packer.hardware),
        sum=" + ".join(f"{code_of(f)} * {divisor}ull" for f, _, divisor in parts),
    )
    return {"packer.h": header, "check.cpp": check(packer.hardware, n_vectors, "packer::pack")}


def hls_cpp(packer: Packer, n_vectors: int) -> dict[str, str]:
    """Return the files of `hls/` by name: a top function for high-level synthesis, its check, a script for Vitis."""
    about = {"version": atlas_keras.__version__, "arguments": arguments(packer.hardware)}
    passed = ", ".join(field.name for field in packer.hardware.fields)
    return {
        "packer.h": cpp(packer, n_vectors)["packer.h"],
        "pack_jet.h": fill("pack_jet.h", title=packer.hardware.title, **about),
        "pack_jet.cpp": fill("pack_jet.cpp", arguments=about["arguments"], passed=passed),
        "check.cpp": check(packer.hardware, n_vectors, "pack_jet", "hls/check.cpp hls/pack_jet.cpp"),
        "build.tcl": fill("build.tcl", version=about["version"]),
    }


def functions(hardware: Hardware, codes: Sequence[FieldCode]) -> str:
    """Return a function for the code of each field."""
    return "".join(_function(field, code) for field, code in zip(hardware.fields, codes, strict=True))


def arguments(hardware: Hardware) -> str:
    """Return the arguments of a function that takes all fields."""
    return ", ".join(f"std::int32_t {field.name}" for field in hardware.fields)


def code_of(field: Field) -> str:
    """Return the call that codes a field; it counts from the lowest number."""
    moved = f"{field.name} + {-field.low}" if field.signed else field.name
    return f"code_{field.name}(std::uint32_t({moved}) & {hex((1 << field.bits) - 1)}u)"


def check(hardware: Hardware, n_vectors: int, function: str, sources: str = "emulation/check.cpp") -> str:
    """Return the program that runs all vectors through a function.

    Args:
        hardware: its fields are the arguments.
        n_vectors: how many there are.
        function: `namespace::name` or `name`; the header of its first word has it.
        sources: what is compiled, as the program tells.
    """
    names = [field.name for field in hardware.fields]
    return fill(
        "check.cpp",
        n=n_vectors,
        sources=sources,
        declared=", ".join(names),
        header=f"{function.partition(':')[0]}.h",
        function=function,
        pattern="%x_" * len(names) + "%llx",
        scanned=", ".join(f"&{name}" for name in names),
        n_numbers=len(names) + 1,
        passed=", ".join(f"std::int32_t({name})" for name in names),
    )


def _function(field: Field, code: FieldCode) -> str:
    """Return the function of a code."""
    numbers = ", ".join(map(str, code.table()))
    table = [f"static const std::uint32_t table[] = {{{numbers}}};"] if numbers else []
    lines = "".join(f"  {line}\n" for line in (*table, *code.cpp().split("\n")))
    title = f"// {field.bits} bits: {code.describe()}.\n"
    return f"{title}inline std::uint64_t code_{field.name}(std::uint32_t x) {{\n{lines}}}\n\n"


def bench(hardware: Hardware, word_bits: int, latency: int, n_vectors: int, top: str) -> str:
    """Return the test bench `bench/TOP_tb.v`.

    Args:
        hardware: its fields are the ports.
        word_bits: of what comes out.
        latency: clock edges to the word, both counted.
        n_vectors: how many there are.
        top: name of the module.
    """
    widths = [*(field.bits for field in hardware.fields), word_bits]
    places = [4 * sum(map(digits, widths[index + 1 :])) for index in range(len(widths))]  # of each lowest bit
    names = [field.name for field in hardware.fields]
    return fill(
        "bench.v",
        top=top,
        n=n_vectors,
        latency=latency,
        line_msb=4 * sum(map(digits, widths)) - 1,
        word_msb=word_bits - 1,
        connections="\n".join(
            f"    .{name}(jet[{place + bits - 1}:{place}]),"
            for name, place, bits in zip(names, places, widths, strict=False)
        ),
    )
