"""The packer as Verilog: a module for each kind of code, read-only templates, and the top module that connects them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import atlas_keras
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field, Hardware
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.templates import fill

TAKE = 1  # edge that takes the jet into registers
Number = tuple[str, int, int]  # a part of a mixed word: its wire, its bits, and how many values it has
Codes = Sequence[FieldCode]


def latency(packer: Packer) -> int:
    """Tell at which clock edge the word is there, the one that takes the jet counted as the first."""
    return coded(packer.codes) + (_levels(len(packer.codes)) if packer.radix == "mixed" else 0)


def coded(codes: Codes) -> int:
    """Tell at which clock edge all codes are there, the one that takes the jet counted as the first."""
    return TAKE + _edges(codes)


def _edges(codes: Codes) -> int:
    """Return how many clock edges the slowest code needs."""
    return max(code.edges for code in codes)


def _levels(n_parts: int) -> int:
    """Return how many clock edges a word of mixed radix needs: parts are joined two by two."""
    return (n_parts - 1).bit_length()


def verilog(packer: Packer) -> dict[str, str]:
    """Return the files of `rtl/` by name."""
    return {"packer.v": _top(packer), **code_modules(packer.hardware, packer.codes)}


def code_modules(hardware: Hardware, codes: Codes) -> dict[str, str]:
    """Return the modules of codes, by name of their file."""
    modules = {}
    for field, code in zip(hardware.fields, codes, strict=True):
        modules[f"{_module(field, code)}.v"] = _code_module(field, code)
        if code.edges < _edges(codes):
            modules["delay.v"] = fill("delay.v")
    return modules


def coding(top: str, hardware: Hardware, codes: Codes, numbers: Sequence[str] = ()) -> dict[str, str]:
    """Return what a top module that takes fields and codes them has of them: ports, registers, instances.

    Args:
        top: its name.
        hardware: its fields.
        codes: of the fields.
        numbers: lines about what its word holds, where that is not the codes.
    """
    fields = hardware.fields
    coded_fields = zip(fields, codes, strict=True)
    told = [f"{f.name}: {f.bits} bits, {c.describe()}; {f.variable} within {f.bound}" for f, c in coded_fields]
    return {
        "top": top,
        "title": hardware.title,
        "version": atlas_keras.__version__,
        "bits": str(hardware.bits),
        "coded": str(coded(codes)),
        "comments": "\n".join(f"//   {line}" for line in (*told, *numbers)),
        "ports": "\n".join(f"  input [{f.bits - 1}:0] {f.name}," for f in fields),
        "registers": "\n".join(f"  reg [{f.bits - 1}:0] {f.name}_1;" for f in fields),
        "takes": "\n".join(f"    {f.name}_1 <= {_unsigned(f)};" for f in fields),
        "instances": "\n".join(
            line for f, c in zip(fields, codes, strict=True) for line in _instance(f, c, _edges(codes))
        ),
    }


def _module(field: Field, code: FieldCode) -> str:
    """Name the module of a code: one with a table belongs to its field alone."""
    return f"{code.kind}_{field.name}" if code.table() else code.kind


def _code_module(field: Field, code: FieldCode) -> str:
    if not (table := code.table()):
        return fill(f"{code.kind}.v")
    rows = "\n".join(f"    {address}: cell_ = {cell};" for address, cell in enumerate(table))
    return fill(f"{code.kind}.v", module=_module(field, code), rows=rows, **code.to_dict())


def _top(packer: Packer) -> str:
    return fill(
        "top.v",
        word_msb=packer.word_bits - 1,
        latency=latency(packer),
        rest="\n".join(_mixed(packer) if packer.radix == "mixed" else _concatenated(packer)),
        **coding("packer", packer.hardware, packer.codes),
        word_bits=packer.word_bits,
    )


def _unsigned(field: Field) -> str:
    """Return the field with its sign bit inverted, if it has one."""
    rest = f", {field.name}[{field.bits - 2}:0]" if field.bits > 1 else ""
    return f"{{~{field.name}[{field.bits - 1}]{rest}}}" if field.signed else field.name


def _instance(field: Field, code: FieldCode, edges: int) -> Iterator[str]:
    """Yield the wire of a code, its module, and what it waits for."""
    name, waits = field.name, edges - code.edges
    parameters = {"WIDTH": field.bits, "CODE": max(code.code_bits, 1), **code.parameters()}
    given = ", ".join(f".{key}({value})" for key, value in parameters.items())
    yield f"  wire [{parameters['CODE'] - 1}:0] {name}_code{f', {name}_early' if waits else ''};"
    result = f"{name}_early" if waits else f"{name}_code"
    yield f"  {_module(field, code)} #({given}) {name}_field (.clk(clk), .x({name}_1), .code({result}));"
    if waits:
        given = f".BITS({parameters['CODE']}), .EDGES({waits})"
        yield f"  delay #({given}) {name}_delay (.clk(clk), .x({name}_early), .y({name}_code));"


def _concatenated(packer: Packer) -> Iterator[str]:
    """Yield the word of codes beside each other, the first one lowest; a code of no bits has no place in it."""
    names = [f"{f.name}_code" for f, c in zip(packer.hardware.fields, packer.codes, strict=True) if c.code_bits]
    yield f"  assign word = {{{', '.join(reversed(names))}}};"


def _mixed(packer: Packer) -> Iterator[str]:
    """Yield the word of mixed radix: neighbors become one number, a + n_a b, until there is one."""
    codes = zip(packer.hardware.fields, packer.codes, strict=True)
    parts: list[Number] = [(f"{f.name}_code", max(c.code_bits, 1), c.n_codes) for f, c in codes]
    edge = coded(packer.codes)
    while len(parts) > 1:
        edge += 1
        joined: list[Number] = []
        yield f"  // Edge {edge}"
        for index in range(0, len(parts), 2):
            name, count = f"part_{edge}_{index // 2}", parts[index][2]
            value = parts[index][0]
            if index + 1 < len(parts):
                other, _, n_other = parts[index + 1]
                value, count = f"{value} + {count.bit_length()}'d{count} * {other}", count * n_other
            bits = max((count - 1).bit_length(), 1)
            yield f"  reg [{bits - 1}:0] {name};"
            yield f"  always @(posedge clk) {name} <= {value};"
            joined.append((name, bits, count))
        parts = joined
    yield f"  assign word = {parts[0][0]};"
