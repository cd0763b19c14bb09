"""What the command prints of an export of firmware: the main lines of its report."""

from __future__ import annotations

from collections.abc import Iterator

from atlas_keras.firmware.encoder_records import EncoderReport
from atlas_keras.firmware.records import Errors, ExportReport, FirmwareReport


def summary(report: FirmwareReport) -> Iterator[str]:
    """Yield the lines: word, fields with proofs, truncation beside, simulation, resources."""
    yield f"{report.description}, {report.latency} clock edges, a jet at every edge"
    for f in report.fields:
        proof = f"largest error {f.proof.largest_error:.3g} of {f.proof.n_values:,} values"
        yield f"  {f.variable}: {f.bits} -> {f.code_bits} bits, {f.code}; {f.bound}, {proof}"
    c = report.comparison
    yield f"mean errors of {c.n_jets:,} jets: {_means(c.packer)}"
    yield f"  truncation to {c.truncation.bits} bits: {_means(c.truncation)}"
    yield f"  truncation within the same bounds: {c.truncation_bits} bits"
    yield from _programs(report)


def encoder_summary(report: EncoderReport) -> Iterator[str]:
    """Yield the lines of an encoder: word, errors beside packers, saturation, simulation, resources."""
    yield f"{report.description}, {report.latency} clock edges, new fields at every edge"
    c, s = report.comparison, report.saturation
    yield f"mean errors of {c.n_jets:,} of the test split: {_means(c.encoder)}"
    yield f"  a packer without a network, {c.codes.bits} bits: {_means(c.codes)}"
    yield f"  truncation to {c.truncation.bits} bits: {_means(c.truncation)}"
    yield f"twice the range of every input: {s.n_points:,} points, no number jumps, {s.quantizers} ranges saturate"
    yield from _programs(report)


def _programs(report: ExportReport) -> Iterator[str]:
    """Yield what programs said."""
    for check in report.checks:
        name = check.tool if check.tool == check.subject else f"{check.tool}, {check.subject}"
        if check.simulated:
            yield f"{name}: {check.vectors:,} vectors, 0 mismatches ({check.version})"
        else:
            yield f"{name}: simulated: false, {check.reason}"
    r = report.resources
    counts = ", ".join(f"{n} {kind}" for kind, n in r.counts.items())
    yield f"{r.tool}: {f'{counts} ({r.version})' if r.synthesized else r.reason}"


def _means(errors: Errors) -> str:
    return ", ".join(f"{name} {value:.2g}" for name, value in errors.mean.items())
