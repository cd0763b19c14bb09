"""The page of an export of an encoder: one HTML file that needs nothing from the network."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from atlas_keras.firmware.encoder_records import EncoderReport
from atlas_keras.firmware.page import checks, files, resources, simulated
from atlas_keras.html_page import contents, number, page, paragraph, section, table

CHAPTERS = {
    "inputs": "Fields and codes",
    "word": "The word",
    "packers": "Beside packers",
    "saturation": "Beyond the range",
    "checks": "Simulation",
    "resources": "Resources",
    "use": "How to use it",
    "files": "Files",
}
READ = """import keras
import atlas_keras
from atlas_keras.firmware.latent_word import LatentWord

latent = LatentWord.read("encoder.json").unpack(words)  # (n, {n})
decoder = keras.saving.load_model("decoder.keras")
jets = decoder.predict(latent)"""
SIMULATE = """iverilog -g2005 -o sim rtl/*.v bench/encoder_tb.v && vvp -n sim
g++ -std=c++17 -O2 -Iemulation/ap_types -o check emulation/check.cpp && ./check"""


def write_encoder_page(path: Path, report: EncoderReport) -> None:
    """Write the page of a report."""
    parts = [*_head(report), contents(list(CHAPTERS.items()))]
    tellers = (_inputs, _word, _packers, _saturation, checks, resources, _use, files)
    for name, tell in zip(CHAPTERS, tellers, strict=True):
        parts += [section(name, CHAPTERS[name]), *tell(report)]
    path.write_text(page(f"atlas_keras: {report.preset}, {report.hardware}", parts), encoding="utf-8")


def _head(report: EncoderReport) -> Iterator[str]:
    """Title, facts, and whether it was simulated."""
    facts = [
        ("word", f"{report.bits} bits in, {len(report.numbers)} numbers in {report.word_bits} bits out"),
        (
            "latency",
            f"{report.latency} clock edges, from the one that takes the fields to the one that brings the word",
        ),
        ("initiation interval", f"{report.initiation_interval}: new fields at every clock edge"),
        ("bit operations", f"{report.bit_operations:,}, as HGQ2 counts them"),
        ("preset", f"{report.preset}, model {report.fingerprint[:16]}…"),
        ("hardware format", report.source),
        ("made by", ", ".join(f"{n} {v}" for n, v in {"atlas_keras": report.atlas_keras, **report.versions}.items())),
    ]
    yield f"<h1>{html.escape(report.hardware)}: {report.bits} bits in, {report.word_bits} out</h1>"
    yield table([], [list(fact) for fact in facts], kind="facts")
    yield simulated(report)


def _inputs(report: EncoderReport) -> Iterator[str]:
    yield paragraph(
        "Each field becomes the number of its cell, as a packer has it within the same bound, and the network takes "
        "these numbers. What follows is no bound of what comes back: a network guarantees none."
    )
    rows = [
        [f.variable, f"{f.bits} → {f.code_bits}", f.code, f.bound, f"{f.minimum:g}" if f.minimum else "all", f.unit]
        for f in report.inputs
    ]
    yield table(["", "bits", "code", "bound of the code", "from", "unit"], rows)


def _word(report: EncoderReport) -> Iterator[str]:
    yield paragraph(
        "The first number stands in the lowest bits."
        + (" The last one is the score, half of the logarithm to base 2 of the expected error." if report.score else "")
    )
    rows, place = [], 0
    for index, n in enumerate(report.numbers, 1):
        last = report.score and index == len(report.numbers)
        kind = "two's complement" if n.signed else "unsigned"
        rows.append(["score" if last else f"z{index}", f"{place} to {place + n.bits - 1}", kind, f"2^-{n.fraction}"])
        place += n.bits
    yield table(["", "bits", "", "unit"], rows)


def _packers(report: EncoderReport) -> Iterator[str]:
    c = report.comparison
    yield paragraph(
        f"Mean errors of {c.n_jets:,} of the test split, from what the hardware had, relative or absolute as the "
        f"bound says: from the word of {c.encoder.bits} bits by the float decoder; from the codes alone, "
        f"{c.codes.bits} bits, within guaranteed bounds; and from {c.truncation.bits} bits by dropping low ones, "
        "shared so that the worst mean error is smallest in terms of its bound."
    )
    rows = [
        [f.variable, f.bound, *(number(errors.mean[f.variable]) for errors in (c.encoder, c.codes, c.truncation))]
        for f in report.inputs
    ]
    yield table(["", "bound of the code", "encoder", "codes alone", "truncation"], rows)


def _saturation(report: EncoderReport) -> Iterator[str]:
    s = report.saturation
    yield paragraph(
        f"All {s.quantizers} ranges of the network are monotone over twice their width. {s.n_points:,} inputs go "
        "from end to end of twice the range of each code: Keras and alkaid agree, an input beyond its range does what "
        f"its end does, and no number jumps: the largest step between neighbors is {s.largest_step:.0%} of what "
        "the weights allow. A range that wraps passes every simulation and is wrong."
    )


def _use(report: EncoderReport) -> Iterator[str]:
    yield paragraph("Simulate it again, in this folder:")
    yield f"<pre>{html.escape(SIMULATE)}</pre>"
    yield paragraph(
        "Words to jets, in Python. The network in rtl/ and emulation/network.hh is written by alkaid, whose modules "
        "are under LGPL-3; emulation/ap_types/ is AMD's, under Apache 2."
    )
    yield f"<pre>{html.escape(READ.format(n=len(report.numbers)))}</pre>"
