"""Exports of firmware: what is written and simulated, that a wrong constant or latency fails, and bad input."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from atlas_keras import Packer, export, export_packer
from atlas_keras.errors import ConfigError, ExportError
from atlas_keras.firmware import export_folder, packer_export, page, rtl, tools
from atlas_keras.firmware.hardware_format import read_hardware
from atlas_keras.firmware.steps import Steps
from tests.firmware.small import needs_compiler, needs_icarus, needs_yosys, write_small
from tests.refusals import refused
from tests.reports import check_report
from tests.schemas import check_schema


@pytest.fixture
def small(tmp_path):
    """Return a function that exports the small format, with few random vectors."""
    hardware, jets = write_small(tmp_path)

    def export_small(name="out", **options):
        return export_packer(tmp_path / name, hardware, **{"data": [jets], "n_random": 100, **options})

    return export_small


def left(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir() if path.name not in ("small.toml", "jets.csv"))


@needs_icarus
@pytest.mark.parametrize("radix", ["bits", "mixed"])
def test_icarus_finds_every_word_right(small, tmp_path, radix):
    report = small(radix=radix, tools=["icarus"])
    golden, icarus, verilator, _ = report.checks
    assert (icarus.tool, icarus.subject, icarus.simulated, icarus.reason) == ("icarus", "verilog", True, "")
    assert golden.vectors == icarus.vectors == sum(report.vectors.values()) == 5 + 19 + 256 + 100
    assert "Icarus Verilog" in icarus.version
    assert (verilator.simulated, verilator.version, verilator.vectors) == (False, "", 0)
    assert report.word_bits == {"bits": 15, "mixed": 14}[radix]
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    check_schema("firmware", written)
    assert written == report.to_dict()
    assert f"{report.bits} bits in {report.word_bits}" in check_report(tmp_path / "out" / "report.html")
    assert set(report.files) == {
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("*.*")
        if not path.name.startswith("report")
    }
    packer = Packer.read(tmp_path / "out" / "decoder.json")
    assert (
        packer.hardware == read_hardware(tmp_path / "out" / "hardware.toml") == read_hardware(tmp_path / "small.toml")
    )
    rows, words = read_vectors(tmp_path / "out" / "vectors" / "vectors.hex", packer.hardware)
    assert (packer.encode(rows) == words).all()


def read_vectors(path, hardware):
    """Read what `$readmemh` does: fields in two's complement, and words."""
    numbers = np.array([[int(digits, 16) for digits in line.split("_")] for line in path.read_text().split()])
    bits = np.array([field.bits for field in hardware.fields])
    signed = np.array([field.signed for field in hardware.fields])
    rows = numbers[:, :-1]
    return rows - ((rows >> bits - 1 & signed) << bits), numbers[:, -1].astype(np.uint64)


@needs_compiler
@pytest.mark.parametrize("radix", ["bits", "mixed"])
def test_the_emulation_finds_every_word_right(small, radix):
    report = small(radix=radix, tools=["c++"], hls=True)
    assert [check.simulated for check in report.checks] == [True, False, False, True, True]
    assert [(check.subject, check.reason) for check in report.checks][3:] == [("c++", ""), ("hls", "")]
    assert {"hls/pack_jet.cpp", "hls/build.tcl"} <= set(report.files)


@needs_yosys
@pytest.mark.slow
def test_resources_of_the_wide_jet(tmp_path, monkeypatch):
    """With yosys alone: what the benchmark simulates at length."""
    monkeypatch.setattr(export_folder, "write_vectors", lambda *arguments: None)
    report = export_packer(tmp_path / "out", "cms-phase2", tools=["yosys"], n_random=1)
    counts = report.resources.counts
    assert 0 < counts["LUT"] + counts["SRL"] <= 120
    assert counts["DSP"] == counts["BRAM"] == 0
    assert report.latency <= 4
    assert report.initiation_interval == 1
    assert [check.tool for check in report.checks if check.simulated] == ["numpy"]
    assert "Nobody has simulated this firmware" in (tmp_path / "out" / "report.html").read_text()


