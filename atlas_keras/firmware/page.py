"""The page of an export of firmware, one HTML file that needs no network: a packer's, and what all share."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from atlas_keras.firmware.records import Errors, ExportReport, FieldRecord, FirmwareReport
from atlas_keras.html_page import contents, notice, number, page, paragraph, section, table

READ = """from atlas_keras import Packer

packer = Packer.read("decoder.json")
words = packer.encode(integers)  # of the hardware, (n_jets, {n}): {names}
jets = packer.decode(words)  # (n_jets, {n}): {variables}"""
SHARED = "shared so that the worst mean error is smallest in terms of its bound"  # bits, by truncation
ERRORS = "from what the hardware had, relative or absolute as the bound says"
SIMULATE = """iverilog -g2005 -o sim rtl/*.v bench/{top}_tb.v && vvp -n sim
g++ -std=c++17 -O2 {flags}-o check emulation/check.cpp && ./check
python emulation/golden.py"""
Chapters = Sequence[tuple[str, str, Callable[[Any], Iterator[str]]]]  # of a page: name, title, and what tells it


def write_page(path: Path, report: FirmwareReport) -> None:
    """Write the page of a report of a packer."""
    how = "codes beside each other" if report.radix == "bits" else "mixed radix"
    facts = [("word", f"{report.bits} bits of a jet in {report.word_bits}, {how}")]
    chapters = [
        ("fields", "Fields and bounds", _fields),
        ("truncation", "Beside truncation", _truncation),
        *last_chapters(_use),
    ]
    title = f"{report.hardware}: {report.bits} bits in {report.word_bits}"
    write_chapters(path, report, title, [*facts, *shared_facts(report, {})], chapters)


def write_chapters(
    path: Path, report: ExportReport, title: str, facts: Sequence[tuple[str, str]], chapters: Chapters
) -> None:
    """Write a page: its title, its facts, whether it was simulated, and its chapters.

    Args:
        path: to write.
        report: what it is about.
        title: in a line.
        facts: names and what they are.
        chapters: in order.
    """
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        table([], [list(fact) for fact in facts], kind="facts"),
        simulated(report),
        contents([(name, title) for name, title, _ in chapters]),
    ]
    for name, heading, tell in chapters:
        parts += [section(name, heading), *tell(report)]
    path.write_text(page(f"atlas_keras: {report.hardware}", parts), encoding="utf-8")


