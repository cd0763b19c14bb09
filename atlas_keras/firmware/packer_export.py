"""Write a packer into one folder, as Verilog and C++ with vectors and a report, checked before it appears."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import atlas_keras
from atlas_keras import extras
from atlas_keras.checksum import list_files
from atlas_keras.errors import ConfigError, ExportError
from atlas_keras.firmware.comparison import compare
from atlas_keras.firmware.emulation import bench, cpp
from atlas_keras.firmware.field_code import FieldCode
from atlas_keras.firmware.hardware_format import Field, Hardware, read_hardware
from atlas_keras.firmware.litert_decoder import NAME, check_litert, litert_decoder
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.page import write_page
from atlas_keras.firmware.planning import Radix, prove, truncated
from atlas_keras.firmware.records import Check, FieldRecord, FirmwareReport
from atlas_keras.firmware.rtl import latency, verilog
from atlas_keras.firmware.tools import SIMULATORS, choose_tools, simulate, synthesize
from atlas_keras.firmware.variables import read_jets, to_hardware
from atlas_keras.firmware.vectors import make_vectors, write_vectors
from atlas_keras.output import check_free, whole_folder, write_json
from atlas_keras.schema_files import to_toml

MARKER, KIND = "decoder.json", "folder of firmware"
N_JETS, MAX_JETS = 10_000, 100_000  # of the sample; of files
Floats = NDArray[np.float64]


def export_packer(
    out: str | Path,
    hardware: str | Path | Hardware,
    *,
    bound: str = "",
    radix: Radix = "bits",
    data: Sequence[str | Path] | None = None,
    tools: Sequence[str] | None = None,
    n_random: int = 20_000,
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
    check_free(out, force=force, marker=MARKER, kind=KIND)
    if n_random < 1:
        raise ConfigError(f"There is at least one random vector. Received: {n_random}")
    jets = to_hardware(form, read_jets(data, MAX_JETS if data else N_JETS))
    vectors = make_vectors(form, jets, n_random)
    try:
        with whole_folder(out, MARKER, KIND, force=force) as folder, tempfile.TemporaryDirectory() as scratch:
            rows = np.concatenate(list(vectors.values()))
            _write(folder, packer, rows)
            report = FirmwareReport(
                **_described(packer),
                comparison=compare(packer, jets),
                vectors={name: len(part) for name, part in vectors.items()},
                checks=(
                    *(simulate(name, folder, Path(scratch), len(rows), wanted=name in chosen) for name in SIMULATORS),
                    *(_litert(folder, packer, rows) if litert else ()),
                ),
                resources=synthesize(folder, Path(scratch), wanted="yosys" in chosen),
                files=list_files(folder),
            )
            write_json(folder / "report.json", report.to_dict())
            write_page(folder / "report.html", report)
    except OSError as error:
        raise ExportError(f"{out}: the export cannot be written ({error.strerror or error})") from error
    return report


def _write(folder: Path, packer: Packer, rows: NDArray[np.int64]) -> None:
    """Write all but the report."""
    texts = {
        "rtl": verilog(packer),
        "bench": {"packer_tb.v": bench(packer.hardware, packer.word_bits, latency(packer), len(rows))},
        "emulation": cpp(packer, len(rows)),
        ".": {"hardware.toml": to_toml(packer.hardware)},
    }
    for name, parts in texts.items():
        (folder / name).mkdir(exist_ok=True)
        for file, text in parts.items():
            (folder / name / file).write_text(text, encoding="utf-8")
    (folder / "vectors").mkdir()
    write_vectors(folder / "vectors" / "vectors.hex", packer.hardware, rows, packer.encode(rows), packer.word_bits)
    write_json(folder / MARKER, packer.to_dict())


def _litert(folder: Path, packer: Packer, rows: NDArray[np.int64]) -> Iterator[Check]:
    """Write the decoder as a LiteRT file, and yield its check."""
    (folder / NAME).write_bytes(litert_decoder(packer))
    yield check_litert(folder / NAME, packer, packer.encode(rows))


def _described(packer: Packer) -> dict[str, Any]:
    """Return what a report says of the packer itself."""
    form = packer.hardware
    return {
        "description": f"{form.title}: {form.bits} bits of a jet in a word of {packer.word_bits}",
        "atlas_keras": atlas_keras.__version__,
        "hardware": form.title,
        "source": form.source,
        "radix": packer.radix,
        "bits": form.bits,
        "word_bits": packer.word_bits,
        "latency": latency(packer),
        "initiation_interval": 1,
        "fields": tuple(_field(field, code) for field, code in zip(form.fields, packer.codes, strict=True)),
    }


def _field(field: Field, code: FieldCode) -> FieldRecord:
    return FieldRecord(
        name=field.name,
        variable=field.variable,
        unit=field.unit_of_variable,
        bits=field.bits,
        code=code.describe(),
        code_bits=code.code_bits,
        n_codes=code.n_codes,
        bound=str(field.bound),
        minimum=field.minimum,
        proof=prove(field, code),
        truncated_bits=truncated(field).code_bits,
    )
