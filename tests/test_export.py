"""The export command: what it writes, and one clear sentence for everything that cannot be."""

import errno
import importlib.util
import json
import math
import shutil
from pathlib import Path

import pytest

from atlas_keras import export
from atlas_keras.serving import artifacts, open_export, read_metadata
from atlas_keras.serving.extremes import extreme_jets
from tests.moments import HANG, begin
from tests.refusals import refused
from tests.schemas import check_schema

RUNS = {preset: Path(__file__).parents[1] / "exports" / preset / "run" for preset in ("folded", "kinematic")}


@pytest.fixture(autouse=True)
def extremes(monkeypatch, precisions_of):
    """Draw a thousand extreme jets, and note how many were asked for: `tests/serving` compares with many."""
    asked = []

    def draw(facts, train, n_jets):
        asked.append(n_jets)
        return extreme_jets(1000, facts.unit)

    monkeypatch.setattr(artifacts, "extreme_rows", draw)
    monkeypatch.setattr(artifacts, "Precisions", precisions_of)
    return asked


def fails(capfd, *arguments, code=1):
    return refused(export.main, arguments, capfd, code)


def test_it_exports_times_and_says_what_it_wrote(tmp_path, capfd, extremes, monkeypatch):
    """With a version folder, and a SavedModel that is timed in a process of its own, here for two threads alone."""
    assert artifacts.THREADS == (1, 2)
    monkeypatch.setattr(artifacts, "THREADS", (2,))
    out = tmp_path / "new" / "out"
    arguments = [str(RUNS["kinematic"]), "--out", str(out), "--serving-version", "7"]
    assert export.main(arguments) == 0
    shown = capfd.readouterr()
    assert "saved_model/7: " in shown.out
    assert "decoder.tflite: 1" in shown.out
    assert shown.out.splitlines()[-1] == f"exports: {out}"
    assert shown.err == ""
    manifest = json.loads((out / "manifest.json").read_text())
    check_schema("manifest", manifest)
    assert sorted(open_export(out / "saved_model" / "7")) == ["decode", "encode", "reconstruct"]
    assert read_metadata(out / "saved_model" / "7")["fingerprint"] == manifest["fingerprint"]
    assert manifest["parity_data"]["data_files"][0]["name"] == "qcd_jets.csv.gz"
    assert manifest["parity_data"]["n_jets"] == {"test": 2071, "extreme": 1000}
    assert extremes == [100_000]
    timed = [export for export in manifest["exports"] if export["speed"]]
    assert len(timed) == 3
    for entry in timed:
        assert [speed["threads"] for speed in entry["speed"]] == [2]
        for speed in entry["speed"]:
            for name in entry["signatures"]:
                if name != "reconstruct":
                    assert 0 < speed[name]["one_jet_us"] < math.inf
                    assert 0 < speed[name]["jets_per_second"] < math.inf
    assert "out: exists already" in fails(capfd, *arguments)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--formats=tflit", "Unknown format 'tflit'; did you mean 'tflite'?"),
        ("--formats=", "Name at least one format of: saved_model, tflite, onnx"),
        ("--quantize=int9", "Unknown quantization 'int9'; did you mean 'int8'?"),
        ("--quantize=zfp", "Unknown quantization 'zfp'; known: none, float16"),
        ("--tolerance=0", "--tolerance is a positive number. Received: 0.0"),
        ("--serving-version=0", "--serving-version is a positive number. Received: 0"),
        ("--batch=0", "A batch has 1 to 65536 jets. Received: 0"),
    ],
)
def test_bad_usage_is_exit_code_2(tmp_path, capfd, option, message):
    assert message in fails(capfd, RUNS["folded"], "--out", tmp_path / "out", option, code=2)
    assert not list(tmp_path.iterdir())


def test_quantization_needs_litert(tmp_path, capfd):
    arguments = [RUNS["folded"], "--out", tmp_path / "out", "--formats", "saved_model", "--quantize", "int8"]
    assert "add tflite to the formats" in fails(capfd, *arguments, code=2)


