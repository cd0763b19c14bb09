"""The checksum by which a file is known, as `sha256sum` writes it."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Compute the sha256 of a file, read piece by piece: 64 hexadecimal digits.

    Raises:
        OSError: no such file, or one that cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
