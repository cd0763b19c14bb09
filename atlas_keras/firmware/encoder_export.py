"""Write the quantized encoder of a run into one folder, as Verilog and C++, proved equal to Keras before it appears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from atlas_keras import extras
from atlas_keras.errors import ConfigError, ExportError
from atlas_keras.firmware import export_folder
from atlas_keras.firmware.encoder_checks import check_encoder
from atlas_keras.firmware.encoder_comparison import Rows, compare_encoder, hardware_rows
from atlas_keras.firmware.encoder_litert import check_latent, litert_of_latent
from atlas_keras.firmware.encoder_page import write_encoder_page
from atlas_keras.firmware.encoder_records import EncoderReport
from atlas_keras.firmware.encoder_rtl import TOP, write_cpp, write_verilog
from atlas_keras.firmware.golden import GOLDEN, golden_encoder
from atlas_keras.firmware.hardware_format import Hardware
from atlas_keras.firmware.litert_decoder import NAME
from atlas_keras.firmware.records import CodeRecord
from atlas_keras.firmware.saturation import prove_saturation
from atlas_keras.firmware.tools import choose_tools, synthesize
from atlas_keras.firmware.trigger_encoder import Integers, TriggerEncoder
from atlas_keras.firmware.vectors import make_vectors
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.output import write_json

MAX_JETS = 100_000  # of the run's data, for the vectors
PACKAGES = ("alkaid", "hgq2", "keras")


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

    Every vector is run by Keras, by the golden model in NumPy that is written, by alkaid's interpreter, by the Verilog
    and the C++ in the programs that are there, and by hls4ml's emulation if it is written. Of a large network Icarus
    runs evenly chosen ones, where Verilator runs all. Inputs of twice the range prove that nothing wraps.

    Args:
        model: an autoencoder of the architecture `trigger`.
        out: folder to write: `rtl/`, `bench/`, `emulation/`, `vectors/`, `hls/`, `hardware.toml`, `decoder.json`,
            `decoder.keras`, `report.json` and `report.html`.
        train, test: splits of the run, shape `(n_jets, n_columns)`; at most 100,000 of them become vectors. Errors are
            those of the test split.
        hardware: a format that has to be the one of the encoder; None takes whichever that is.
        hls: write an HLS project by hls4ml, too.
        litert: write `decoder.tflite`, too, by which `JetDecoder` decodes words.
        tools: programs that check the export, as of `export_packer`.
        n_random: number of random vectors, over the whole range of the hardware.
        force: replace a folder of firmware that is there.

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
    export_folder.check_request(out, n_random, force=force)
    encoder = TriggerEncoder.of(model.get_layer("encoder"))
    if hardware not in (None, encoder.hardware):
        raise ConfigError(f"the encoder was trained for another hardware format, {encoder.hardware.title}")
    jets = hardware_rows(model, np.concatenate([test, train])[:MAX_JETS])
    vectors = make_vectors(encoder.hardware, jets, n_random)
    with export_folder.firmware_folder(out, force=force) as (folder, scratch):
        comparison = compare_encoder(encoder, model, jets[: len(test)])
        saturation = prove_saturation(encoder, encoder.scaled(jets))
        build = partial(EncoderReport, **_described(encoder, model), comparison=comparison, saturation=saturation)
        return _fill(folder, scratch, encoder, model, vectors, chosen, build, hls=hls, litert=litert)


def _fill(
    folder: Path,
    scratch: Path,
    encoder: TriggerEncoder,
    model: JetAutoencoder,
    vectors: dict[str, Integers],
    chosen: Sequence[str],
    build: Callable[..., EncoderReport],
    *,
    hls: bool,
    litert: bool,
) -> EncoderReport:
    """Write everything, let programs check it, and return the report, which `build` makes of what comes out here."""
    rows = np.concatenate(list(vectors.values()))
    latent = encoder.latent(rows)
    latency = _write(folder, encoder, model, rows, latent)
    checks = check_encoder(encoder, folder, scratch, rows, latent, chosen, hls=hls)
    if litert:
        (folder / NAME).write_bytes(litert_of_latent(model, encoder.word))
        checks.append(check_latent(folder / NAME, model, encoder.word, latent))
    build = partial(
        build,
        **export_folder.described(encoder.hardware, encoder.word.bits, vectors),
        latency=latency,
        checks=tuple(checks),
        resources=synthesize(folder, scratch, wanted="yosys" in chosen, top=TOP),
    )
    return export_folder.write_report(folder, write_encoder_page, build)


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


def _write(folder: Path, encoder: TriggerEncoder, model: JetAutoencoder, rows: Integers, latent: Any) -> int:
    """Write all but the report, the HLS project and the LiteRT decoder; return the latency."""
    hardware, codes, word = encoder.hardware, encoder.codes, encoder.word
    export_folder.write_texts(folder / "emulation", {GOLDEN: golden_encoder(hardware, codes, encoder.layers, word)})
    write_cpp(encoder, folder / "emulation", len(rows))
    (folder / "rtl").mkdir()
    latency = write_verilog(encoder, folder / "rtl")
    export_folder.write_vectors_and_bench(folder, TOP, hardware, word.bits, latency, rows, word.pack(latent))
    model.get_layer("decoder").save(folder / "decoder.keras")
    of_fields = {"hardware": hardware.to_dict(), "codes": [code.to_dict() for code in codes]}
    write_json(folder / export_folder.MARKER, {**word.to_dict(), **of_fields})
    return latency


def _described(encoder: TriggerEncoder, model: JetAutoencoder) -> dict[str, Any]:
    """Return what a report says of the encoder itself."""
    form, word = encoder.hardware, encoder.word
    return {
        "description": f"{form.title}: {form.bits} bits in, {len(word.numbers)} numbers in a word of {word.bits} out",
        "versions": {name: version(name) for name in PACKAGES},
        "preset": model.facts.preset,
        "fingerprint": fingerprint(model),
        "bit_operations": encoder.bit_operations,
        "inputs": tuple(map(CodeRecord.of, form.fields, encoder.codes)),
        "numbers": word.numbers,
        "score": bool(getattr(model.objective, "score", False)),
    }
