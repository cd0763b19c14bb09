"""All formats of files, in the order in which they are asked whether a file is theirs: by content, never by name."""

from __future__ import annotations

from pathlib import Path

from atlas_keras.data.csv_files import CSV
from atlas_keras.data.dark_machines_format import DARK_MACHINES
from atlas_keras.data.file_format import GZIP, FileFormat, unpacked
from atlas_keras.data.hdf5 import HDF5
from atlas_keras.data.numpy_files import NUMPY
from atlas_keras.data.parquet import PARQUET
from atlas_keras.data.root_format import ROOT
from atlas_keras.errors import JetDataError

FORMATS: tuple[FileFormat, ...] = (
    ROOT,
    PARQUET,
    HDF5,
    NUMPY,
    CSV,
    DARK_MACHINES,
)
HEAD_BYTES = 1 << 16
PICKLE = (
    "is a pickle, which can run any program when it is loaded; where you trust it, load it and save its columns as "
    "Parquet: pandas.DataFrame(...).to_parquet(...)"
)
FOREIGN = {  # what begins so is no file of events, and how it becomes one
    **{bytes([128, version]): PICKLE for version in range(2, 6)},
    b"ARROW1": "is an Arrow (Feather) file; save it as Parquet",
    b"PK\x03\x04": "is an archive of other things than arrays of NumPy (PyTorch's are such, and hold pickles); save "
    "columns as Parquet or with numpy.savez(path, pt=..., eta=...)",
    b"BZh": "is packed with bzip2; unpack it, or pack it with gzip",
    b"\xfd7zXZ": "is packed with xz; unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "is packed with zstd; unpack it, or pack it with gzip",
}  # fmt: skip


def format_of(path: Path) -> FileFormat:
    """Find the format of a file.

    Text with semicolons of no other format is taken for the Dark Machines' one, whose reader says what is wrong.

    Raises:
        JetDataError: an empty file, or one of no known format.
        OSError: it cannot be read.
    """
    head = _head(path)
    if not head and not path.stat().st_size:
        raise JetDataError(f"{path}: the file is empty")
    known = _known(head)
    if known is None and (why := next((text for magic, text in FOREIGN.items() if head.startswith(magic)), "")):
        raise JetDataError(f"{path}: {why}")
    if known is None and head.startswith(GZIP) and not _is_text(unpacked(head)):
        raise JetDataError(f"{path}: is packed with gzip, and what is in it is no text; unpack it")
    if known is None and not _is_text(unpacked(head)):
        raise JetDataError(
            f"{path}: is of no known format: {', '.join(form.name for form in FORMATS)}; text has to be in UTF-8"
        )
    first = unpacked(head).lstrip().partition(b"\n")[0]
    if known is None and first and b";" not in first:
        raise JetDataError(f"{path}: is text, and neither a table with a line of names nor Dark Machines text")
    return known or DARK_MACHINES


def is_known(path: Path) -> bool:
    """Tell whether a file is of a known format, beyond doubt: not any text.

    Raises:
        OSError: it cannot be read.
    """
    return _known(_head(path)) is not None


def _known(head: bytes) -> FileFormat | None:
    return next((form for form in FORMATS if form.sniff(head)), None)


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def _is_text(head: bytes) -> bool:
    try:
        head[: len(head) - 4 if len(head) >= HEAD_BYTES else None].decode()  # the last letter may be cut
    except UnicodeDecodeError:
        return False
    return b"\0" not in head
