"""What a result depends on: versions of packages, and the machine."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import atlas_keras
from atlas_keras.system import n_cores, processor


def versions() -> dict[str, str]:
    """Return the versions of this package and of those that compute."""
    return {
        "atlas_keras": atlas_keras.__version__,
        **{name: version(name) for name in ("keras", "tensorflow", "numpy")},
    }


def machine(packages: Sequence[str]) -> dict[str, str]:
    """Describe what the figures were measured on: processor, cores, versions."""
    found = {"processor": processor(), "cores": str(n_cores()), "Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
