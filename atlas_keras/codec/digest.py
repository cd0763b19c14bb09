"""The digest of a compressed file: a checksum of every byte of it, kept in the footer of the Parquet container."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from atlas_keras.codec.header import DIGEST_LENGTH, NO_DIGEST
from atlas_keras.errors import JetDataError


def _footer(path: Path) -> tuple[int, bytes]:
    """Find where the footer of a Parquet file begins, and read it."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(size - 8, 0))
        tail = stream.read(8)
        length = int.from_bytes(tail[:4], "little")
        if start != b"PAR1" or tail[4:] != b"PAR1" or not 0 < length <= size - 12:
            raise JetDataError(f"{path}: is no compressed file, or is truncated")
        stream.seek(size - 8 - length)
        return size - 8 - length, stream.read(length)


def _digest_place(path: Path) -> tuple[int, str]:
    """Find the digest in the footer: its place in the file, and what it says."""
    begin, footer = _footer(path)
    found = list(re.finditer(rb'"digest":"([0-9a-f]{%d})"' % DIGEST_LENGTH, footer))
    if len(found) != 1:
        raise JetDataError(f"{path}: is no file of `atlas_keras.compress`, or its header is damaged")
    return begin + found[0].start(1), found[0].group(1).decode()


def _compute_digest(path: Path, place: int) -> str:
    digest = hashlib.blake2b(digest_size=DIGEST_LENGTH // 2)
    with path.open("rb") as stream:
        position = 0
        while chunk := stream.read(1 << 20):
            first, last = max(place - position, 0), min(place + DIGEST_LENGTH - position, len(chunk))
            if first < last:
                chunk = chunk[:first] + b"0" * (last - first) + chunk[last:]
            position += len(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def seal(path: Path) -> str:
    """Compute the digest of a file that has zeros in its place, write it there, and give it."""
    place, said = _digest_place(path)
    assert said == NO_DIGEST
    digest = _compute_digest(path, place)
    with path.open("r+b") as stream:
        stream.seek(place)
        stream.write(digest.encode())
    return digest


def check_digest(path: Path) -> None:
    """Check that no byte of a file has changed."""
    place, said = _digest_place(path)
    if _compute_digest(path, place) != said:
        raise JetDataError(f"{path}: the file is damaged: its checksum does not match its content")
