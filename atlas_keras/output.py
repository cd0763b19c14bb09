"""Files and folders that appear under their final name only when they are whole; what was there survives a failure."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from atlas_keras.errors import RunError
from atlas_keras.system import locked


def check_free(
    path: Path, *, force: bool, marker: str | None = None, kind: str = "file", sources: Iterable[str | Path] = ()
) -> None:
    """Refuse a name that is taken, unless `force` is given and what is there is of the same kind.

    Args:
        path: file or folder that is going to be written.
        force: whether it may be replaced.
        marker: of a folder: the file that every folder of this kind holds; None means that a file is written.
        kind: what is written, for the message.
        sources: files that it is made from, which nothing replaces: what is left of them may be less.

    Raises:
        RunError: the name is taken.
    """
    if not path.exists():
        return
    if any(os.path.exists(source) and path.samefile(source) for source in map(str, sources)):
        raise RunError(f"{path}: is what is read; choose another name for what is written")
    if not force:
        raise RunError(f"{path}: exists already; choose another name, or --force to replace it")
    if marker is None and path.is_dir():
        raise RunError(f"{path}: is a folder; --force replaces files only")
    if marker is None and not path.is_file():
        raise RunError(f"{path}: is a device or a pipe; write a file")
    if marker is not None and (not path.is_dir() or (any(path.iterdir()) and not (path / marker).exists())):
        raise RunError(f"{path}: exists and is no {kind}; --force replaces {kind}s only")


@contextlib.contextmanager
def written(path: Path, purpose: str = "writing it") -> Iterator[None]:
    """Be the only one that writes a file or folder while the block runs, and mend what a killed process has left.

    Args:
        path: file or folder; the folders above are made, and vanish again where the block fails and nothing is in them.
        purpose: what is done, for the messages of others.

    Raises:
        RunError: another process is writing it.
        OSError: the folder cannot be written to.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(_beside(path, "writing"), path, purpose):
            _delete(_beside(path, "unfinished"))
            old = _beside(path, "replaced")
            if old.exists() and not path.exists():  # killed between two renamings
                os.replace(old, path)
            _delete(old)
            yield
    except BaseException:
        with contextlib.suppress(OSError):  # one that is not empty
            for folder in missing:
                folder.rmdir()
        raise


@contextlib.contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Return the name of a file beside `path` to write, and move it to `path` when the block ends well.

    Raises:
        RunError: the name is taken, at the start or meanwhile, or another process is writing the file.
        OSError: the folder cannot be written to, or is full; nothing is left behind.
    """
    path = named(path)
    with written(path):
        check_free(path, force=force)
        unfinished = _beside(path, "unfinished")
        try:
            unfinished.touch()
            yield unfinished
            _sync(unfinished)
            _give_name(unfinished, path, force=force)
        except BaseException:
            _delete(unfinished)
            raise


@contextlib.contextmanager
def whole_folder(path: Path, marker: str, kind: str, *, force: bool = False) -> Iterator[Path]:
    """Return an empty folder beside `path` to fill, and move it to `path` when the block ends well.

    Args:
        path: final name.
        marker: the file that every folder of this kind holds, by which `force` recognizes one.
        kind: what the folder is, for messages.
        force: replace a folder of this kind that is there.

    Raises:
        RunError: the name is taken, at the start or meanwhile, or another process is writing the folder.
        OSError: the folder cannot be written to, or is full; nothing is left behind.
    """
    path = named(path)
    with written(path):
        check_free(path, force=force, marker=marker, kind=kind)
        unfinished = _beside(path, "unfinished")
        try:
            unfinished.mkdir()
            yield unfinished
            move_folder(unfinished, path, marker, kind, force=force)
        except BaseException:
            _delete(unfinished)
            raise


def move_folder(unfinished: Path, path: Path, marker: str, kind: str, *, force: bool) -> None:
    """Move a folder to its final name; one that was there is deleted only after that.

    Args:
        unfinished: the folder.
        path, marker, kind, force: as of `whole_folder`.

    Raises:
        RunError: the name has been taken meanwhile.
    """
    check_free(path, force=force, marker=marker, kind=kind)
    old = _beside(path, "replaced")
    if path.exists():
        os.replace(path, old)
    try:
        os.rename(unfinished, path)
    except OSError:
        if old.exists():
            os.replace(old, path)
        raise
    _delete(old)


def _give_name(unfinished: Path, path: Path, *, force: bool) -> None:
    """Move a file to its final name; without `force`, a file that has come there meanwhile stays."""
    if force:
        os.replace(unfinished, path)
        return
    try:
        os.link(unfinished, path)  # a renaming would replace what is there
    except OSError:  # the name is taken, or the file system has no hard links
        check_free(path, force=False)
        os.replace(unfinished, path)
    else:
        unfinished.unlink()


def named(path: Path) -> Path:
    """Return the path that ends with the name of its file or folder: `.` and `..` do not, and a link names another."""
    return path.resolve() if path.name in ("", "..") or path.is_symlink() else path


def _beside(path: Path, what: str) -> Path:
    """Name what lies beside a file or folder while it is written."""
    return path.with_name(f".{path.name}.{what}")


def _delete(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as a whole, replacing one that is there."""
    with whole_file(path, force=True) as unfinished:
        unfinished.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _sync(path: Path) -> None:
    """Bring a file to the disk, so that a crash of the machine cannot leave the final name with half of it."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
