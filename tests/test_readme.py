"""The numbers of the README and of the guides are those that the benchmarks wrote."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "docs" / "results.md").read_text()
GUIDES = {path.stem: path.read_text() for path in (ROOT / "docs" / "guides").glob("*.md")}
METHODS = {  # of docs/quality.md: as docs/results.md calls them
    "E = p": "formula E = p, pt, eta, phi kept",
    "E = sqrt(p^2 + (c pt)^2)": "formula E = sqrt(p^2 + (c pt)^2), the rest kept",
    "published, PyTorch": "published recipe in plain PyTorch",
    "published": "preset `published`",
    "kinematic": "preset `kinematic`",
    "folded": "preset **`folded`**",
}


def cells(text, name):
    """Find the row of a table by its first cell; give the others as numbers."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    found = [cell.strip(" *").replace(",", "") for cell in row.strip("|").split("|")[1:]]
    return [float(cell.removesuffix("%")) / (100 if cell.endswith("%") else 1) for cell in found]


@pytest.mark.parametrize("method", METHODS)
def test_results_are_those_of_the_benchmark(method):
    measured = cells((ROOT / "docs" / "quality.md").read_text(), method)
    assert cells(RESULTS, METHODS[method]) == pytest.approx(measured, rel=0.05, abs=1e-12)


def test_speed_is_that_of_the_benchmark():
    text = (ROOT / "docs" / "speed.md").read_text().partition("## encode, 1 thread")[2]
    sentence = RESULTS[RESULTS.index("As LiteRT files") : RESULTS.index("(speed.md)")]
    measured = []
    for method in ("kinematic, LiteRT", "folded, LiteRT", "published, PyTorch"):
        one, _, many, _ = cells(text, method)
        measured += [one, many]
    said = [float(number) for number in re.findall(r"([0-9.]+) (?:us|million)", sentence)]
    assert said == pytest.approx(measured, rel=0.05)


def test_evaluation_is_that_of_the_benchmark():
    text = (ROOT / "docs" / "evaluation.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| folded | 1,000,000 |"))
    wall, _, memory = (float(cell) for cell in row.strip("| ").split("|")[2:])
    said = re.search(r"take (\d+) s and ([0-9.]+) GiB", GUIDES["physicist"])
    assert said is not None
    assert [float(said[1]), float(said[2])] == pytest.approx([wall, memory], rel=0.05)


WHOLE_FILES = {  # rows of docs/whole_files.json: as the guide calls them
    "nano_tt_v12.root": "NanoAOD, ttbar, 200 events",
    "scouting_nano.root": "NanoAOD of scouting, 40 events",
    "nano_dy.root": "NanoAOD, Drell-Yan, 40 events",
    "DAOD_PHYSLITE_ttbar_small.root": "DAOD_PHYSLITE, ttbar, 100 events",
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_whole_files_are_those_of_the_benchmark(name):
    files = json.loads((ROOT / "docs" / "whole_files.json").read_text())["files"]
    (found,) = (file for file in files if file["file"] == name)
    said = cells(GUIDES["data_manager"], WHOLE_FILES[name])
    names = ("n_columns", "source_of_these_columns", "rounded_parquet", "ours")
    assert said[:4] == [found[key] for key in names]
    assert said[4] == pytest.approx(found["ours"] / found["rounded_parquet"], abs=1e-3)


def test_the_readme_has_the_bytes_of_a_whole_file():
    sentence = " ".join(README[README.index("A NanoAOD file of") : README.index("\n\n## Start")].split())
    columns, source, rival, ours, _ = cells(GUIDES["data_manager"], WHOLE_FILES["nano_tt_v12.root"])
    assert [float(number.replace(",", "")) for number in re.findall(r"[0-9][0-9,]*", sentence)] == [
        columns,
        source,
        ours,
        rival,
    ]


EXPORTS = {  # rows of the table of exports: preset and file
    "`kinematic`, LiteRT float32": ("kinematic", "autoencoder.tflite"),
    "`kinematic`, LiteRT `--quantize float16`": ("kinematic", "autoencoder.float16.tflite"),
    "`kinematic`, LiteRT `--quantize dynamic`": ("kinematic", "autoencoder.dynamic.tflite"),
    "`kinematic`, LiteRT `--quantize int8`": ("kinematic", "autoencoder.int8.tflite"),
    "`folded`, LiteRT float32": ("folded", "autoencoder.tflite"),
    "SavedModel, both presets": ("folded", "saved_model"),
}


@pytest.mark.parametrize("row", EXPORTS)
def test_parity_is_that_of_the_manifests(row):
    preset, name = EXPORTS[row]
    manifest = json.loads((ROOT / "exports" / preset / "manifest.json").read_text())
    (export,) = (export for export in manifest["exports"] if export["name"] == name)
    largest = []
    for data in ("test", "extreme"):
        for variables in (("E",), ("pt",), ("eta", "phi")):
            figures = export["parity"][data].values()
            largest.append(max(found["from_keras"]["max"][variable] for found in figures for variable in variables))
    assert cells(GUIDES["trigger"], row) == pytest.approx(largest, rel=0.05)


MASS = ("ours, entropy", "1e-3,mass=1e-2")
CODINGS = {  # of docs/rate_distortion.md: as the guide calls them
    "truncated floats, zstd-19": "truncated floats and zstd-19, the usual way today",
    "uniform integers, zstd-19": "uniform integers and zstd-19",
    "blosc2": "blosc2, its best filters",
    "zfp": "zfp",
    "SZ3": "SZ3",
    "ours, parquet, zstd-19": "`--coding parquet`",
    "ours, entropy": "**`--coding entropy`**",
}


@pytest.mark.parametrize("method", CODINGS)
def test_sizes_are_those_of_the_benchmark(method):
    text = (ROOT / "docs" / "rate_distortion.md").read_text()
    assert cells(GUIDES["data_manager"], CODINGS[method]) == pytest.approx(cells(text, method), abs=0.02)
    document = json.loads((ROOT / "docs" / "rate_distortion.json").read_text())
    mass = [r["bits"] for r in document["files"][0]["results"] if (r["method"], r["bound"]) == MASS]
    assert f"`entropy` takes {mass[0]:.2f} bits at 1e-3" in GUIDES["data_manager"]


def test_firmware_is_that_of_the_benchmark():
    document = json.loads((ROOT / "docs" / "firmware.json").read_text())
    report = document["packers"]["cms-phase2, 1e-2"]["report"]
    text = GUIDES["trigger"].partition("## Firmware")[2].replace("\n", " ")
    said = re.search(r"the (\d+) bits .* into (\d+), .* in (\d+) clock edges .* take (\d+)\.", text)
    assert said is not None
    figures = (report[key] for key in ("bits", "word_bits", "latency"))
    assert [int(number) for number in said.groups()] == [*figures, report["comparison"]["truncation_bits"]]
    assert 90 <= report["resources"]["counts"]["LUT"] <= 110


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)h#][^)]*)\)", README))
def test_links_lead_to_files(link):
    assert (ROOT / link).exists()
