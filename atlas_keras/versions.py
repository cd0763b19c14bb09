"""What a result depends on: versions of packages, and the machine."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import atlas_keras
from atlas_keras.sections import Section
from atlas_keras.system import n_cores, processor


@dataclass(frozen=True)
class Machine(Section):
    """What the speed was measured on."""

    processor: str
    cores: int

    @classmethod
    def here(cls) -> Machine:
        """Describe this machine."""
        return cls(processor(), n_cores())


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def versions() -> dict[str, str]:
    """Return the versions of this package and of those that compute."""
    return {"atlas_keras": atlas_keras.__version__, **installed(("keras", "tensorflow", "numpy"))}


def machine(packages: Sequence[str]) -> dict[str, str]:
    """Describe what the figures were measured on: processor, cores, versions."""
    here = {"processor": processor(), "cores": str(n_cores()), "Python": platform.python_version()}
    return {**here, **dict.fromkeys(packages, "absent"), **installed(packages)}
