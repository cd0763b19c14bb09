"""Ranges of large files as tasks of their own: a cluster has more workers than there are files as large as these."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from atlas_keras.codec.columns.ranges import write_first, write_range
from atlas_keras.distributed.conversions import columns_options, left_out_of
from atlas_keras.distributed.scheduling import Cluster, Loop, Task

LARGE_BYTES = 1 << 28  # of an input that is cut
RANGE_BLOCKS = 8  # of some 16 MiB each, of a task
CONVERSION, FOLDER = "compress_columns", ".ranges"


@contextlib.contextmanager
def cut(at_work: Loop, tasks: Sequence[Task], folder: Path, files: Mapping[str, Path]) -> Iterator[list[Task]]:
    """Have large files compressed in ranges, and give the tasks, of which those of these files join their ranges.

    Where a range fails its file is left to its task, which compresses all of it or tells what is wrong. A loop, which
    does one thing after the other, cuts nothing.

    Args:
        at_work: of `scheduling.workers`.
        tasks: of `conversions.convert`.
        folder: of the outputs; the ranges are in a folder of it until the block ends.
        files: that the conversions need.
    """
    large = {number: task for number, task in enumerate(tasks) if _is_large(task)}
    ranges = folder.absolute() / FOLDER
    shutil.rmtree(ranges, ignore_errors=True)  # of a command that was killed
    if not large or not isinstance(at_work, Cluster):
        yield list(tasks)
        return
    ranges.mkdir()
    try:
        joining = _compressed(at_work, large, ranges, files)
        yield [{**task, **joining.get(number, {})} for number, task in enumerate(tasks)]
    finally:
        shutil.rmtree(ranges, ignore_errors=True)


def _compressed(
    at_work: Loop, large: Mapping[int, Task], folder: Path, files: Mapping[str, Path]
) -> dict[int, dict[str, Any]]:
    """Compress ranges, and return what is joined of each file of which all ranges are there."""
    owners = list(large)
    begun = [{**large[owner], "part": _part(folder, owner, 0)} for owner in owners]
    further: list[dict[str, Any]] = []
    left_out: dict[int, tuple[str, ...]] = {}
    for number, (n_blocks, left) in _done(at_work, begin, begun, files):
        owner = owners[number]
        left_out[owner] = left
        for index, start in enumerate(range(1, n_blocks, RANGE_BLOCKS), 1):
            about = {"owner": owner, "first": _part(folder, owner, 0), "start": start, "n_blocks": RANGE_BLOCKS}
            further.append({**large[owner], **about, "part": _part(folder, owner, index)})
    ended = {number for number, _ in _done(at_work, code, further, files)}
    joining = {}
    for owner, left in left_out.items():
        own = [number for number, one in enumerate(further) if one["owner"] == owner]
        if own and ended >= set(own):
            parts = [_part(folder, owner, 0), *(further[number]["part"] for number in own)]
            joining[owner] = {"parts": parts, "left_out": left}
    return joining


def _is_large(task: Task) -> bool:
    """Tell whether a file is cut: one that is done already is not, as far as its size tells."""
    source, coding = Path(task["source"]), task["options"].get("coding", "entropy")
    if task["conversion"] != CONVERSION or coding != "entropy" or not source.is_file():
        return False
    size = source.stat().st_size
    return size >= LARGE_BYTES and task["known"].get("bytes") != size


def _part(folder: Path, number: int, index: int) -> str:
    return str(folder / f"{number}-{index}.akc")


def _done(at_work: Loop, job: Any, tasks: Sequence[Task], files: Mapping[str, Path]) -> Iterator[tuple[int, Any]]:
    if tasks:
        for number, outcome in at_work.run(job, tasks, files):
            if not outcome.error:
                yield number, outcome.value


def begin(task: Task, luggage: Path) -> tuple[int, tuple[str, ...]]:
    """Compress the first block of a file, and return how many there are, and what is left out of the file.

    Args:
        task: of `conversions.convert`, and `part`, the file to write.
        luggage: folder of the files that it needs.
    """
    n_blocks, summary = write_first(task["source"], Path(task["part"]), **columns_options(task, luggage))
    return n_blocks, () if summary is None else left_out_of(summary)


def code(task: Task, luggage: Path) -> None:
    """Compress further blocks of a file.

    Args:
        task: as of `begin`, `first`, what that wrote, and `start` and `n_blocks` of the blocks.
        luggage: folder of the files that it needs.
    """
    how, first = columns_options(task, luggage), Path(task["first"])
    write_range(task["source"], Path(task["part"]), first, task["start"], task["n_blocks"], **how)
