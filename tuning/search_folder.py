"""The folder of a search: one search, one process that writes it, workers beside it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atlas_keras.errors import RunError
from atlas_keras.json_files import read_json
from atlas_keras.output import check_free, write_json
from atlas_keras.system import locked

SETTINGS = "search.json"  # what a search depends on, and by what its folder is known
LOCK = ".lock"
TRIALS = "trials"  # what keras-tuner keeps, a folder each trial


@contextlib.contextmanager
def search_folder(out: Path, settings: Mapping[str, Any], *, force: bool, share: bool) -> Iterator[None]:
    """Make the folder of a search, or find the one of the same search to go on with.

    Args:
        out: the folder.
        settings: what the search depends on, JSON.
        force: discard a search with other settings.
        share: this process is a worker: it writes trials only, and may be on another machine, with a folder of its own.

    Raises:
        RunError: the folder is something else, holds another search, or another process is writing it.
    """
    settings = json.loads(json.dumps(settings))
    _check(out, settings, force=force, share=share)
    out.mkdir(parents=True, exist_ok=True)
    if share:
        yield
        return
    with locked(out / LOCK, out, "searching into this folder"):
        _check(out, settings, force=force, share=share)  # again: another search may have begun before the lock was ours
        if _settings(out) not in (None, settings):
            for entry in out.iterdir():
                if entry.name != LOCK:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        write_json(out / SETTINGS, settings)
        yield


def _check(out: Path, settings: Mapping[str, Any], *, force: bool, share: bool) -> None:
    """Refuse a folder that is something else, or holds another search that is not to be discarded."""
    known = _settings(out)
    if known is None and not _workers_alone(out):
        check_free(out, force=True, marker=SETTINGS, kind="search folder")
    elif known not in (None, settings) and (share or not force):
        hint = "give all processes the same options" if share else "choose another --out, or --force to discard it"
        raise RunError(f"{out}: holds a search with other settings or of other data; {hint}")


def _settings(out: Path) -> dict[str, Any] | None:
    """Read what the search of a folder depends on; None where there is no search."""
    file = out / SETTINGS
    return read_json(file, RunError, "choose another --out") if file.exists() else None


def _workers_alone(out: Path) -> bool:
    """Tell whether a folder holds nothing but what workers leave that began before their chief."""
    return out.is_dir() and {entry.name for entry in out.iterdir()} <= {LOCK, TRIALS}
