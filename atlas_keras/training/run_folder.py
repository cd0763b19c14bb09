"""The folder of a run: filled beside its final name, given the name when it is whole, resumed when left unfinished.

While a run is in progress its folder is called `NAME.unfinished`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atlas_keras.errors import RunError
from atlas_keras.json_files import read_json
from atlas_keras.output import check_free, move_folder, named, write_json, written

BEGUN = "begun.json"  # what an unfinished run depends on: configuration and data
MARKER, KIND = "config.json", "run folder"  # by which file a run folder is known, and how it is called


@contextlib.contextmanager
def run_folder(out: Path, depends_on: Mapping[str, Any], *, force: bool) -> Iterator[Path]:
    """Return the unfinished folder of a run, and move it to `out` when the block ends well.

    Where an unfinished folder of the same configuration and data exists, it is given as it is, to be resumed.

    Args:
        out: final name of the folder.
        depends_on: configuration and fingerprint of the data, JSON.
        force: replace a finished run, and discard an unfinished one of another configuration.

    Raises:
        RunError: the run exists, another one is unfinished, or another process is writing it.
    """
    out = named(out)
    with written(out, "training into this folder"):
        check_free(out, force=force, marker=MARKER, kind=KIND)
        unfinished = out.with_name(out.name + ".unfinished")
        unfinished.mkdir(exist_ok=True)
        _begin(unfinished, json.loads(json.dumps(depends_on)), force=force)
        try:
            yield unfinished
        except BaseException:
            if {entry.name for entry in unfinished.iterdir()} <= {BEGUN}:  # nothing that could be resumed
                shutil.rmtree(unfinished)
            raise
        move_folder(unfinished, out, MARKER, KIND, force=force)
        (out / BEGUN).unlink()


def _begin(unfinished: Path, depends_on: dict[str, Any], *, force: bool) -> None:
    begun = unfinished / BEGUN
    if begun.exists():
        advice = "choose another --out, or --force to discard it"
        try:
            if read_json(begun, RunError, advice) == depends_on:
                return
            raise RunError(f"{unfinished}: holds an unfinished run of another configuration or other data; {advice}")
        except RunError:
            if not force:
                raise
    elif any(not entry.name.startswith(f".{BEGUN}.") for entry in unfinished.iterdir()):
        raise RunError(f"{unfinished}: exists and is no unfinished run; choose another --out, or move it away")
    for entry in unfinished.iterdir():
        if entry != begun:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    write_json(begun, depends_on)
