"""Programs that firmware is checked with: simulators and a compiler, which compare every word, and a synthesis."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atlas_keras.errors import ConfigError, ExportError, reason_of
from atlas_keras.firmware.records import Check, Resources
from atlas_keras.suggestions import suggest

FUTURE = [f"-Wfuture-{name}" for name in ("WIDTHTRUNC", "WIDTHEXPAND", "ALWNEVER")]  # of Verilator: no error if unknown
HANG = 1800  # seconds: the end of a program that waits for ever
SYNTHESIS = "synth_xilinx -family xcup -flatten -noiopad -top"
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
        version: argument that makes it tell its version.
        subject: what it runs, `verilog`, `c++` or `hls`.
        build: its command line in the folder of an export, from the top module, the Verilog files of it and of its
            test bench, a folder for what it makes, and the stride of the vectors, which is 1 where it takes all.
        run: what it has built, from the top module and that folder.
        oldest: version that can do that.
    """

    program: str
    package: str
    version: str
    subject: str
    build: Callable[[str, Sequence[str], Path, int], list[str]]
    run: Callable[[str, Path], list[str]]
    oldest: int = 0


SIMULATORS = {
    "icarus": Simulator(
        "iverilog", "iverilog", "-V", "verilog",
        lambda top, verilog, scratch, stride: [
            "iverilog", "-g2005", "-o", str(scratch / "sim"), "-s", f"{top}_tb", f"-P{top}_tb.STRIDE={stride}",
            *verilog,
        ],
        lambda top, scratch: ["vvp", "-n", str(scratch / "sim")],
    ),
    "verilator": Simulator(
        "verilator", "verilator", "--version", "verilog",
        lambda top, verilog, scratch, stride: [
            "verilator", "--binary", "-j", "1", "-Wno-fatal", "-Wno-lint", "-Wno-style", *FUTURE,
            "--top-module", f"{top}_tb", "--Mdir", str(scratch / "verilated"), *verilog,
        ],
        lambda top, scratch: [str(scratch / "verilated" / f"V{top}_tb")],
        oldest=5,  # the first one that takes a test bench in Verilog
    ),
    "c++": Simulator(
        "g++", "g++", "--version", "c++",
        lambda top, verilog, scratch, stride: [
            "g++", "-std=c++17", "-O2", "-w", "-Iemulation/ap_types", "-o", str(scratch / "check"),
            "emulation/check.cpp",
        ],
        lambda top, scratch: [str(scratch / "check")],
    ),
}  # fmt: skip
TOOLS = (*SIMULATORS, "yosys")
HLS = replace(
    SIMULATORS["c++"],
    subject="hls",
    build=lambda top, verilog, scratch, stride: [
        "g++", "-std=c++17", "-O2", "-w", "-o", str(scratch / "check"), "hls/check.cpp", "hls/pack_jet.cpp",
    ],
)  # fmt: skip


def choose_tools(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return which programs are going to check an export: those that are asked for, or all that are installed.

    Args:
        names: of `TOOLS`; none of them checks nothing. None means those that are installed.

    Raises:
        ConfigError: an unknown name.
        ExportError: one is asked for that is not installed; or none is, of those that simulate Verilog.
    """
    if names is None:
        found = tuple(name for name in TOOLS if not _missing(name))
        if not any(name in found and simulator.subject == "verilog" for name, simulator in SIMULATORS.items()):
            raise ExportError(
                "no simulator of Verilog is installed: `apt-get install iverilog`, or write what nobody has simulated "
                "with --tools none"
            )
        return found
    for name in names:
        if name not in TOOLS:
            raise ConfigError(f"Unknown tool {name!r}; {suggest(name, TOOLS)}")
        if missing := _missing(name):
            raise ExportError(f"{name} is {missing}")
    return tuple(dict.fromkeys(names))


def _missing(name: str) -> str:
    """Say why a program cannot be used; nothing where it can be."""
    simulator = SIMULATORS.get(name)
    if shutil.which(simulator.program if simulator else name) is None:
        return f"not installed: `apt-get install {simulator.package if simulator else name}`"
    if simulator and simulator.oldest:
        number = re.search(r"\d+", _version([simulator.program, simulator.version]))
        if number is None or int(number[0]) < simulator.oldest:
            return f"older than version {simulator.oldest}"
    return ""


def simulate(
    name: str,
    folder: Path,
    scratch: Path,
    n_vectors: int,
    *,
    wanted: bool,
    top: str = "packer",
    stride: int = 1,
    simulator: Simulator | None = None,
) -> Check:
    """Let a program run all vectors of an export.

    Args:
        name: of `SIMULATORS`.
        folder: of the export.
        scratch: for what it builds.
        n_vectors: how many there are.
        wanted: whether it is to run.
        top: name of the module.
        stride: of the vectors that it runs, for Icarus.
        simulator: how it does so; None means as usual.

    Raises:
        ExportError: a word differs, or the program fails.
    """
    simulator = simulator or SIMULATORS[name]
    if not wanted:
        return Check(name, simulator.subject, "", False, _missing(name) or "not asked for", 0)
    verilog = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.v"))
    _run(name, simulator.build(top, verilog, scratch, stride), folder)
    said = _run(name, simulator.run(top, scratch), folder, check=False)
    n_vectors = -(-n_vectors // stride)
    if not re.search(rf"^PASS: {n_vectors} words\b", said, re.MULTILINE):
        lines = [line for line in said.splitlines() if re.match("vector|FAIL", line)] or ["it does not say PASS"]
        raise ExportError(f"{name}: the firmware is not what the golden model computes ({'; '.join(lines)})")
    return Check(name, simulator.subject, _version([simulator.program, simulator.version]), True, "", n_vectors)


def synthesize(folder: Path, scratch: Path, *, wanted: bool, top: str = "packer") -> Resources:
    """Count what the firmware takes, with yosys.

    Args:
        folder: of the export.
        scratch: for what it writes.
        wanted: whether it is to run.
        top: name of the module.

    Raises:
        ExportError: the program fails.
    """
    called = f"{SYNTHESIS} {top}"
    if not wanted:
        return Resources(f"yosys, {called}", "", False, _missing("yosys") or "not asked for", {})
    counted = scratch / "counted.json"
    script = f"read_verilog -defer rtl/*.v; {called}; tee -q -o {counted} stat -json"
    _run("yosys", ["yosys", "-q", "-p", script], folder)
    by_type = json.loads(counted.read_text())["modules"][f"\\{top}"]["num_cells_by_type"]
    counts = {kind: sum(n for t, n in by_type.items() if re.fullmatch(name, t)) for kind, name in KINDS.items()}
    return Resources(f"yosys, {called}", _version(["yosys", "-V"]), True, "", counts)


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
