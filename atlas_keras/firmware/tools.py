"""Programs that firmware is checked with: simulators and a compiler, which compare every word, and a synthesis."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from atlas_keras.errors import ConfigError, ExportError, reason_of
from atlas_keras.firmware.records import Check, Resources
from atlas_keras.suggestions import suggest

HANG = 1800  # seconds: the end of a program that waits for ever
SYNTHESIS = "synth_xilinx -family xcup -flatten -noiopad -top packer"
KINDS = {  # of the cells that yosys counts
    "LUT": r"LUT\d|INV", "FF": r"FD\w+", "SRL": r"SRL\w+", "CARRY": r"CARRY\d", "MUX": r"MUXF\d", "DSP": r"DSP\w+",
    "BRAM": r"RAMB\w+",
}  # fmt: skip


@dataclass(frozen=True)
class Simulator:
    """A program that runs all vectors and says PASS.

    Args:
        program: its name on PATH.
        package: of Debian.
        version: arguments that make it tell its version.
        subject: what it runs, `verilog` or `c++`.
        build: its command line in the folder of an export, from the Verilog files and a folder for what it makes.
        run: what it has built, from that folder.
    """

    program: str
    package: str
    version: str
    subject: str
    build: Callable[[Sequence[str], Path], list[str]]
    run: Callable[[Path], list[str]]


BENCH = "bench/packer_tb.v"
SIMULATORS = {
    "icarus": Simulator(
        "iverilog", "iverilog", "-V", "verilog",
        lambda rtl, scratch: ["iverilog", "-g2005", "-o", str(scratch / "sim"), *rtl, BENCH],
        lambda scratch: ["vvp", "-n", str(scratch / "sim")],
    ),
    "verilator": Simulator(
        "verilator", "verilator", "--version", "verilog",
        lambda rtl, scratch: [
            "verilator", "--binary", "-j", "1", "-Wno-fatal", "-Wno-lint", "-Wno-style", "--top-module", "packer_tb",
            "--Mdir", str(scratch / "verilated"), *rtl, BENCH,
        ],
        lambda scratch: [str(scratch / "verilated" / "Vpacker_tb")],
    ),
    "c++": Simulator(
        "g++", "g++", "--version", "c++",
        lambda rtl, scratch: ["g++", "-std=c++17", "-O2", "-o", str(scratch / "check"), "emulation/check.cpp"],
        lambda scratch: [str(scratch / "check")],
    ),
}  # fmt: skip
TOOLS = (*SIMULATORS, "yosys")


def choose_tools(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return which programs are going to check an export: those that are asked for, or all that are installed.

    Args:
        names: of `TOOLS`; none of them checks nothing. None means those that are installed.

    Raises:
        ConfigError: an unknown name.
        ExportError: one is asked for that is not installed; or none is, of those that simulate Verilog.
    """
    if names is None:
        found = tuple(name for name in TOOLS if shutil.which(_program(name)))
        if not any(name in found and simulator.subject == "verilog" for name, simulator in SIMULATORS.items()):
            raise ExportError(
                "no simulator of Verilog is installed: `apt-get install iverilog`, or write what nobody has simulated "
                "with --tools none"
            )
        return found
    for name in names:
        if name not in TOOLS:
            raise ConfigError(f"Unknown tool {name!r}; {suggest(name, TOOLS)}")
        if shutil.which(_program(name)) is None:
            raise ExportError(f"{name} is not installed: `apt-get install {_package(name)}`")
    return tuple(dict.fromkeys(names))


def _program(name: str) -> str:
    return SIMULATORS[name].program if name in SIMULATORS else name


def _package(name: str) -> str:
    return SIMULATORS[name].package if name in SIMULATORS else name


def simulate(name: str, folder: Path, scratch: Path, n_vectors: int, *, wanted: bool) -> Check:
    """Let a program run all vectors of an export.

    Args:
        name: of `SIMULATORS`.
        folder: of the export.
        scratch: for what it builds.
        n_vectors: how many there are.
        wanted: whether it is to run.

    Raises:
        ExportError: a word differs, or the program fails.
    """
    simulator = SIMULATORS[name]
    if not wanted:
        return Check(name, simulator.subject, "", False, _why_not(name), 0)
    rtl = sorted(path.relative_to(folder).as_posix() for path in (folder / "rtl").glob("*.v"))
    _run(name, simulator.build(rtl, scratch), folder)
    said = _run(name, simulator.run(scratch), folder, check=False)
    if not re.search(rf"^PASS: {n_vectors} words\b", said, re.MULTILINE):
        lines = [line for line in said.splitlines() if re.match("vector|FAIL", line)] or ["it does not say PASS"]
        raise ExportError(f"{name}: the firmware is not what the golden model computes ({'; '.join(lines)})")
    return Check(name, simulator.subject, _version([simulator.program, simulator.version]), True, "", n_vectors)


def synthesize(folder: Path, scratch: Path, *, wanted: bool) -> Resources:
    """Count what the firmware takes, with yosys.

    Args:
        folder: of the export.
        scratch: for what it writes.
        wanted: whether it is to run.

    Raises:
        ExportError: the program fails.
    """
    if not wanted:
        return Resources(f"yosys, {SYNTHESIS}", "", False, _why_not("yosys"), {})
    counted = scratch / "counted.json"
    script = f"read_verilog rtl/*.v; {SYNTHESIS}; tee -q -o {counted} stat -json"
    _run("yosys", ["yosys", "-q", "-p", script], folder)
    by_type = json.loads(counted.read_text())["modules"]["\\packer"]["num_cells_by_type"]
    counts = {kind: sum(n for t, n in by_type.items() if re.fullmatch(name, t)) for kind, name in KINDS.items()}
    return Resources(f"yosys, {SYNTHESIS}", _version(["yosys", "-V"]), True, "", counts)


def _why_not(name: str) -> str:
    return "not asked for" if shutil.which(_program(name)) else f"not installed (apt-get install {_package(name)})"


def _version(command: list[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG).stdout
    return said.partition("\n")[0].strip()


def _run(name: str, command: list[str], folder: Path, *, check: bool = True) -> str:
    """Run a program in the folder of an export and return what it says.

    Raises:
        ExportError: it fails, and that is to be checked.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=HANG)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"{name}: does not run ({reason_of(error)})") from error
    if check and done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or ["no reason given"]
        raise ExportError(f"{name}: fails ({lines[0].strip()})")
    return done.stdout
