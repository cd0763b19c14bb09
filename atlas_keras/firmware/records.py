"""What `report.json` of an export of firmware holds, as types; its JSON schema is in `docs/schemas`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from atlas_keras.checksum import FileRecord
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field
from atlas_keras.firmware.planning import Proof
from atlas_keras.sections import Section


@dataclass(frozen=True)
class CodeRecord(Section):
    """A field and its code.

    Args:
        name, variable, unit: of the field; the unit is that of the variable.
        bits: that the hardware has.
        code: what is done to it.
        code_bits: bits of the code alone; with a mixed radix a word may take fewer.
        bound: of the variable, as in `relative 0.01`.
        minimum: of the variable, from which on the bound is promised and errors are counted.
    """

    name: str
    variable: str
    unit: str
    bits: int
    code: str
    code_bits: int
    bound: str
    minimum: float

    @classmethod
    def of(cls, field: Field, code: FieldCode, **more: Any) -> Self:
        """Describe a field and its code; `more` are what a kind of record has beside."""
        return cls(
            field.name,
            field.variable,
            field.unit_of_variable,
            field.bits,
            code.describe(),
            code.code_bits,
            str(field.bound),
            field.minimum,
            **more,
        )


@dataclass(frozen=True)
class FieldRecord(CodeRecord):
    """A field of a packer: its bits in and out, its code and its proof.

    Args:
        n_codes: how many codes there are.
        proof: of the bound, by every value.
        truncated_bits: that are left where low bits are dropped within the same bound.
    """

    n_codes: int
    proof: Proof
    truncated_bits: int


@dataclass(frozen=True)
class Errors(Section):
    """How far jets come back from what the hardware had, each variable as its bound counts.

    Args:
        bits: of a word.
        field_bits: of each field.
        mean, max: of each variable.
    """

    bits: int
    field_bits: dict[str, int]
    mean: dict[str, float]
    max: dict[str, float]


@dataclass(frozen=True)
class Comparison(Section):
    """The packer beside truncation, which drops low bits.

    Args:
        n_jets: jets that the errors are of.
        packer: errors of the packer.
        truncation: those of truncation to as many bits, which are shared so that the worst of the mean errors,
            measured in bounds, is smallest.
        truncation_bits: that truncation needs for the same bounds.
    """

    n_jets: int
    packer: Errors
    truncation: Errors
    truncation_bits: int


@dataclass(frozen=True)
class Check(Section):
    """What a program said of the firmware.

    Args:
        tool: its name.
        subject: what it runs: `verilog`, `c++`, `hls`, `golden model` (NumPy), `decoder` (LiteRT), or,
            of a network, `interpreter`.
        version: its first line about itself; empty where it did not run.
        simulated: whether it ran its vectors, every word right.
        reason: why it did not run; empty where it did.
        vectors: how many it ran.
    """

    tool: str
    subject: str
    version: str
    simulated: bool
    reason: str
    vectors: int


@dataclass(frozen=True)
class Resources(Section):
    """What the firmware takes, as a synthesis counts it; a clock is not promised.

    Args:
        tool: the program, and how it is called.
        version: its first line about itself; empty where it did not run.
        synthesized: whether it ran.
        reason: why it did not run; empty where it did.
        counts: by kind, `LUT` (inverters included), `FF`, `SRL`, `CARRY`, `MUX`, `DSP` and `BRAM`; empty where it did
            not run.
    """

    tool: str
    version: str
    synthesized: bool
    reason: str
    counts: dict[str, int]


@dataclass(frozen=True)
class ExportReport(Section):
    """What `report.json` of any export of firmware holds.

    Args:
        description: in a line.
        atlas_keras: version of the package.
        hardware, source: the hardware format and where it is documented.
        bits, word_bits: in and out.
        latency: clock edges from the one that takes the fields to the one that brings the word, both counted.
        initiation_interval: clock edges from fields to fields.
        vectors: how many there are of each kind.
        checks: of programs.
        resources: of the firmware.
        files: of the folder by path, but this one and the page.
    """

    description: str
    atlas_keras: str
    hardware: str
    source: str
    bits: int
    word_bits: int
    latency: int
    initiation_interval: int
    vectors: dict[str, int]
    checks: tuple[Check, ...]
    resources: Resources
    files: dict[str, FileRecord]


@dataclass(frozen=True)
class FirmwareReport(ExportReport):
    """What `report.json` of a packer holds.

    Args:
        radix: `bits` or `mixed`.
        fields: all of them.
        comparison: with truncation.
    """

    radix: str
    fields: tuple[FieldRecord, ...]
    comparison: Comparison
