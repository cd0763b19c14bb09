"""What `report.json` of an encoder's firmware holds, as types; its JSON schema is in `docs/schemas`."""

from __future__ import annotations

from dataclasses import dataclass

from atlas_keras.firmware.latent_word import Number
from atlas_keras.firmware.records import CodeRecord, Errors, ExportReport
from atlas_keras.sections import Section


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
class EncoderReport(ExportReport):
    """What `report.json` of an encoder holds; each of its checks gave what Keras gives.

    Args:
        versions: of the packages that made the firmware.
        preset, fingerprint: of the autoencoder.
        bit_operations: of the network, as HGQ2 counts them.
        inputs: fields, and the codes by which the network sees them; their bounds are those of the codes alone.
        numbers: of the word, the first one in the lowest bits.
        score: whether the last one estimates the error.
        saturation: at twice the range.
        comparison: with packers.
    """

    versions: dict[str, str]
    preset: str
    fingerprint: str
    bit_operations: int
    inputs: tuple[CodeRecord, ...]
    numbers: tuple[Number, ...]
    score: bool
    saturation: Saturation
    comparison: EncoderComparison
