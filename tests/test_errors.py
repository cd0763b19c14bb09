"""What errors tell the user to do can be done."""

import configparser
import re
from pathlib import Path

import pytest

from atlas_keras import extras
from atlas_keras.errors import ConfigError, JetDataError, MissingExtraError
from atlas_keras.extras import PACKAGES

ROOT = Path(__file__).parents[1]
TEXTS = [
    path
    for pattern in ("*.md", "docs/**/*.md", "docs/**/*.ipynb", "*/*.md", "*/*.py", "atlas_keras/**/*.py")
    for path in sorted(ROOT.glob(pattern))
    if path.name != Path(__file__).name and path.parent.name != "build"
]


def requirements():
    """Return the requirements of every extra; names of options are in lower case here, as pip takes them."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return {extra: text.split() for extra, text in setup["options.extras_require"].items()}


def test_every_extra_that_is_named_exists():
    assert {"edge", "onnx", "quantize", "root", "tfds", "tuning"} <= {p.extra for p in PACKAGES.values()}
    assert {package.extra for package in PACKAGES.values()} <= set(requirements())


def test_optional_packages_are_named_in_one_place():
    texts = {p: p.read_text(encoding="utf-8") for p in TEXTS if p.suffix == ".py" and "tests" not in p.parts}
    assert [p.name for p, text in texts.items() if re.search(r"MissingExtraError\(", text)] == [
        "errors.py",
        "extras.py",
    ]
    for text in texts.values():
        assert set(re.findall(r'extras\.(?:missing|require)\("(\w+)"', text)) <= set(PACKAGES)


def test_nobody_is_sent_to_an_index_that_does_not_have_this_package():
    """In a command, this package is a folder (`.`), whatever its extras."""
    for path in TEXTS:
        for command in re.findall(r"pip install ([^`\n&]*)", path.read_text(encoding="utf-8")):
            assert not re.match(r"(-\S+ )*'?atlas[_-]keras", command), path


def test_a_missing_extra_names_a_command_that_installs_it():
    message = str(MissingExtraError("LiteRT", "edge", "ai-edge-litert"))
    assert message == (
        "LiteRT needs an optional package: `pip install '.[edge]'` in a checkout, or `pip install ai-edge-litert`"
    )


def test_missing_extras_are_named_in_one_command(monkeypatch):
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError) as error:
        extras.require("onnx", "tf2onnx", "ai_edge_litert")
    assert str(error.value) == "ONNX and LiteRT need optional packages: `pip install '.[onnx,edge]'` in a checkout"


def test_packages_whose_private_parts_are_used_have_an_upper_bound():
    """keras-tuner has no public name for what serves a chief; another minor version may move it."""
    assert any("from keras_tuner.src" in path.read_text(encoding="utf-8") for path in ROOT.glob("tuning/*.py"))
    assert "keras-tuner>=1.4.8,<1.5" in requirements()["tuning"]


def test_a_message_is_one_line_of_bounded_length_whatever_is_named():
    assert str(JetDataError("a\nb: column \x00\ud800 phi = π")) == r"a\nb: column \x00\ud800 phi = π"
    assert len(str(ConfigError("x" * 100_000))) < 1300
