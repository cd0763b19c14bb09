"""The versions that a result depends on."""

from __future__ import annotations

from importlib.metadata import version

import atlas_keras


def versions() -> dict[str, str]:
    """Return the versions of this package and of those that compute."""
    return {
        "atlas_keras": atlas_keras.__version__,
        **{name: version(name) for name in ("keras", "tensorflow", "numpy")},
    }
