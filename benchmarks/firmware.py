"""Packers of a trigger's jets: bits, proofs, resources and parity, beside dropped low bits and beside a network.

    python -m benchmarks.firmware FILE

FILE has real jets. Each packer is exported and checked by every program that is installed, and once more with a million
random jets by those that are fast. The network is the preset `kinematic` in float32, its latent stored in as many bits.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras import JetDecoder, JetEncoder, export_packer, kinematics
from atlas_keras.firmware.comparison import compare
from atlas_keras.firmware.hardware_format import Hardware, read_hardware
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.packer_export import MAX_JETS
from atlas_keras.firmware.records import Errors, FirmwareReport
from atlas_keras.firmware.variables import VARIABLES, read_jets, to_hardware
from benchmarks.results import table, write

DESIGNS = {  # hardware format, bounds, radix
    "cms-phase2, 1e-2": ("cms-phase2", "1e-2,mass=1e-1", "bits"),
    "cms-phase2, 1e-3": ("cms-phase2", "1e-3,mass=1e-2", "bits"),
    "cms-phase2, 1e-2, mixed radix": ("cms-phase2", "1e-2,mass=1e-1", "mixed"),
    "cms-phase2, 1e-3, mixed radix": ("cms-phase2", "1e-3,mass=1e-2", "mixed"),
    "atlas-jfex, 1e-2": ("atlas-jfex", "1e-2", "bits"),
}
COMPARED = "cms-phase2, 1e-2"
WITHOUT_MASS = "2e-3"  # for which pt, phi and eta alone take as many bits
N_RANDOM = 1_000_000
FAST = ("verilator", "c++")
EXPORTS = Path(__file__).parents[1] / "exports" / "kinematic"
Floats = NDArray[np.float64]
Measured = tuple[FirmwareReport, FirmwareReport, float]
Network = tuple[dict[str, float], tuple[int, ...]]


BODY = """
`atlas-keras export --formats verilog --hardware NAME --bound LIST` writes firmware that packs the fields of a jet into
one word of fixed length. *Truncation* drops low bits, as many as the same bounds allow. Bounds are proved by encoding
and decoding every value of every field; where a format has a minimum (20 GeV for pt), truncation has to keep its bound
only above it, and these packers keep it below, too. *Words compared*: those of {n_jets:,} jets of FILE
(`{file}`), of extremes, of every value of every field and of {n_random:,} random jets, by
{fast}; the other programs compare them with 20,000 random jets. *Built* is the time of one export with its checks, on
one core. LUT and the rest are counted by yosys; nothing was placed and routed, and no clock is promised.

{designs}

By {tools}.

A format is a TOML file of fields, lowest bits first: `name`, `bits`, `lsb`, `unit`, `signed`, `wrap` for angles,
`square` where the hardware has m^2 and the `variable` is m, `minimum`, `bound`. Two of jets ship with the package,
[cms-phase2](../atlas_keras/firmware/hardware/cms-phase2.toml) and
[atlas-jfex](../atlas_keras/firmware/hardware/atlas-jfex.toml), and one of events, for an [encoder](encoders.md): its
word is too long for a packer; `--hardware FILE.toml` takes another. A bound narrower
than half an LSB is refused. `decoder.json` of an export has all that a decoder needs; `atlas_keras.Packer` reads it.
`--formats verilog,tflite` adds `decoder.tflite`, by which `atlas_keras.JetDecoder` decodes words; other programs give
its signature `decode` the bytes of each.

## At equal bits

{n_jets:,} jets of FILE in {bits} bits: bits of each field, and mean errors from what the hardware had (pt and mass
relative). Dropped bits are shared so that the worst of the mean errors, measured in bounds, is smallest. The network is
the preset `kinematic`, trained on the sample, four variables to three numbers, in float32 and not in firmware; its
latent is cut evenly over the range that these very jets have, into as many bits, shared so that the worst error of pt,
phi and eta is smallest. The last row packs pt, phi and eta alone, within {without_mass}.

{compared}

