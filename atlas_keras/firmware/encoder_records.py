"""What `report.json` of an encoder's firmware holds, as types; its JSON schema is in `docs/schemas`."""

from __future__ import annotations

from dataclasses import dataclass

from atlas_keras.checksum import FileRecord
from atlas_keras.firmware.latent_word import Number
from atlas_keras.firmware.records import Check, Errors, Resources
from atlas_keras.sections import Section


@dataclass(frozen=True)
class InputRecord(Section):
    """A field and the code by which the network sees it.

    Args:
        name, variable, unit: of the field; the unit is that of the variable.
        bits: that the hardware has.
        code: what is done to it.
        code_bits: bits of the code.
        bound: of the code alone, as in `relative 0.01`.
        minimum: of the variable, from which on errors are counted.
    """

    name: str
    variable: str
    unit: str
    bits: int
    code: str
    code_bits: int
    bound: str
    minimum: float


@dataclass(frozen=True)
class Saturation(Section):
    """What inputs of twice the range of the codes do: no number may jump from one end to the other.

    Args:
        n_points: inputs that were tried: each field in turn from end to end of twice its range, others as in jets.
        quantizers: ranges of the network, each found to be monotone over twice its width.
        largest_step: of any number of the latent between neighbors, in parts of what the weights allow at most.
        constant_outside: whether an input beyond its range does what the end of the range does.
    """

    n_points: int
    quantizers: int
    largest_step: float
    constant_outside: bool


@dataclass(frozen=True)
class EncoderComparison(Section):
    """What comes back from the words, through the float decoder, beside what packers do.

    Args:
        n_jets: of the test split, that the errors are of.
        encoder: errors of encoder and decoder.
        codes: errors of the field codes alone: a packer without a network, within guaranteed bounds.
        truncation: errors of dropped low bits, as many bits left as the encoder's word has.
    """

    n_jets: int
    encoder: Errors
    codes: Errors
    truncation: Errors


@dataclass(frozen=True)
class EncoderReport(Section):
    """What `report.json` of an encoder holds.

    Args:
        description: in a line.
        atlas_keras: version of the package.
        versions: of the packages that made the firmware.
        preset, fingerprint: of the autoencoder.
        hardware, source: the hardware format and where it is documented.
        bits, word_bits: in and out.
        latency: clock edges from the one that takes the fields to the one that brings the word, both counted.
        initiation_interval: clock edges from fields to fields.
        bit_operations: of the network, as HGQ2 counts them.
        inputs: fields.
        numbers: of the word, the first one in the lowest bits.
        score: whether the last one estimates the error.
        saturation: at twice the range.
        comparison: with packers.
        vectors: how many there are of each kind.
        checks: of programs: each gave what Keras gives.
        resources: of the firmware.
        files: of the folder by path, but this one and the page.
    """

    description: str
    atlas_keras: str
    versions: dict[str, str]
    preset: str
    fingerprint: str
    hardware: str
    source: str
    bits: int
    word_bits: int
    latency: int
    initiation_interval: int
    bit_operations: int
    inputs: tuple[InputRecord, ...]
    numbers: tuple[Number, ...]
    score: bool
    saturation: Saturation
    comparison: EncoderComparison
    vectors: dict[str, int]
    checks: tuple[Check, ...]
    resources: Resources
    files: dict[str, FileRecord]
