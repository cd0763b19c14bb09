"""Keras' import is watched, and nobody else sees it: any order of looking for a package, importing and reloading it."""

import importlib
import importlib.resources
import importlib.util
import itertools
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from atlas_keras.registration import Watcher

ROOT = Path(__file__).parents[1]
STEPS = {
    "look": lambda: importlib.util.find_spec("watched_package"),
    "look for a part": lambda: importlib.util.find_spec("watched_package.part"),
    "import": lambda: importlib.import_module("watched_package"),
    "import a part": lambda: importlib.import_module("watched_package.part"),
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package with a module and a file in it, and forget it afterwards."""
    folder = tmp_path / "watched_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("value = 1\n")
    (folder / "part.py").write_text("")
    (folder / "data.txt").write_text("here")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield folder
    for name in ("watched_package", "watched_package.part"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("order", list(itertools.permutations(STEPS)), ids=", ".join)
def test_any_order_calls_once_and_leaves_nothing(package, order):
    calls = []
    watcher = Watcher("watched_package", lambda: calls.append("watched_package" in sys.modules))
    sys.meta_path.insert(0, watcher)
    for step in order:
        STEPS[step]()
        assert calls == ([True] if "watched_package" in sys.modules else [])
    module = sys.modules["watched_package"]
    assert watcher not in sys.meta_path
    assert type(module.__spec__.loader) is type(module.__loader__) is SourceFileLoader
    assert importlib.resources.files(module).joinpath("data.txt").read_text() == "here"
    assert importlib.reload(module).value == 1
    assert calls == [True]


def test_looking_finds_what_is_in_the_package(package):
    sys.meta_path.insert(0, Watcher("watched_package", lambda: None))
    spec = importlib.util.find_spec("watched_package")
    assert spec.loader.get_filename("watched_package") == str(package / "__init__.py") == spec.origin
    assert spec.loader.is_package("watched_package")
    assert spec.loader.get_resource_reader("watched_package").is_resource("data.txt")


def test_a_package_that_fails_is_watched_on(package):
    (package / "__init__.py").write_text("raise ImportError('no')\n")
    calls = []
    sys.meta_path.insert(0, Watcher("watched_package", lambda: calls.append(1)))
    with pytest.raises(ImportError, match="no"):
        importlib.import_module("watched_package")
    assert calls == []
    (package / "__init__.py").write_text("value = 22\n")  # of another length: no cached bytecode
    assert importlib.import_module("watched_package").value == 22
    assert calls == [1]


@pytest.mark.slow
def test_tensorflow_that_only_looks_for_keras_first():
    code = """
import atlas_keras, importlib.resources
import tensorflow as tf
model = tf.keras.models.load_model("exports/folded/run/model.keras")
import keras
assert model(tf.ones((9, 4))).shape == (9, 4)
assert type(keras.__spec__.loader).__name__ == "SourceFileLoader", keras.__spec__.loader
assert any(importlib.resources.files("keras").iterdir())
assert keras.saving.load_model("exports/kinematic/run/model.keras").facts.architecture == "kinematic"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("module", ["atlas_keras.models.folded", "atlas_keras.layers.scaling"])
def test_a_module_of_ours_that_imports_keras_first(module):
    """While it waits for Keras, the other modules are registered; none of them needs what is not there yet.

    On the backend that is imported soonest: which one it is makes no difference to what is watched.
    """
    code = f"""
import {module}, keras
assert keras.saving.load_model("exports/folded/run/model.keras").facts.architecture == "folded"
"""
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