A network from four numbers to three stores pt, phi and eta, and loses the mass. Shifts that lose the mass, too, come
near its errors of the other three: its range is that of these jets, and theirs that of the hardware, for all of which
they guarantee a bound, and it none. For words of fixed length within hard bounds, learning has nothing to shorten: the
bits follow from the range and the bound of each field. Networks belong where a number is wanted that no field has, such
as a score of a whole event.

## Proofs

{proofs}
"""
DESIGN = ("packer", "bits in", "truncation", "**word**", "clock edges", "LUT", "SRL", "FF", "DSP", "BRAM")
PARITY = ("simulated by", "words compared", "mismatches", "built [CPU s]")
PROOF = ("packer", "variable", "code", "bound", "values tried", "largest error")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def measure(name: str, file: str, folder: Path) -> Measured:
    """Export a packer, and again with many random jets; return both reports, and CPU seconds of the first."""
    hardware, bound, radix = DESIGNS[name]
    options: dict[str, Any] = {"bound": bound, "radix": radix, "data": [file]}
    begun = cpu_seconds()
    report = export_packer(folder / "usual", hardware, force=True, **options)
    took = cpu_seconds() - begun
    long = export_packer(folder / "long", hardware, tools=FAST, n_random=N_RANDOM, force=True, **options)
    return report, long, took


def network(hardware: Hardware, jets: Floats, bits: int) -> Network:
    """Return mean errors of the network, whose latent is stored in so many bits, and how many each number has.

    Each number of the latent is cut evenly between its smallest and its largest value among these very jets; the bits
    are shared so that the worst mean error of pt, phi and eta is smallest.
    """
    encoder, decoder = JetEncoder(EXPORTS / "encoder.tflite"), JetDecoder(EXPORTS / "decoder.tflite")
    mev = np.array([1e3, 1e3, 1.0, 1.0])
    before = physical(hardware, to_hardware(hardware, jets))
    latent = encoder(before * mev).astype(np.float64)
    low, high = latent.min(0), latent.max(0)
    best: tuple[float, dict[str, float], tuple[int, ...]] | None = None
    for shared in itertools.product(range(bits // 3 - 3, bits // 3 + 5), repeat=3):
        if sum(shared) != bits:
            continue
        steps = (high - low) / (2.0 ** np.array(shared))
        cells = np.clip(np.floor((latent - low) / steps), 0, 2.0 ** np.array(shared) - 1)
        found = mean_errors(hardware, before, decoder((low + (cells + 0.5) * steps).astype(np.float32)) / mev)
        worst = max(found[name] for name in ("pt", "phi", "eta"))
        if best is None or worst < best[0]:
            best = worst, found, shared
    assert best is not None
    return best[1:]


def physical(hardware: Hardware, rows: NDArray[np.int64]) -> Floats:
    """Return E, pt [GeV], eta, phi [rad] of what the hardware has."""
    values = {f.variable: f.values(column) for f, column in zip(hardware.fields, rows.T, strict=True)}
    E = kinematics.energy(values["pt"], values["eta"], values["mass"])
    return np.stack([E, values["pt"], values["eta"], values["phi"]], axis=1)


def mean_errors(hardware: Hardware, before: Floats, after: Floats) -> dict[str, float]:
    """Return the mean error of each variable, as its bound counts; a mass of 0 has none."""
    errors = {}
    for field in hardware.fields:
        x, y = (VARIABLES[field.variable](*jets.T) for jets in (before, after.astype(np.float64)))
        difference = np.abs(kinematics.delta_phi(y, x) if field.wrap else y - x)
        kept = x > 0.25 if field.bound.kind == "relative" else np.ones(len(x), bool)
        errors[field.variable] = float((difference[kept] / (x[kept] if field.bound.kind == "relative" else 1)).mean())
    return errors


def design_row(name: str, report: FirmwareReport, long: FirmwareReport, took: float) -> list[Any]:
    """Return the row of a packer: bits, resources, and what was simulated."""
    counts = report.resources.counts
    used = [str(counts[kind]) if counts else "–" for kind in ("LUT", "SRL", "FF", "DSP", "BRAM")]
    ran = [check.tool for check in report.checks if check.simulated and check.subject in ("verilog", "c++")]
    vectors = max(check.vectors for check in (*report.checks, *long.checks))
    bits = [str(report.bits), str(report.comparison.truncation_bits), str(report.word_bits)]
    return [name, *bits, str(report.latency), *used, ", ".join(ran), f"{vectors:,}", "0", f"{took:.0f}"]


def proof_rows(name: str, report: FirmwareReport) -> list[list[Any]]:
    """Return the rows of a packer's proofs."""
    return [[name, f.variable, f.code, f.bound, f"{f.proof.n_values:,}", f.proof.largest_error] for f in report.fields]


