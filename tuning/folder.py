"""The folder of a search: one search, one process that writes it, workers beside it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atlas_keras.errors import RunError
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
    known = out / SETTINGS
    if not known.exists() and not _workers_alone(out):
        check_free(out, force=True, marker=SETTINGS, kind="search folder")
    elif known.exists() and json.loads(known.read_text(encoding="utf-8")) != settings and (share or not force):
        hint = "give all processes the same options" if share else "choose another --out, or --force to discard it"
        raise RunError(f"{out}: holds a search with other settings or of other data; {hint}")
    out.mkdir(parents=True, exist_ok=True)
    if share:
        yield
        return
    with locked(out / LOCK, "searching"):
        if known.exists() and json.loads(known.read_text(encoding="utf-8")) != settings:
            for entry in out.iterdir():
                if entry.name != LOCK:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        write_json(known, settings)
        yield


def _workers_alone(out: Path) -> bool:
    """Tell whether a folder holds nothing but what workers leave that began before their chief."""
    return out.is_dir() and {entry.name for entry in out.iterdir()} <= {LOCK, TRIALS}
