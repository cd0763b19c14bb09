"""The checksum by which a file is known, as `sha256sum` writes it, and those of all files of a folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from atlas_keras.sections import Section


@dataclass(frozen=True)
class FileRecord(Section):
    """A file of the folder."""

    sha256: str
    bytes: int


def sha256_of(path: Path) -> str:
    """Compute the sha256 of a file, read piece by piece: 64 hexadecimal digits.

    Raises:
        OSError: no such file, or one that cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_files(folder: Path) -> dict[str, FileRecord]:
    """Return checksum and size of every file in a folder, by its path inside."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {p.relative_to(folder).as_posix(): FileRecord(sha256_of(p), p.stat().st_size) for p in paths}