def test_a_run_without_a_model(tmp_path, capfd):
    run = tmp_path / "run"
    assert f"{run}: no run folder with a model" in fails(capfd, run, "--out", tmp_path / "out")
    run.mkdir()
    shutil.copy(RUNS["folded"] / "config.json", run)
    assert f"{run}: no run folder with a model" in fails(capfd, run, "--out", tmp_path / "out")
    (run / "model.keras").write_bytes(b"half a mod")
    assert "model.keras: no .keras file, or one that is" in fails(capfd, run, "--out", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_data_that_moved(tmp_path, capfd):
    run = tmp_path / "run"
    shutil.copytree(RUNS["folded"], run)
    config = json.loads((run / "config.json").read_text())
    config["data"]["paths"] = ["gone.csv"]
    (run / "config.json").write_text(json.dumps(config))
    assert "gone.csv: no such file; the run was trained on it: say with --data" in fails(
        capfd, run, "--out", tmp_path / "out"
    )


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("ai_edge_litert", (), "edge"),
        ("tf2onnx", ("--formats", "onnx"), "onnx"),
        ("onnxruntime", ("--formats", "onnx"), "onnx"),
        ("ai_edge_quantizer", ("--quantize", "int8"), "quantize"),
    ],
)
def test_a_missing_extra(tmp_path, capfd, monkeypatch, package, arguments, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else find(name, *a))
    message = fails(capfd, RUNS["kinematic"], "--out", tmp_path / "out", *arguments)
    assert f"pip install '.[{extra}]'" in message
    assert not list(tmp_path.iterdir())


def test_a_tolerance_that_is_missed(tmp_path, capfd):
    arguments = ["--out", tmp_path / "out", "--formats", "onnx", "--tolerance", "1e-9"]
    message = fails(capfd, RUNS["kinematic"], *arguments)
    assert "encoder.onnx: encode is not what the Keras model computes" in message
    assert "the tolerance is 1e-09; --tolerance sets another one" in message
    assert not list(tmp_path.iterdir())


def test_the_folded_latent_is_not_quantized(tmp_path, capfd):
    message = fails(capfd, RUNS["folded"], "--out", tmp_path / "out", "--quantize", "none,float16")
    assert "Quantization 'float16' breaks the folded latent" in message
    assert "train --preset kinematic" in message
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing(tmp_path):
    """A limit on the size of files fails the write of a SavedModel as a full disk does."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    out = tmp_path / "new" / "out"
    process = begin("atlas_keras.export", [RUNS["folded"], "--out", out, "--no-timing"], tmp_path / "log", setup=limit)
    process.join(timeout=HANG)
    said = (tmp_path / "log").read_text()
    assert process.exitcode == 1, said
    assert said == f"atlas-keras export: {out}: the export cannot be written (File too large)\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.slow
def test_of_two_exports_into_one_folder_the_second_is_told(tmp_path, capfd, monkeypatch):
    """The second one begins before the first has written a file, and writes none."""
    arguments = [
        str(part) for part in (RUNS["folded"], "--out", tmp_path / "out", "--formats", "tflite", "--no-timing")
    ]
    draw, codes = artifacts.extreme_rows, []

    def begin_another(*drawn):
        codes.append(export.main([*arguments, "--force"]))
        return draw(*drawn)

    monkeypatch.setattr(artifacts, "extreme_rows", begin_another)
    assert export.main(arguments) == 0
    assert codes == [1]
    assert f"atlas-keras export: {tmp_path / 'out'}: another process is writing it\n" in capfd.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_disk_that_fills_up_later_leaves_nothing(tmp_path, capfd, monkeypatch):
    def write(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    message = fails(capfd, RUNS["folded"], "--out", tmp_path / "out", "--formats", "onnx")
    assert message.endswith(f"{tmp_path / 'out'}: the export cannot be written (No space left on device)\n")
    assert not list(tmp_path.iterdir())
