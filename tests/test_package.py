"""The package as a user meets it: fast imports and help, what the wheel holds, examples that run."""

import doctest
import importlib
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMANDS = [
    ["-m", "atlas_keras"],
    ["-m", "atlas_keras.train"],
    ["-m", "atlas_keras", "train"],
    ["-m", "atlas_keras.evaluate"],
    ["-m", "atlas_keras.export"],
    ["-m", "atlas_keras.compress"],
    ["-m", "atlas_keras.decompress"],
    ["-m", "atlas_keras.info"],
    ["-m", "tuning.search"],
]
EXAMPLES = ["codec.bounds", "data.reading", "layers.scaling", "models.autoencoder", "presets", "space", "suggestions"]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_without_tensorflow(command):
    code = [sys.executable, "-X", "importtime", *command, "--help"]
    started = time.perf_counter()
    done = subprocess.run(code, capture_output=True, text=True, check=True, cwd=ROOT)
    assert f"usage: {'python -m tuning.search' if 'tuning.search' in command else 'atlas-keras'}" in done.stdout
    for heavy in ("tensorflow", "keras", "matplotlib", "pandas"):
        assert f" {heavy}\n" not in done.stderr
    assert time.perf_counter() - started < 20  # a hang, not a speed test: the imports above are the test


def test_import_is_light():
    code = "import atlas_keras, sys; assert not {'tensorflow', 'keras', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_usage_error_is_exit_code_2():
    done = subprocess.run([sys.executable, "-m", "atlas_keras", "fly"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_in_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(f"atlas_keras.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_wheel_holds_the_package_and_its_data_only(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {name.partition("/")[0] for name in names} == {"atlas_keras", "atlas_keras-0.1.0.dist-info"}
    assert "atlas_keras/data/sample/qcd_jets.csv.gz" in names
    assert "atlas_keras/data/sample/provenance.json" in names
    assert "atlas_keras/py.typed" in names
