"""setup.cfg says for every package from which version on it is used; `.ci/lowest` tests with exactly those."""

import json
import os
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.floors import SETUP, floors, requirements

TEXT = SETUP.read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((SETUP.parent / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_has_one_floor():
    found = floors(TEXT)
    assert found.keys() == {canonicalize_name(requirement.name) for requirement in requirements(TEXT)}
    assert {"keras", "tensorflow", "uproot", "tf2onnx", "torch", "setuptools"} <= found.keys()
    assert Requirement(f"setuptools>={found['setuptools']}") in map(Requirement, PYPROJECT["build-system"]["requires"])


def with_requirement(line):
    return TEXT.replace("    mplhep", f"    {line}\n    mplhep", 1)


@pytest.mark.parametrize("line", ["scipy", "scipy<2", "scipy==1.13"])
def test_a_package_without_a_floor_is_named(line):
    with pytest.raises(ValueError, match=f"{line} has no floor"):
        floors(with_requirement(line))


def test_a_package_with_two_floors_is_named():
    with pytest.raises(ValueError, match="keras has two floors"):
        floors(with_requirement("Keras>=3.14"))


def test_the_lowest_python_is_the_one_of_the_tools():
    (required,) = (line for line in TEXT.splitlines() if line.startswith("python_requires"))
    version = required.partition(">=")[2]
    assert f"python{version} -m venv" in (SETUP.parent / ".ci" / "lowest").read_text(encoding="utf-8")
    assert f"{{1:-python{version}}}" in (SETUP.parent / ".ci" / "run").read_text(encoding="utf-8")
    assert PYPROJECT["tool"]["mypy"]["python_version"] == version
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + version.replace(".", "")


def test_the_workflow_runs_the_scripts_with_every_python_that_is_named():
    workflow = (SETUP.parent / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (pythons,) = re.findall(r"^ +python: (\[.*\])$", workflow, re.MULTILINE)
    assert json.loads(pythons) == re.findall(r"Python :: (3\.\d+)$", TEXT, re.MULTILINE)
    scripts = re.findall(r"- run: (\S+)", workflow)
    assert scripts == [".ci/run", ".ci/lowest"]
    assert all(os.access(SETUP.parent / script, os.X_OK) for script in scripts)