def mutated(function, old, new):
    """Return a writer of Verilog that writes something else in one place."""

    def write(packer):
        files = function(packer)
        assert sum(len(re.findall(old, text)) for text in files.values()) >= 1
        return {name: re.sub(old, new, text, count=1) for name, text in files.items()}

    return write


@needs_icarus
@pytest.mark.parametrize(
    ("radix", "old", "new"),
    [
        ("bits", r"\.MANTISSA\(3\)", ".MANTISSA(2)"),
        ("bits", r"\.SHIFT\(2\)", ".SHIFT(1)"),
        ("bits", r"\{~phi\[5\]", "{phi[5]"),
        ("bits", r"x_1 >> e_1", "x_1 >> e"),
        ("bits", r"EDGES\(1\)", "EDGES(2)"),
        ("mixed", r"cell_ = 2", "cell_ = 1"),
        ("mixed", r"6'd33 \*", "6'd34 *"),
    ],
)
def test_a_wrong_constant_fails_the_export(small, tmp_path, monkeypatch, radix, old, new):
    monkeypatch.setattr(packer_export, "verilog", mutated(rtl.verilog, old, new))
    with pytest.raises(ExportError, match=r"^icarus: the firmware is not what .* \(vector \d+: .*; FAIL: \d+ of 380"):
        small(radix=radix, tools=["icarus"])
    assert left(tmp_path) == []


@needs_icarus
@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_latency_off_by_one_fails_the_export(small, tmp_path, monkeypatch, wrong):
    bench = export_folder.bench
    late = lambda *arguments: re.sub("LATENCY = 3", f"LATENCY = {3 + wrong}", bench(*arguments))  # noqa: E731
    monkeypatch.setattr(export_folder, "bench", late)
    with pytest.raises(ExportError, match="FAIL: "):
        small(tools=["icarus"])
    assert left(tmp_path) == []


@needs_icarus
def test_vectors_that_are_missing_pass_nothing(small, monkeypatch):
    """A bench that reads no file compares nothing with nothing."""
    monkeypatch.setattr(export_folder, "write_vectors", lambda path, *rest: path.write_text(""))
    with pytest.raises(ExportError, match="icarus: the firmware is not what the golden model computes"):
        small(tools=["icarus"])


@needs_icarus
def test_of_vectors_evenly_chosen_ones_can_be_run(small, tmp_path):
    """Every seventh one: a wrong word among them fails, and one beside them is not looked at."""
    report = small(tools=())
    path = tmp_path / "out" / "vectors" / "vectors.hex"
    lines = path.read_text().splitlines()

    def run(*wrong):
        told = [line[:-1] + f"{int(line[-1], 16) ^ 1:x}" if at in wrong else line for at, line in enumerate(lines)]
        path.write_text("\n".join(told) + "\n")
        return tools.simulate("icarus", tmp_path / "out", tmp_path, len(lines), wanted=True, stride=7)

    check = run(8, 379)
    assert check.vectors == 55  # of 380
    assert "Simulated: 380 vectors, every word that of the golden model, by icarus (55 of them)." in page.simulated(
        replace(report, checks=(check,))
    )
    with pytest.raises(ExportError, match=r"vector 378: .*; FAIL: 1 of 55 words differ"):
        run(378)


@needs_compiler
def test_a_wrong_emulation_fails_the_export(small, tmp_path, monkeypatch):
    monkeypatch.setattr(Steps, "cpp", lambda self: f"return x / {self.step + 1};")
    with pytest.raises(ExportError, match=r"^c\+\+: the firmware is not what .* FAIL: \d+ of 380 words differ"):
        small(tools=["c++"])
    assert left(tmp_path) == []


def test_a_golden_model_that_differs_fails_the_export(small, tmp_path, monkeypatch):
    monkeypatch.setattr(Steps, "numpy", lambda self: f"return x // {self.step} ^ 1")
    with pytest.raises(ExportError, match=r"^numpy: emulation/golden\.py is not what .* \(\d+ of 380 words differ"):
        small(tools=())
    assert left(tmp_path) == []


@needs_compiler
def test_what_does_not_compile_is_one_sentence(small, monkeypatch):
    monkeypatch.setattr(Steps, "cpp", lambda self: "return nothing;")
    with pytest.raises(ExportError, match=r"^c\+\+: fails \(.*error"):
        small(tools=["c++"])


