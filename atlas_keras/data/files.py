"""Which files are meant: by their names, patterns, folders and URLs."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from atlas_keras.data.formats import is_known
from atlas_keras.data.paths import PathLike
from atlas_keras.data.remote import WEB, is_url, remote_files
from atlas_keras.data.samples import PREFIX, SAMPLE, sample_file
from atlas_keras.errors import JetDataError


def find_files(paths: PathLike | Iterable[PathLike] | None) -> list[Path]:
    """Expand files, folders, patterns, URLs and samples into existing files; None is the shipped sample.

    Of a folder the files of known formats are taken that are in it, and not those in folders of it; of a pattern (`*`,
    `?`, and `**` for folders in folders) all files that fit. Both are sorted by name.

    Raises:
        JetDataError: an empty list, a file or sample that is not there, a pattern without a match, a folder without a
            file of a known format.
        MissingExtraError: a package is not installed that a URL needs.
    """
    if paths is None:
        return [SAMPLE]
    found: list[Path] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        found += _files(path)
    if not found:
        raise JetDataError("no files are given; None means the shipped sample")
    return found


def is_several(path: PathLike) -> bool:
    """Tell whether a path means a folder or a pattern, here or far away, and not a file of that name."""
    if str(path).startswith(WEB):  # where `?` begins a query
        return False
    return Path(path).is_dir() or (glob.has_magic(str(path)) and not Path(path).is_file())


def _files(path: PathLike) -> list[Path]:
    if str(path).startswith(PREFIX):
        return [sample_file(str(path))]
    if is_url(path):
        files = remote_files(str(path))
        return _known(path, files) if len(files) != 1 else files
    if Path(path).is_file():
        return [Path(path)]
    if Path(path).is_dir():
        return _known(path, sorted(one for one in Path(path).iterdir() if one.is_file()))
    matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file())
    if not matches:
        pattern = ", the pattern matches none" if glob.has_magic(str(path)) else ""
        raise JetDataError(f"{path}: no such file{pattern}")
    return matches


def _known(folder: PathLike, files: list[Path]) -> list[Path]:
    """Choose files of known formats; those whose name begins with a dot or an underscore are others' bookkeeping."""
    known = [file for file in files if not file.name.startswith((".", "_")) and is_known(file)]
    if not known:
        raise JetDataError(f"{folder}: is a folder without a file of a known format")
    return known
