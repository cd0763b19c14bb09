"""The lowest version of every package that setup.cfg allows: a law of `test_floors.py`, constraints for `.ci/lowest`.

Nothing is listed a second time: `>=` of setup.cfg is the floor. `python tests/floors.py` prints them for pip.
"""

from configparser import ConfigParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SETUP = Path(__file__).resolve().parents[1] / "setup.cfg"


def requirements(text):
    """Return the requirements of a setup.cfg, those of all extras included, but for the package itself."""
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    package = parser["metadata"]["name"]
    lists = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    lines = [line for lines in lists for line in lines.split("\n") if line and not line.startswith("#")]
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != package]


def floors(text):
    """Return the floor of each package; a ValueError names one that has none, or two."""
    found = {}
    for requirement in requirements(text):
        versions = [clause.version for clause in requirement.specifier if clause.operator == ">="]
        if len(versions) != 1:
            raise ValueError(f"setup.cfg: {requirement} has no floor (`>=`)")
        name = canonicalize_name(requirement.name)
        if found.setdefault(name, versions[0]) != versions[0]:
            raise ValueError(f"setup.cfg: {name} has two floors, {found[name]} and {versions[0]}")
    return found


if __name__ == "__main__":
    print("\n".join(f"{name}=={version}" for name, version in sorted(floors(SETUP.read_text()).items())))
