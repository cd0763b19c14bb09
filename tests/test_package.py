"""The package as a user meets it: imports and help that need little, examples that run."""

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.moments import HANG

ROOT = Path(__file__).parents[1]
COMMANDS = [
    ["-m", "atlas_keras"],
    ["-m", "atlas_keras.train"],
    ["-m", "atlas_keras", "train"],
    ["-m", "atlas_keras.evaluate"],
    ["-m", "atlas_keras.export"],
    ["-m", "atlas_keras.compress"],
    ["-m", "atlas_keras.decompress"],
    ["-m", "atlas_keras.fit_entropy"],
    ["-m", "atlas_keras", "fit-entropy"],
    ["-m", "atlas_keras.info"],
    ["-m", "tuning.search"],
]
EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "atlas_keras").rglob("*.py"))
    if re.search(r"(?m)^ +>>> (?!.*\+SKIP)", path.read_text())
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_without_tensorflow(command):
    code = [sys.executable, "-X", "importtime", *command, "--help"]
    done = subprocess.run(code, capture_output=True, text=True, check=True, cwd=ROOT, timeout=HANG)
    assert f"usage: {'python -m tuning.search' if 'tuning.search' in command else 'atlas-keras'}" in done.stdout
    for heavy in ("tensorflow", "keras", "matplotlib", "pandas"):
        assert f" {heavy}\n" not in done.stderr


def test_import_is_light():
    code = "import atlas_keras, sys; assert not {'tensorflow', 'keras', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_packer_needs_no_tensorflow():
    """It is a table of shifts: what imports Keras for it takes longer than all its proofs."""
    code = "import sys; from atlas_keras import export_packer; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_usage_error_is_exit_code_2():
    done = subprocess.run([sys.executable, "-m", "atlas_keras", "fly"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


def test_a_reader_that_has_enough_ends_a_command_quietly():
    """As `| head -n 1` does: the pipe is closed before the command writes."""
    golden = ROOT / "tests" / "codec" / "golden" / "v2_dense.jets"
    command = [sys.executable, "-m", "atlas_keras", "info", str(golden)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_in_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
