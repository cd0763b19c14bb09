"""What the command prints of an export of firmware: the main lines of its report."""

from __future__ import annotations

from collections.abc import Iterator

from atlas_keras.firmware.records import Errors, FirmwareReport


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
    for check in report.checks:
        name = check.tool if check.tool == check.subject else f"{check.tool}, {check.subject}"
        if check.simulated:
            yield f"{name}: {check.vectors:,} jets, 0 mismatches ({check.version})"
        else:
            yield f"{name}: simulated: false, {check.reason}"
    r = report.resources
    counts = ", ".join(f"{n} {kind}" for kind, n in r.counts.items())
    yield f"{r.tool}: {f'{counts} ({r.version})' if r.synthesized else r.reason}"


def _means(errors: Errors) -> str:
    return ", ".join(f"{name} {value:.2g}" for name, value in errors.mean.items())
