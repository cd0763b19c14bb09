"""What the manifest of a folder of exports tells besides the exports: files, versions, machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from atlas_keras.checksum import sha256_of
from atlas_keras.system import n_cores, processor

MARKER = "manifest.json"  # by which a folder of exports is known
PACKAGES = (
    "atlas_keras",
    "keras",
    "tensorflow",
    "numpy",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "onnx",
    "tf2onnx",
    "onnxruntime",
)


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return `sha256` and `bytes` of every file in a folder, by its path inside."""
    return {path.relative_to(folder).as_posix(): _file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _file(path: Path) -> dict[str, Any]:
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size}


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that exports are made with, as far as they are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # of a format that was not asked for
            continue
    return found


def machine() -> dict[str, Any]:
    """Describe what the speed was measured on."""
    return {"processor": processor(), "cores": n_cores()}
