"""What the pages show runs: every command is one that its parser takes, every block of Python is run, in slow tests."""

import argparse
import ast
import functools
import importlib.util
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import atlas_keras
from atlas_keras import read_events, write_events
from atlas_keras.data.samples import sample_file
from atlas_keras.presets import PRESETS
from tests.data.small_files import write_ttree
from tests.pages import PAGES, ROOT, blocks_of, run, run_command
from tests.quick import leave_out_plots

RUN_ELSEWHERE = {"cpp", "js"}  # tests/test_snippets.py
CLUSTER = "needs a cluster"
SHORTER = {"max_trials=10": "max_trials=2"}  # as `shorten_presets` does: what runs, not what it reaches
(FIRST,) = (call for block in blocks_of(ROOT / "docs" / "index.md") for call in block.commands)
PARQUET = ("--coding", "parquet", "--bound", "1e-3")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


WITH_CODE = [page for page in PAGES if blocks_of(page)]


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_commands_are_understood(page):
    """Their parsers take them: an option that is renamed fails here."""
    for block in blocks_of(page):
        for module, arguments in block.commands:
            parser = argparse.ArgumentParser(exit_on_error=False)
            importlib.import_module(module).add_arguments(parser)
            parser.parse_args(arguments)


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_no_language_is_left_out(page):
    """Tests run each block of code."""
    for block in blocks_of(page):
        if block.language == "json":
            json.loads(block.code)
        else:
            assert block.language in {"python", "console"} | RUN_ELSEWHERE, block


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_python_is_sound_and_names_what_there_is(page):
    for block in blocks_of(page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.code)):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    assert node.value.id != "atlas_keras" or node.attr in {*atlas_keras.__all__, "data"}, node.attr
                if isinstance(node, ast.ImportFrom) and node.module == "atlas_keras":
                    assert {alias.name for alias in node.names} <= set(atlas_keras.__all__)


def test_the_reference_has_every_public_name_once():
    text = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    named = re.findall(r"^\.\. auto(?:class|function):: atlas_keras\.(\w+)$", text, re.MULTILINE)
    assert sorted(named) == sorted(set(atlas_keras.__all__) - {"__version__"})


def test_the_reference_has_every_command():
    from atlas_keras.__main__ import COMMANDS

    text = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r":func: (\w+)", text) == [*(name.replace("-", "_") for name in COMMANDS), "search"]


def shorten_presets(patch):
    """Train two epochs: this is about commands that run, not about what they reach."""
    for name, values in PRESETS.items():
        patch.setitem(PRESETS, name, {**values, "training": {**values["training"], "epochs": 2}})


class Asked(dict):
    """The plots of an evaluation: none, until one is asked for by its name."""

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def __missing__(self, name):
        return self.draw()[name]


@pytest.fixture(scope="module")
def folder_of_a_reader(tmp_path_factory, small_file):
    """Make what the pages speak of: files of jets and of events, and the run of the first command."""
    folder = tmp_path_factory.mktemp("reader")
    batch = next(read_events(small_file))
    for name in ("jets.csv.gz", "more_jets_1.csv.gz", "mine.parquet"):
        write_events([batch], folder / name)
    write_nanoaod(folder / "nanoaod.root")
    for name in ("events.root", "other_jets.root", "nano/1.root", "nano/2.root"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "nanoaod.root", folder / name)
    (folder / "jets").mkdir()
    for name in ("1.csv.gz", "2.csv.gz"):
        shutil.copy(folder / "jets.csv.gz", folder / "jets" / name)
    for name in ("exports", "exports/folded", "exports/kinematic"):
        os.symlink(ROOT / name, folder / Path(name).name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        leave_out_plots(patch.setattr)
        shorten_presets(patch)
        run_command(*FIRST)
        for name in ("a.akc", "b.akc"):
            run_command("atlas_keras.compress", ["events.root", name])
        run_command("atlas_keras.compress", ["events.root", "events.parquet", "--coding", "parquet"])
        run_command("atlas_keras.compress", ["runs/first", "jets.csv.gz", "jets.parquet", *PARQUET])
    return folder


def write_nanoaod(path):
    """Write a file of 300 events with the jets of the sample, and with what else NanoAOD has."""
    jets = ak.from_parquet(sample_file("substructure"))[:300]
    n = len(jets)
    counts = ak.to_numpy(ak.num(jets["Jet_pt"])).filled()
    columns = {
        name.removeprefix("Jet_"): ak.unflatten(ak.to_numpy(ak.flatten(jets[name])).filled(), counts)
        for name in jets.fields
        if name.startswith("Jet_")
    }
    event = {
        "run": np.full(n, 1, np.uint32),
        "luminosityBlock": np.ones(n, np.uint32),
        "event": np.arange(n, dtype=np.uint64),
        "HLT_PFJet40": np.arange(n) % 3 > 0,
    }
    tau = ak.zip({"pt": ak.unflatten(np.full(n, 25, np.float32), np.ones(n, int))})
    write_ttree(path, {"Jet": ak.zip(columns), "Tau": tau, **event})


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_pages_run(page, folder_of_a_reader, tmp_path, monkeypatch, request):
    """From the top to the bottom, each page in a folder of its own with the same files."""
    from atlas_keras.evaluation.evaluation import Evaluation  # TensorFlow and plots: the quick tests do without
    from atlas_keras.serving import artifacts

    draw = Evaluation.plots
    leave_out_plots(monkeypatch.setattr)
    folder = tmp_path / "folder"
    shutil.copytree(folder_of_a_reader, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(Evaluation, "plots", lambda self: Asked(functools.partial(draw, self)))
    prove = functools.partial(artifacts.export_autoencoder, n_extreme=1000, timing=False)
    monkeypatch.setattr(artifacts, "export_autoencoder", prove)
    shorten_presets(monkeypatch)
    names = {}
    for block in map(shortened, blocks_of(page)):
        if block.mark == CLUSTER:
            block = at_cluster(block, request.getfixturevalue("cluster"))
        elif block.mark.startswith("needs ") and importlib.util.find_spec(block.mark[6:].replace("-", "_")) is None:
            continue
        if FIRST not in block.commands:  # the fixture has run that
            run(block, names)


def shortened(block):
    code = block.code
    for long, short in SHORTER.items():
        code = code.replace(long, short)
    return replace(block, code=code)


def at_cluster(block, address):
    """Return a block that goes to a cluster of these tests where it goes to one of the reader."""
    code = re.sub(r"--scheduler \S+", f"--scheduler {address}", block.code)
    assert code != block.code
    return replace(block, code=code)
