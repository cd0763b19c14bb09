"""The path of one file, by its name, its URL or that of a sample; `files.py` finds several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlas_keras.data.remote import is_url, remote_file
from atlas_keras.data.samples import PREFIX, sample_file

PathLike = str | Path


def find_file(path: PathLike, **storage_options: Any) -> Path:
    """Return the path of one file, local or by URL.

    Args:
        path: of the file, its URL, or the name of a sample.
        storage_options: of fsspec, for a URL.

    Raises:
        JetDataError, MissingExtraError: as `remote_file`.
    """
    if not isinstance(path, str | Path):  # that of a file at a URL
        return path
    if str(path).startswith(PREFIX):
        return sample_file(str(path))
    return remote_file(str(path), **storage_options) if is_url(path) else Path(path)