def test_without_a_simulator(small, tmp_path, monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda program: None)
    with pytest.raises(ExportError, match="no simulator of Verilog is installed: `apt-get install iverilog`, or"):
        small()
    with pytest.raises(ExportError, match=r"^verilator is not installed: `apt-get install verilator`$"):
        small(tools=["verilator"])
    assert left(tmp_path) == []
    report = small(tools=())
    assert [check.reason for check in report.checks if not check.simulated] == [
        f"not installed: `apt-get install {name}`" for name in ("iverilog", "verilator", "g++")
    ]
    assert not report.resources.synthesized
    told = check_report(tmp_path / "out" / "report.html")
    assert "Nobody has simulated this firmware" in told
    assert "Not synthesized" in told


def test_a_verilator_that_knows_no_test_bench(small, monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda program: program if program == "verilator" else None)
    monkeypatch.setattr(tools, "_version", lambda command: "Verilator 4.038 2020-07-11")
    with pytest.raises(ExportError, match=r"^verilator is older than version 5$"):
        small(tools=["verilator"])
    with pytest.raises(ExportError, match="no simulator of Verilog"):
        small()


def test_a_folder_that_exists_stays(small, tmp_path):
    small(tools=())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    for name, options, message in (
        ("out", {}, "out: exists already"),
        ("other", {"force": True}, "exists and is no folder of firmware"),
    ):
        with pytest.raises(RuntimeError, match=message):
            small(name, tools=(), **options)
    small(tools=(), force=True, bound="0.2,mass=0.4")
    assert Packer.read(tmp_path / "out" / "decoder.json").hardware.fields[0].bound.size == 0.2


def fails(capfd, *arguments, code):
    return refused(export.main, arguments, capfd, code)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "RUN is missing, a run folder of `atlas-keras train`; --formats verilog does without"),
        (["--formats", "verilog"], "--hardware is missing: cms-phase2, atlas-jfex, or FILE.toml"),
        (["--formats", "hls"], "hls comes with verilog, by which it is proved: --formats verilog,hls"),
        (["--formats", "onnx,verilog"], "verilog and hls are firmware, which tflite adds a decoder to; export onnx by"),
        (["--formats", "verilog", "--quantize", "int8"], "--quantize is of models, not of --formats verilog"),
        (["runs/first", "--hardware", "cms-phase2"], "--hardware is of firmware: add --formats verilog"),
        (["--formats", "verilog", "--hardware", "cms"], "format 'cms', no FILE.toml; did you mean 'cms-phase2'"),
        (
            ["--formats", "verilog", "--hardware", "cms-phase2", "--tools", "icarsu"],
            "Unknown tool 'icarsu'; did you mean 'icarus'?",
        ),
        (
            ["--formats", "verilog", "--hardware", "cms-phase2", "--bound", "1e-4"],
            "The bound of pt cannot be kept: half an LSB, which the hardware itself may be off by, is 0.000781",
        ),
    ],
)  # fmt: skip
def test_bad_usage_is_one_sentence(tmp_path, capfd, arguments, message):
    assert message in fails(capfd, *arguments, "--out", tmp_path / "out", code=2)
    assert left(tmp_path) == []


def test_the_command_tells_the_main_figures(tmp_path, capfd):
    hardware, jets = write_small(tmp_path)
    options = ["--formats", "verilog", "--hardware", hardware, "--data", jets, "--tools", "none", "--bound", "0.2"]
    assert export.main([*map(str, options), "--out", str(tmp_path / "out")]) == 0
    said = capfd.readouterr().out
    assert "Small jet: 22 bits of a jet in a word of 14, 3 clock edges, a jet at every edge" in said
    assert "pt: 8 -> 5 bits, minifloat, mantissa of 2 bits; relative 0.2, largest error" in said
    assert "truncation within the same bounds: " in said
    assert "simulated: false, not " in said
    assert said.splitlines()[-1] == f"firmware: {tmp_path / 'out'}"


def test_no_random_vectors(small):
    with pytest.raises(ConfigError, match="at least one random vector"):
        small(tools=(), n_random=0)