def shared_facts(report: ExportReport, versions: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the facts of every export; `versions` are those of the packages that made it, beside this one."""
    made = {"atlas_keras": report.atlas_keras, **versions}
    return [
        (
            "latency",
            f"{report.latency} clock edges, from the one that takes the fields to the one that brings the word",
        ),
        ("initiation interval", f"{report.initiation_interval}: new fields at every clock edge"),
        ("hardware format", report.source),
        ("made by", ", ".join(f"{name} {number}" for name, number in made.items())),
    ]


def last_chapters(use: Callable[[Any], Iterator[str]]) -> Chapters:
    """Return the chapters with which every page ends, of which `use` tells how to use the firmware."""
    return [
        ("checks", "Simulation", _checks),
        ("resources", "Resources", _resources),
        ("use", "How to use it", use),
        ("files", "Files", _files),
    ]


def simulate_again(top: str, flags: str = "") -> Iterator[str]:
    """Tell how to simulate an export again; `flags` are of the compiler."""
    yield paragraph("Simulate it again, in this folder:")
    yield f"<pre>{html.escape(SIMULATE.format(top=top, flags=flags))}</pre>"


def simulated(report: ExportReport) -> str:
    """Tell whether the Verilog was simulated, and by which programs; how many vectors one ran that did not run all."""
    n = sum(report.vectors.values())
    if ran := [check for check in report.checks if check.simulated and check.subject == "verilog"]:
        names = [check.tool + (f" ({check.vectors:,} of them)" if check.vectors < n else "") for check in ran]
        return notice(
            "good", f"Simulated: {n:,} vectors, every word that of the golden model, by {' and '.join(names)}.", []
        )
    return notice("bad", "Nobody has simulated this firmware.", ["simulated: false stands in report.json."])


def _fields(report: FirmwareReport) -> Iterator[str]:
    """Bits in and out, codes, and proofs."""
    yield paragraph(
        "A bound is the largest error between what the hardware had and what comes back. It is proved by encoding and "
        "decoding every value of the field, with the golden model that the firmware is compared with."
    )
    head = ["", "bits", "codes", "code", "bound", "from", "values tried", "largest error", "at"]
    yield table(head, [_row(field) for field in report.fields])
    below = [f.variable for f in report.fields if f.minimum and f.proof.kept_below]
    if below:
        yield paragraph(f"The bound of {', '.join(below)} holds below its minimum as well, though it is not promised.")
    if report.radix == "mixed":
        yield paragraph(
            f"With a mixed radix the codes share the {report.word_bits} bits of the word; the bits are what each would "
            "take by itself."
        )


def _row(field: FieldRecord) -> list[str]:
    unit = "" if field.unit == "1" else f" {field.unit}"
    return [
        f"{field.variable} ({field.name})" if field.variable != field.name else field.name,
        f"{field.bits} → {field.code_bits}",
        f"{field.n_codes:,}",
        field.code,
        field.bound,
        f"{field.minimum:g}{unit}" if field.minimum else "all",
        f"{field.proof.n_values:,}",
        number(field.proof.largest_error),
        f"{number(field.proof.at, 4)}{unit}" if field.proof.largest_error else "–",
    ]


def _truncation(report: FirmwareReport) -> Iterator[str]:
    """What dropping low bits does with as many bits, and what it needs."""
    c = report.comparison
    yield paragraph(
        f"Dropping low bits needs {c.truncation_bits} bits for the same bounds; this word has {report.word_bits}. With "
        f"as many, {SHARED}, truncation does this to {c.n_jets:,} jets. Errors are {ERRORS}."
    )
    head = ["", "bound", "packer: bits", "mean", "largest", "truncation: bits", "mean", "largest", "bits for the bound"]
    rows = [
        [f.variable, f.bound, *_errors(c.packer, f.variable), *_errors(c.truncation, f.variable), str(f.truncated_bits)]
        for f in report.fields
    ]
    yield table(head, rows)


def _errors(errors: Errors, variable: str) -> list[str]:
    return [str(errors.field_bits[variable]), number(errors.mean[variable]), number(errors.max[variable])]


def _checks(report: ExportReport) -> Iterator[str]:
    """Which program has run how many vectors."""
    kinds = "; ".join(f"{name}: {n:,}" for name, n in report.vectors.items())
    yield paragraph(
        f"Vectors: {kinds}. The test bench gives the firmware a jet at every clock edge and compares the word exactly "
        f"{report.latency} edges later, so another latency or initiation interval fails as a wrong word does."
    )
    rows = [
        [
            c.tool,
            c.subject,
            "yes" if c.simulated else f"no, {c.reason}",
            f"{c.vectors:,}",
            "0" if c.simulated else "–",
            c.version,
        ]
        for c in report.checks
    ]
    yield table(["", "of", "simulated", "vectors", "mismatches", "version"], rows)


def _resources(report: ExportReport) -> Iterator[str]:
    """What a synthesis counts."""
    r = report.resources
    if not r.synthesized:
        yield paragraph(f"Not synthesized: {r.tool} was {r.reason}.")
        return
    yield table(list(r.counts), [[str(n) for n in r.counts.values()]])
    yield paragraph(f"Counted by {r.tool}; {r.version}. No clock is promised: nothing was placed and routed.")


def _use(report: FirmwareReport) -> Iterator[str]:
    """Commands and Python."""
    names = ", ".join(field.name for field in report.fields)
    variables = ", ".join(f.variable + ("" if f.unit == "1" else f" [{f.unit}]") for f in report.fields)
    yield from simulate_again("packer")
    yield paragraph("Words to jets, in Python; decoder.json has all that another program needs:")
    yield f"<pre>{html.escape(READ.format(n=len(report.fields), names=names, variables=variables))}</pre>"


def _files(report: ExportReport) -> Iterator[str]:
    """Checksums."""
    rows = [[name, f"{file.bytes:,}", file.sha256[:16] + "…"] for name, file in report.files.items()]
    yield table(["", "bytes", "sha256"], rows)
