"""Files and folders that appear under their final name only when they are whole; what was there survives a failure."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atlas_keras.errors import RunError


def check_free(path: Path, *, force: bool, marker: str | None = None, kind: str = "file") -> None:
    """Refuse a name that is taken, unless `force` is given and what is there is of the same kind.

    Args:
        path: file or folder that is going to be written.
        force: whether it may be replaced.
        marker: of a folder: the file that every folder of this kind holds; None means that a file is written.
        kind: what is written, for the message.

    Raises:
        RunError: the name is taken.
    """
    if not path.exists():
        return
    if not force:
        raise RunError(f"{path}: exists already; choose another name, or --force to replace it")
    if marker is None and path.is_dir():
        raise RunError(f"{path}: is a folder; --force replaces files only")
    if marker is not None and (not path.is_dir() or (any(path.iterdir()) and not (path / marker).exists())):
        raise RunError(f"{path}: exists and is no {kind}; --force replaces {kind}s only")


@contextlib.contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give the name of a file beside `path` to write, and move it to `path` when the block ends well.

    Raises:
        RunError: the name is taken.
        OSError: the folder cannot be written to, or is full; nothing is left behind.
    """
    check_free(path, force=force)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".unfinished")
    unfinished = Path(name)
    try:
        os.close(descriptor)
        unfinished.chmod(0o666 & ~_umask())
        yield unfinished
        _sync(unfinished)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(path: Path, marker: str, kind: str, *, force: bool = False) -> Iterator[Path]:
    """Give an empty folder beside `path` to fill, and move it to `path` when the block ends well.

    Args:
        path: final name.
        marker: the file that every folder of this kind holds, by which `force` recognises one.
        kind: what the folder is, for messages.
        force: replace a folder of this kind that is there.

    Raises:
        RunError: the name is taken.
        OSError: the folder cannot be written to, or is full; nothing is left behind.
    """
    check_free(path, force=force, marker=marker, kind=kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".unfinished"))
    try:
        unfinished.chmod(0o777 & ~_umask())
        yield unfinished
        replace_folder(unfinished, path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def replace_folder(unfinished: Path, path: Path) -> None:
    """Move a folder to its final name; one that was there is deleted only after that."""
    old = path.with_name(path.name + ".old")
    if path.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(path, old)
    os.replace(unfinished, path)
    shutil.rmtree(old, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as a whole, replacing one that is there."""
    with whole_file(path, force=True) as unfinished:
        unfinished.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    """Bring a file to the disk, so that a crash of the machine cannot leave the final name with half of it."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
