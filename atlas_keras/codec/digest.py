"""The digest of a compressed file: a checksum of every byte of it, kept in the footer of the Parquet container."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from atlas_keras.codec.header import DIGEST_LENGTH, NO_DIGEST
from atlas_keras.data.parquet_footer import footer_of
from atlas_keras.errors import JetDataError


def find_digest(path: Path) -> tuple[int, str]:
    """Find the digest in the footer: its position in the file, and what it says.

    Raises:
        JetDataError: no compressed file, or one whose header is damaged.
    """
    try:
        begin, footer = footer_of(path)
    except JetDataError:
        raise JetDataError(f"{path}: is no compressed file, or is truncated") from None
    found = list(re.finditer(rb'"digest":"([0-9a-f]{%d})"' % DIGEST_LENGTH, footer))
    if len(found) != 1:
        raise JetDataError(f"{path}: is no file of `atlas_keras.compress`, or its header is damaged")
    return begin + found[0].start(1), found[0].group(1).decode()


def compute_digest(path: Path, position: int) -> str:
    """Compute the digest of a file, whose digest counts as zeros."""
    digest = hashlib.blake2b(digest_size=DIGEST_LENGTH // 2)
    with path.open("rb") as stream:
        start = 0
        while chunk := stream.read(1 << 20):
            first, last = max(position - start, 0), min(position + DIGEST_LENGTH - start, len(chunk))
            if first < last:
                chunk = chunk[:first] + b"0" * (last - first) + chunk[last:]
            start += len(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def seal(path: Path) -> str:
    """Compute the digest of a file that has zeros in the digest's stead, write it there, and return it."""
    position, said = find_digest(path)
    assert said == NO_DIGEST
    digest = compute_digest(path, position)
    with path.open("r+b") as stream:
        stream.seek(position)
        stream.write(digest.encode())
    return digest


def check_digest(path: Path) -> None:
    """Check that no byte of a file has changed.

    Raises:
        JetDataError: one has, or there is no digest.
    """
    position, said = find_digest(path)
    if compute_digest(path, position) != said:
        raise JetDataError(f"{path}: the file is damaged: its checksum does not match its content")
