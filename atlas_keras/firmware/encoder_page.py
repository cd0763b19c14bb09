"""The page of an export of an encoder: one HTML file that needs nothing from the network."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from atlas_keras.firmware.encoder_records import EncoderReport
from atlas_keras.firmware.page import ERRORS, SHARED, last_chapters, shared_facts, simulate_again, write_chapters
from atlas_keras.html_page import number, paragraph, table

READ = """import keras
import atlas_keras
from atlas_keras.firmware.latent_word import LatentWord

latent = LatentWord.read("decoder.json").unpack(words)  # (n, {n})
decoder = keras.saving.load_model("decoder.keras")
jets = decoder.predict(latent)"""


def write_encoder_page(path: Path, report: EncoderReport) -> None:
    """Write the page of a report."""
    facts = [
        ("word", f"{report.bits} bits in, {len(report.numbers)} numbers in {report.word_bits} bits out"),
        ("bit operations", f"{report.bit_operations:,}, as HGQ2 counts them"),
        ("preset", f"{report.preset}, model {report.fingerprint[:16]}…"),
    ]
    chapters = [
        ("inputs", "Fields and codes", _inputs),
        ("word", "The word", _word),
        ("packers", "Beside packers", _packers),
        ("saturation", "Beyond the range", _saturation),
        *last_chapters(_use),
    ]
    title = f"{report.hardware}: {report.bits} bits in, {report.word_bits} out"
    write_chapters(path, report, title, [*facts, *shared_facts(report, report.versions)], chapters)


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
        f"Mean errors of {c.n_jets:,} of the test split, {ERRORS}: from the word of {c.encoder.bits} bits by the float "
        f"decoder; from the codes alone, {c.codes.bits} bits, within guaranteed bounds; and from {c.truncation.bits} "
        f"bits by dropping low ones, {SHARED}."
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
    yield from simulate_again("encoder", "-Iemulation/ap_types ")
    yield paragraph(
        "Words to jets, in Python. The network in rtl/ and emulation/network.hh is written by alkaid, whose modules "
        "are under LGPL-3; emulation/ap_types/ is AMD's, under Apache 2."
    )
    yield f"<pre>{html.escape(READ.format(n=len(report.numbers)))}</pre>"
