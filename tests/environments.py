"""Python environments that have some packages and lack others, to see what a user without atlas_keras sees."""

import os
import re
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement


def python_of(environment):
    return environment / "bin" / "python"


def linked_environment(path, package, without=()):
    """Make an environment with a package and what it needs, but for some, linked from this one: seconds, no copies."""
    venv.create(path, symlinks=True)
    (site,) = path.glob("lib/python*/site-packages")
    for distribution in _with_requirements(package, without):
        here = Path(distribution.locate_file("")).resolve()
        for top in {file.parts[0] for file in distribution.files or () if ".." not in file.parts}:
            if top != "__pycache__" and not (site / top).exists():
                (site / top).symlink_to(here / top)
    return python_of(path)


def _with_requirements(package, without):
    wanted, found = [package], {}
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in found or name in without:
            continue
        found[name] = metadata.distribution(name)
        for line in found[name].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)
    return found.values()


def installed_environment(path, *packages):
    """Make an environment by `pip install`, as a user does; pip's own message tells where it failed."""
    venv.create(path)
    install(python_of(path), *packages)
    return python_of(path)


def install(python, *arguments):
    """Install into an environment, with the pip of this one: to give each its own takes seconds."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    command = [*pip, "install", "--no-compile", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def build_distributions(root, folder):
    """Build the sdist from a copy of the checkout, without what earlier builds left in it, and the wheel from that."""
    source = folder / "source"
    left = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "runs")
    shutil.copytree(root, source, ignore=left)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))
