"""Write the quantized encoder of a run into one folder, as Verilog and C++, proved equal to Keras before it appears."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

import atlas_keras
from atlas_keras import extras
from atlas_keras.checksum import list_files
from atlas_keras.errors import ConfigError, ExportError
from atlas_keras.firmware import hls4ml_project
from atlas_keras.firmware.comparison import error_of, errors_of_codes, share, summarize
from atlas_keras.firmware.encoder_litert import check_latent, litert_of_latent
from atlas_keras.firmware.encoder_page import write_encoder_page
from atlas_keras.firmware.encoder_records import EncoderComparison, EncoderReport, InputRecord
from atlas_keras.firmware.encoder_rtl import TOP, encoder_bench, write_cpp, write_verilog
from atlas_keras.firmware.hardware_format import Hardware
from atlas_keras.firmware.litert_decoder import NAME
from atlas_keras.firmware.records import Check
from atlas_keras.firmware.saturation import prove_saturation
from atlas_keras.firmware.tools import SIMULATORS, choose_tools, simulate, synthesize
from atlas_keras.firmware.trigger_encoder import TriggerEncoder
from atlas_keras.firmware.vectors import make_vectors, write_vectors
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.hardware_codes import HardwareCodes
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.models.prediction import predict
from atlas_keras.output import check_free, whole_folder, write_json
from atlas_keras.schema_files import to_toml

MARKER, KIND = "encoder.json", "folder of firmware"
MAX_JETS = 100_000  # of the run's data, for the vectors
MAX_WORK = 9e8  # bit operations that Icarus simulates where Verilator, far faster, simulates all: a minute or two
PACKAGES = ("alkaid", "hgq2", "keras")
Rows = NDArray[np.float32]
Integers = NDArray[np.int64]


def export_encoder(
    model: JetAutoencoder,
    out: str | Path,
    *,
    train: Rows,
    test: Rows,
    hardware: Hardware | None = None,
    hls: bool = False,
    litert: bool = False,
    tools: Sequence[str] | None = None,
    n_random: int = 100_000,
    force: bool = False,
) -> EncoderReport:
    """Write firmware of a quantized encoder, and prove that it computes what Keras computes, bit for bit.

    Every vector is run by Keras, by alkaid's interpreter, by the Verilog and by the C++ in the programs that are there,
    and by hls4ml's emulation if it is written. Of a large network Icarus runs evenly chosen ones, where Verilator runs
    all. Inputs of twice the range prove that nothing wraps.

    Args:
        model: an autoencoder of the architecture `trigger`.
        out: folder to write: `rtl/`, `bench/`, `emulation/`, `vectors/`, `hls/`, `hardware.toml`, `encoder.json`,
            `decoder.keras`, `report.json` and `report.html`.
        train, test: splits of the run, shape `(n_jets, n_columns)`; at most 100,000 of them become vectors. Errors are
            those of the test split.
        hardware: a format that has to be the one of the encoder; None takes whichever that is.
        hls: write an HLS project by hls4ml, too.
        litert: write `decoder.tflite`, too, by which `JetDecoder` decodes words.
        tools: programs that check the export, as of `export_packer`.
        n_random: number of random vectors, over the whole range of the hardware.
        force: replace a folder of firmware of an encoder that is there.

    Returns:
        What `report.json` holds.

    Raises:
        ConfigError: another hardware format, an unknown tool, or a word of more than 64 bits.
        ExportError: another architecture, no simulator, firmware that does not compute what Keras computes, a range
            that wraps, or a folder that cannot be written. Nothing is left behind.
        MissingExtraError: HGQ2, alkaid or hls4ml is not installed.
        RunError: the folder exists.
    """
    out = Path(out)
    check_convertible(model)
    extras.require("hgq", "alkaid", *(["hls4ml"] if hls else []), *(["ai_edge_litert"] if litert else []))
    chosen = choose_tools(tools)
    check_free(out, force=force, marker=MARKER, kind=KIND)
    if n_random < 1:
        raise ConfigError(f"There is at least one random vector. Received: {n_random}")
    encoder = TriggerEncoder.of(model.get_layer("encoder"))
    if hardware not in (None, encoder.hardware):
        raise ConfigError(f"the encoder was trained for another hardware format, {encoder.hardware.title}")
    layer = model.get_layer("encoder").get_layer("codes")
    rows = hardware_rows(model, np.concatenate([test, train])[:MAX_JETS])
    vectors = make_vectors(encoder.hardware, rows, n_random)
    try:
        with whole_folder(out, MARKER, KIND, force=force) as folder, tempfile.TemporaryDirectory() as scratch:
            everything = np.concatenate(list(vectors.values()))
            latent = encoder.latent(everything)
            latency = _write(folder, encoder, model, everything, latent)
            checks = _check(encoder, folder, Path(scratch), everything, latent, chosen, hls=hls)
            if litert:
                (folder / NAME).write_bytes(litert_of_latent(model, encoder.word))
                checks = (*checks, check_latent(folder / NAME, model, encoder.word, latent))
            report = EncoderReport(
                **_described(encoder, model),
                latency=latency,
                saturation=prove_saturation(encoder, encoder.scaled(rows)),
                comparison=_compare(encoder, model, rows[: len(test)], layer),
                vectors={name: len(part) for name, part in vectors.items()},
                checks=checks,
                resources=synthesize(folder, Path(scratch), wanted="yosys" in chosen, top=TOP),
                files=list_files(folder),
            )
            write_json(folder / "report.json", report.to_dict())
            write_encoder_page(folder / "report.html", report)
    except OSError as error:
        raise ExportError(f"{out}: the export cannot be written ({error.strerror or error})") from error
    return report


def check_convertible(model: JetAutoencoder) -> None:
    """Refuse an autoencoder whose encoder cannot become firmware.

    Raises:
        ExportError: another architecture.
    """
    name = model.facts.architecture
    if not ARCHITECTURES[name].for_firmware:
        known = ", ".join(a.name for a in ARCHITECTURES.values() if a.for_firmware)
        raise ExportError(
            f"an encoder of the architecture {name!r} cannot be converted to firmware: it computes with floats; "
            f"train one with --preset {known}"
        )


def hardware_rows(model: JetAutoencoder, jets: Rows) -> Integers:
    """Return the whole numbers that hardware has of jets, as the first layers of the encoder make them.

    Args:
        model: of the architecture `trigger`.
        jets: shape `(n_jets, n_columns)`.
    """
    encoder = model.get_layer("encoder")
    layer = encoder.get_layer("codes")
    assert isinstance(layer, HardwareCodes)
    variables = predict(keras.Model(encoder.input, layer.input), jets).astype(np.float64)
    return np.stack(
        [f.integers(column * layer.factor(f)) for f, column in zip(layer.hardware.fields, variables.T, strict=True)],
        axis=1,
    )


def _write(folder: Path, encoder: TriggerEncoder, model: JetAutoencoder, rows: Integers, latent: Any) -> int:
    """Write all but the report and the HLS project, and return the latency."""
    for name in ("rtl", "bench", "emulation", "vectors"):
        (folder / name).mkdir()
    latency = write_verilog(encoder, folder / "rtl")
    (folder / "bench" / f"{TOP}_tb.v").write_text(encoder_bench(encoder, latency, len(rows)), encoding="utf-8")
    write_cpp(encoder, folder / "emulation", len(rows))
    words = encoder.word.pack(latent)
    write_vectors(folder / "vectors" / "vectors.hex", encoder.hardware, rows, words, encoder.word.bits)
    (folder / "hardware.toml").write_text(to_toml(encoder.hardware), encoding="utf-8")
    model.get_layer("decoder").save(folder / "decoder.keras")
    codes = [code.to_dict() for code in encoder.codes]
    write_json(folder / MARKER, {**encoder.word.to_dict(), "hardware": encoder.hardware.to_dict(), "codes": codes})
    return latency


def _check(
    encoder: TriggerEncoder,
    folder: Path,
    scratch: Path,
    rows: Integers,
    latent: Any,
    chosen: Sequence[str],
    *,
    hls: bool,
) -> tuple[Check, ...]:
    """Let all programs run all vectors, some of them at a time; Icarus evenly chosen ones, where it would take long."""
    scaled = encoder.scaled(rows)
    interpreted = encoder.logic.predict(scaled, n_threads=1)
    if wrong := int((interpreted != latent).any(axis=1).sum()):
        raise ExportError(f"alkaid: its interpreter is not what Keras computes ({wrong} of {len(rows)} words differ)")
    some = math.ceil(len(rows) * encoder.bit_operations / MAX_WORK) if "verilator" in chosen else 1
    strides = {"icarus": max(some, 1)}
    with ThreadPoolExecutor(2) as beside:
        run = partial(simulate, folder=folder, n_vectors=len(rows), top=TOP)
        found = [
            beside.submit(run, name, scratch=_made(scratch / name), wanted=name in chosen, stride=strides.get(name, 1))
            for name in SIMULATORS
        ]
        if hls:
            last = hls4ml_project.write_hls4ml(encoder, folder / "hls", _made(scratch / "hls"), scaled, latent)
        else:
            last = hls4ml_project.NOT_ASKED
        interpreter = Check("alkaid", "interpreter", f"alkaid {version('alkaid')}", True, "", len(rows))
        return (interpreter, *(check.result() for check in found), last)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _compare(encoder: TriggerEncoder, model: JetAutoencoder, rows: Integers, layer: HardwareCodes) -> EncoderComparison:
    """Compare what the decoder makes of the words with what packers do."""
    fields, bits = encoder.hardware.fields, encoder.word.bits
    decoder = model.get_layer("decoder")
    variables = keras.Model(decoder.input, decoder.get_layer("codes_inverse").output)
    back = predict(variables, encoder.latent(rows).astype(np.float32)).astype(np.float64)
    errors = []
    for field, column, integers in zip(fields, back.T, rows.T, strict=True):
        value = column * layer.factor(field)
        errors.append(error_of(field, integers, (value * np.abs(value) if field.square else value) / field.lsb))
    n_bits = sum(code.code_bits for code in encoder.codes)
    return EncoderComparison(
        n_jets=len(rows),
        encoder=summarize(fields, errors, bits),
        codes=errors_of_codes(fields, encoder.codes, rows, n_bits),
        truncation=errors_of_codes(fields, share(fields, bits, rows), rows, bits),
    )


def _described(encoder: TriggerEncoder, model: JetAutoencoder) -> dict[str, Any]:
    """Return what a report says of the encoder itself."""
    form = encoder.hardware
    return {
        "description": f"{form.title}: {form.bits} bits in, {len(encoder.word.numbers)} numbers in a word of "
        f"{encoder.word.bits} out",
        "atlas_keras": atlas_keras.__version__,
        "versions": {name: version(name) for name in PACKAGES},
        "preset": model.facts.preset,
        "fingerprint": fingerprint(model),
        "hardware": form.title,
        "source": form.source,
        "bits": form.bits,
        "word_bits": encoder.word.bits,
        "initiation_interval": 1,
        "bit_operations": encoder.bit_operations,
        "inputs": tuple(
            InputRecord(
                f.name, f.variable, f.unit_of_variable, f.bits, c.describe(), c.code_bits, str(f.bound), f.minimum
            )
            for f, c in zip(form.fields, encoder.codes, strict=True)
        ),
        "numbers": encoder.word.numbers,
        "score": bool(getattr(model.objective, "score", False)),
    }
