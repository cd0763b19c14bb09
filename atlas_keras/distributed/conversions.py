"""What is done with one file of many: it is compressed, or given back. Each conversion calls the function for one file.

A file that is as it was when it was done, with the same options, is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from atlas_keras.checksum import sha256_of
from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.columns.decompression import decompress_columns
from atlas_keras.codec.columns.files import ColumnsSummary, compress_columns
from atlas_keras.codec.columns.opening import is_compressed
from atlas_keras.codec.columns.ranges import join_ranges
from atlas_keras.codec.entropy_model.model import FILE
from atlas_keras.codec.files import compress_file, decompress_file
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.paths import find_file
from atlas_keras.distributed.scheduling import Task
from atlas_keras.errors import BusyError, ConfigError
from atlas_keras.schema_files import read_schema

PATIENCE = 60  # seconds that a worker which the cluster has given up may need to end and let go of a file
RUN, MODEL, SCHEMA = FILE, "model.akc", "schema.toml"  # names of the files that travel


class Converted(NamedTuple):
    """What a conversion tells.

    Args:
        rows: events, or jets.
        left_out: what is not in the output, and why.
    """

    rows: int
    left_out: tuple[str, ...] = ()


Options = dict[str, Any]


def convert(task: Task, luggage: Path) -> dict[str, Any]:
    """Convert a file.

    Args:
        task: `conversion`, of `CONVERSIONS`; `source`; `target`; `options` of the conversion; `jobs`; `known`, the
            checksum of the input, the size of the output and what else is known of an earlier conversion with the same
            options, empty where there was none.
            `parts` and `left_out` where its ranges are converted and have to be joined, see `file_ranges`.
        luggage: folder of the files that it needs.

    Returns:
        What is known of it now, as fields of a `Record`.
    """
    source, target, known = find_file(task["source"]), Path(task["target"]), task["known"]
    about = {"bytes": source.stat().st_size, "sha256": sha256_of(source)}
    if all(known.get(name) == value for name, value in about.items()) and _has_size(target, known["output_bytes"]):
        return known
    how = {**task["options"], "jobs": task["jobs"], "force": True}  # what was in the way has been refused before
    if task.get("parts"):
        done = _patiently(JOINS[task["conversion"]], task, target, luggage)
    else:
        done = _patiently(CONVERSIONS[task["conversion"]], source, target, how, luggage)
    return {**about, "output_bytes": target.stat().st_size, **done._asdict()}


def _has_size(path: Path, n_bytes: int) -> bool:
    return path.is_file() and path.stat().st_size == n_bytes


def _patiently(conversion: Callable[..., Converted], *arguments: Any) -> Converted:
    """Convert, and wait for another process that is still at the same file."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return conversion(*arguments)
        except BusyError:
            if time.monotonic() > end:
                raise
            time.sleep(1)


def _compress_columns(source: Path, target: Path, how: Options, luggage: Path) -> Converted:
    summary = compress_columns(source, target, **how, **_luggage(luggage))
    return Converted(summary.n_events, left_out_of(summary))


def _luggage(luggage: Path) -> Options:
    model, schema = luggage / MODEL, luggage / SCHEMA
    return {
        "schema": read_schema(schema) if schema.exists() else None,
        "model": model if model.exists() else None,
    }


def columns_options(task: Task, luggage: Path) -> Options:
    """Return how a range of the file of a task is compressed."""
    options = {key: value for key, value in task["options"].items() if key not in ("coding", "level")}
    return {**options, **_luggage(luggage)}


def left_out_of(summary: ColumnsSummary) -> tuple[str, ...]:
    """Say what is not in a compressed file, and why."""
    return (*(f"{name}: {why}" for name, why in summary.left_out.items()), *summary.others)


def _join(task: Task, target: Path, luggage: Path) -> Converted:
    parts = [Path(part) for part in task["parts"]]
    return Converted(join_ranges(parts, target, _luggage(luggage)["model"]), tuple(task["left_out"]))


def decompress_options(task: Task, luggage: Path) -> Options:
    """Return which tree and columns of the file of a task are decompressed."""
    return {"columns": task["options"]["columns"], "tree": task["options"]["tree"], "model": _luggage(luggage)["model"]}


def _join_decoded(task: Task, target: Path, luggage: Path) -> Converted:
    how = {**decompress_options(task, luggage), "ntuple": task["options"]["ntuple"], "force": True}
    done = decompress_columns(find_file(task["source"]), target, ranges=[Path(part) for part in task["parts"]], **how)
    return Converted(done.n_events, (*done.left_out, *done.other_trees))


def _compress_jets(source: Path, target: Path, how: Options, luggage: Path) -> Converted:
    bounds, policy = how.pop("bounds"), InvalidPolicy(how.pop("invalid"))
    found = Bounds.parse(bounds) if bounds else None
    summary = compress_file(luggage if bounds else None, source, target, found, policy=policy, progress=False, **how)
    dropped = f"{policy.n_events} events and {policy.n_jets} jets that were invalid"
    return Converted(summary.header.n_jets, (dropped,) if policy.n_events or policy.n_jets else ())


def _decompress(source: Path, target: Path, how: Options, luggage: Path) -> Converted:
    if is_compressed(source):
        model = luggage / MODEL
        done = decompress_columns(source, target, model=model if model.exists() else None, **how)
        return Converted(done.n_events, (*done.left_out, *done.other_trees))
    if how["ntuple"] or how["columns"] or how["tree"]:
        raise ConfigError(f"{source}: --ntuple, --columns and --tree are for files of columns; this one is of jets")
    run = luggage if (luggage / RUN).exists() else None
    summary = decompress_file(source, target, run, force=how["force"], jobs=how["jobs"], progress=False)
    return Converted(summary.header.n_jets)


CONVERSIONS = {
    "compress_columns": _compress_columns,
    "compress_jets": _compress_jets,
    "decompress": _decompress,
}
JOINS = {"compress_columns": _join, "decompress": _join_decoded}
