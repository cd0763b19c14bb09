"""Write a packer into one folder, as Verilog and C++ with vectors and a report, checked before it appears."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from atlas_keras import extras
from atlas_keras.firmware import export_folder
from atlas_keras.firmware.comparison import compare
from atlas_keras.firmware.emulation import cpp, hls_cpp
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.golden import GOLDEN, check_golden, golden_packer
from atlas_keras.firmware.hardware_format import Field, Hardware, read_hardware
from atlas_keras.firmware.litert_decoder import NAME, check_litert, litert_decoder
from atlas_keras.firmware.packer import Integers, Packer, Words
from atlas_keras.firmware.page import write_page
from atlas_keras.firmware.planning import Radix, prove, truncated
from atlas_keras.firmware.records import Check, FieldRecord, FirmwareReport
from atlas_keras.firmware.rtl import latency, verilog
from atlas_keras.firmware.tools import HLS, SIMULATORS, choose_tools, simulate, synthesize
from atlas_keras.firmware.variables import read_jets, to_hardware
from atlas_keras.firmware.vectors import make_vectors
from atlas_keras.output import write_json

N_JETS, MAX_JETS = 10_000, 100_000  # of the sample; of files


def export_packer(
    out: str | Path,
    hardware: str | Path | Hardware,
    *,
    bound: str = "",
    radix: Radix = "bits",
    data: Sequence[str | Path] | None = None,
    tools: Sequence[str] | None = None,
    n_random: int = 20_000,
    hls: bool = False,
    litert: bool = False,
    force: bool = False,
) -> FirmwareReport:
    """Write firmware that packs a jet of a trigger into one word of fixed length, within bounds that are proved.

    Every value of every field is encoded and decoded by the golden model, and every vector is run through the Verilog
    and the C++ by the programs that are there.

    Args:
        out: folder to write: `rtl/`, `bench/`, `emulation/`, `vectors/`, `hardware.toml`, `decoder.json` (which
            `Packer.read` reads), `report.json` and `report.html`.
        hardware: a format that ships with the package, `cms-phase2` or `atlas-jfex`, the path of a TOML file, or a
            format.
        bound: `1e-3` for all fields that are not exact, `mass=1e-2` or `eta=exact` for one, with commas; what it does
            not name has the bound of the format.
        radix: `bits`, where each code has bits of its own, by shifts; or `mixed`: fewer bits, by multiplications.
        data: files of jets for the vectors, at most 100,000 of them; None means 10,000 of the shipped sample.
        tools: programs that check the export, of `icarus`, `verilator`, `c++` and `yosys`; None means all that are
            installed, of which one has to simulate Verilog. What none has simulated says so in the report.
        n_random: number of random vectors.
        hls: write `hls/`, too: C++ for high-level synthesis, which a compiler of C++ checks and nothing synthesizes.
        litert: write `decoder.tflite`, too, which decodes words; this needs TensorFlow and ai-edge-litert.
        force: replace a folder of firmware that is there.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: an unknown format, radix or tool, nonsense in a format, a bound that cannot be, or more than 64
            bits.
        ExportError: no simulator, firmware that does not compute what the golden model computes, or a folder that
            cannot be written. Nothing is left behind.
        JetDataError: files that cannot be read.
        MissingExtraError: ai-edge-litert is not installed, and is needed.
        RunError: the folder exists.
    """
    out = Path(out)
    form = hardware if isinstance(hardware, Hardware) else read_hardware(hardware)
    packer = Packer.plan(form.bounded(bound) if bound else form, radix)
    chosen = choose_tools(tools)
    if litert:
        extras.require("ai_edge_litert")
    export_folder.check_request(out, n_random, force=force)
    jets = to_hardware(form, read_jets(data, MAX_JETS if data else N_JETS))
    with export_folder.firmware_folder(out, force=force) as (folder, scratch):
        return _fill(folder, scratch, packer, jets, make_vectors(form, jets, n_random), chosen, hls=hls, litert=litert)


def _fill(
    folder: Path,
    scratch: Path,
    packer: Packer,
    jets: Integers,
    vectors: dict[str, Integers],
    chosen: Sequence[str],
    *,
    hls: bool,
    litert: bool,
) -> FirmwareReport:
    """Write everything, let programs check it, and return the report."""
    form, rows = packer.hardware, np.concatenate(list(vectors.values()))
    words = packer.encode(rows)
    _write(folder, packer, rows, words, hls=hls)
    build = partial(
        FirmwareReport,
        **export_folder.described(form, packer.word_bits, vectors),
        description=f"{form.title}: {form.bits} bits of a jet in a word of {packer.word_bits}",
        radix=packer.radix,
        latency=latency(packer),
        fields=tuple(map(_field, form.fields, packer.codes)),
        comparison=compare(packer, jets),
        checks=_check(folder, scratch, packer, rows, words, chosen, hls=hls, litert=litert),
        resources=synthesize(folder, scratch, wanted="yosys" in chosen),
    )
    return export_folder.write_report(folder, write_page, build)


def _write(folder: Path, packer: Packer, rows: Integers, words: Words, *, hls: bool) -> None:
    """Write all but the report and the LiteRT decoder."""
    export_folder.write_texts(folder / "rtl", verilog(packer))
    export_folder.write_texts(folder / "emulation", {**cpp(packer, len(rows)), GOLDEN: golden_packer(packer)})
    if hls:
        export_folder.write_texts(folder / "hls", hls_cpp(packer, len(rows)))
    export_folder.write_vectors_and_bench(
        folder, "packer", packer.hardware, packer.word_bits, latency(packer), rows, words
    )
    write_json(folder / export_folder.MARKER, packer.to_dict())


def _check(
    folder: Path,
    scratch: Path,
    packer: Packer,
    rows: Integers,
    words: Words,
    chosen: Sequence[str],
    *,
    hls: bool,
    litert: bool,
) -> tuple[Check, ...]:
    """Let all programs run all vectors."""
    checks = [check_golden(folder, packer.hardware, rows, words)]
    checks += [simulate(name, folder, scratch, len(rows), wanted=name in chosen) for name in SIMULATORS]
    if hls:
        checks.append(simulate("c++", folder, scratch, len(rows), wanted="c++" in chosen, simulator=HLS))
    if litert:
        (folder / NAME).write_bytes(litert_decoder(packer))
        checks.append(check_litert(folder / NAME, packer, words))
    return tuple(checks)


def _field(field: Field, code: FieldCode) -> FieldRecord:
    proof = prove(field, code)
    return FieldRecord.of(field, code, n_codes=code.n_codes, proof=proof, truncated_bits=truncated(field).code_bits)
