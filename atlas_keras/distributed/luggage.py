"""Files that all tasks of a job need, such as a model: read once, sent once, and laid out once in each process."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

_folders: dict[str, Path] = {}
_laying_out = threading.Lock()


def pack(files: Mapping[str, Path]) -> dict[str, bytes]:
    """Read files.

    Args:
        files: by the name that each will have.

    Raises:
        OSError: one cannot be read.
    """
    return {name: path.read_bytes() for name, path in files.items()}


def unpack(content: Mapping[str, bytes]) -> Path:
    """Lay files out in a folder that vanishes with this process; the same ones are there already.

    Args:
        content: by name.
    """
    key = fingerprint(content)
    with _laying_out:
        if key not in _folders:
            folder = Path(tempfile.mkdtemp(prefix="atlas-keras-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            for name, data in content.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_bytes(data)
            _folders[key] = folder
        return _folders[key]


def fingerprint(content: Mapping[str, bytes]) -> str:
    """Compute the sha256 of files and their names."""
    digest = hashlib.sha256()
    for name, data in sorted(content.items()):
        digest.update(f"{name}:{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()