def without_mass(hardware: Hardware, jets: Floats) -> Errors:
    """Return the errors of a packer that packs no mass."""
    fields = tuple(field for field in hardware.fields if field.variable != "mass")
    kept = Hardware(hardware.title, hardware.source, fields).bounded(WITHOUT_MASS)
    return compare(Packer.plan(kept), to_hardware(kept, jets)).packer


def equal_bits(report: FirmwareReport, network: Network, three: Errors) -> str:
    """Return the table of errors at equal bits."""
    names, c = [field.variable for field in report.fields], report.comparison
    methods = {"packer": c.packer, "low bits dropped": c.truncation, "packer without the mass": three}
    rows = [
        [m, *(str(e.field_bits.get(n, 0)) for n in names), *(e.mean.get(n, "–") for n in names)]
        for m, e in methods.items()
    ]
    learned, shared = network
    rows.insert(2, ["network", " + ".join(map(str, shared)), *[""] * (len(names) - 1), *(learned[n] for n in names)])
    return table(("", *(f"{n}, bits" for n in names), *(f"{n}, mean error" for n in names)), rows)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure packers of a trigger's jets.")
    parser.add_argument("file", metavar="FILE", help="file of jets")
    file = parser.parse_args().file
    with tempfile.TemporaryDirectory() as folder:
        measured = {name: measure(name, file, Path(folder)) for name in DESIGNS}
    tell(measured, read_jets([file], MAX_JETS), Path(file).name)


def tell(measured: dict[str, Measured], jets: Floats, file: str) -> None:
    """Compare at equal bits, and write docs/firmware.md and docs/firmware.json.

    Args:
        measured: what `measure` returned of each packer.
        jets: of FILE: E, pt [GeV], eta, phi [rad].
        file: name of FILE.
    """
    hardware = read_hardware(DESIGNS[COMPARED][0]).bounded(DESIGNS[COMPARED][1])
    learned = network(hardware, jets, measured[COMPARED][0].word_bits)
    three = without_mass(hardware, jets)
    report = measured[COMPARED][0]
    body = BODY.format(
        n_jets=report.comparison.n_jets,
        file=file,
        n_random=N_RANDOM,
        fast=" and ".join(FAST),
        bits=report.word_bits,
        designs=table((*DESIGN, *PARITY), [design_row(name, *found) for name, found in measured.items()]),
        tools="; ".join([*(c.version for c in report.checks), f"{report.resources.version}, {report.resources.tool}"]),
        compared=equal_bits(report, learned, three),
        without_mass=WITHOUT_MASS,
        proofs=table(PROOF, [row for name, (found, _, _) in measured.items() for row in proof_rows(name, found)]),
    )
    packers = {
        name: {"report": found.to_dict(), "long_checks": long.to_dict()["checks"], "cpu_seconds": seconds}
        for name, (found, long, seconds) in measured.items()
    }
    figures = {
        "packers": packers,
        "network": {"latent_bits": list(learned[1]), "mean": learned[0]},
        "without_mass": three.to_dict(),
    }
    write("firmware", "Firmware", "python -m benchmarks.firmware FILE", body, figures, ["numpy", "ai-edge-litert"])


if __name__ == "__main__":
    main()
