"""Open a compressed file of columns, whatever its coding: each coding is known by the first bytes and the footer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atlas_keras.codec.columns.cell_files import is_cell_file, open_cells
from atlas_keras.codec.columns.events import CompressedEvents
from atlas_keras.codec.columns.reader import is_compressed_columns, open_columns
from atlas_keras.codec.container import is_compressed_jets
from atlas_keras.data.paths import find_file
from atlas_keras.errors import JetDataError


def open_compressed(source: str | Path, model: str | Path | None = None, **storage_options: Any) -> CompressedEvents:
    """Open a compressed file, here or far away.

    Args:
        source: path or URL, of any kind that fsspec knows.
        model: path of the entropy model that the file was made with, where it is not embedded.
        storage_options: of fsspec.

    Raises:
        JetDataError: no file of columns, a damaged one, or a URL that gives none.
        OSError: there is no such file.
        MissingExtraError: a package is not installed that a URL needs.

    Example:
        >>> with open_compressed("events.akc") as events:  # doctest: +SKIP
        ...     jets = events.arrays(["Jet_pt", "Jet_eta"], entry_stop=1000)
    """
    path = find_file(source, **storage_options)
    return open_cells(path) if is_cell_file(path) else open_columns(source, model, **storage_options)


def is_compressed(path: Path) -> bool:
    """Tell whether a file is one that `open_compressed` opens.

    Raises:
        OSError: it cannot be read.
    """
    return is_compressed_columns(path) or is_cell_file(path)


def refuse_compressed(source: str | Path) -> None:
    """Refuse to compress what is compressed.

    Raises:
        JetDataError: a file of `open_compressed`, or one of jets.
        OSError: it cannot be read.
    """
    path = find_file(source)
    try:
        is_known = is_compressed(path) or is_compressed_jets(path)
    except JetDataError:  # a damaged file, of which its reader says what is wrong
        return
    if is_known:
        raise JetDataError(f"{source}: is compressed already; decompress gives back what it holds")
