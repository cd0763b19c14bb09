"""Ranges of large files as tasks of their own: a cluster has more workers than there are files as large as these."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from atlas_keras.codec.columns.decompression import decode_range
from atlas_keras.codec.columns.opening import is_compressed
from atlas_keras.codec.columns.ranges import write_first, write_range
from atlas_keras.data.paths import find_file
from atlas_keras.distributed.conversions import columns_options, convert, decompress_options, left_out_of
from atlas_keras.distributed.scheduling import Cluster, Loop, Outcome, Step, Task

RANGE_BLOCKS = 8  # of some 16 MiB each, of a task
MAX_CUT = 256  # files: of more large ones a cluster has enough to do
FOLDER = ".ranges"


class Begun(NamedTuple):
    """What the first task of a file tells.

    Args:
        n_blocks: of the file; 0 where it is not worth to be cut, or cannot be.
        done: of these, those of the first range, which is written.
        left_out: what will not be in the output, and why.
    """

    n_blocks: int = 0
    done: int = 0
    left_out: tuple[str, ...] = ()


class Cutting(NamedTuple):
    """How the ranges of files are converted.

    Args:
        large_bytes: of an input that is cut.
        begin: the job of the first range.
        further: the job of another one.
    """

    large_bytes: int
    begin: Callable[[Task, Path], Begun]
    further: Callable[[Task, Path], None]


def convert_all(
    at_work: Loop, tasks: Sequence[Task], folder: Path, files: Mapping[str, Path]
) -> Iterator[tuple[int, Outcome]]:
    """Convert files, and on a cluster large ones in ranges, each of which is joined as soon as its ranges are there.

    Where a range fails its file is left to one task, which converts all of it or tells what is wrong. A loop, which
    does one thing after the other, cuts nothing.

    Args:
        at_work: of `scheduling.workers`.
        tasks: of `conversions.convert`.
        folder: of the outputs; ranges are in a folder of it for a while.
        files: that the conversions need.

    Yields:
        The number of a task, and its outcome, in the order in which they are done.
    """
    ranges = folder.absolute() / FOLDER
    shutil.rmtree(ranges, ignore_errors=True)  # of a command that was killed
    large = [number for number, task in enumerate(tasks) if _is_large(task)]
    if not 0 < len(large) <= MAX_CUT or not isinstance(at_work, Cluster):
        yield from at_work.run(convert, tasks, files)
        return
    cut = {number: _CutFile(number, tasks[number], ranges / str(number)) for number in large}
    steps = [cut[k].begin() if k in cut else Step(k, convert, task) for k, task in enumerate(tasks)]

    def then(step: Step, outcome: Outcome) -> list[Step]:
        return [] if step.job is convert else cut[step.number].then(outcome)

    ranges.mkdir()
    try:
        for step, outcome in at_work.follow(steps, files, then):
            if step.job is convert:
                yield step.number, cut[step.number].ended(outcome) if step.number in cut else outcome
    finally:
        shutil.rmtree(ranges, ignore_errors=True)


@dataclass
class _CutFile:
    """A file whose ranges are converted.

    Args:
        number, task: of its conversion.
        folder: of the ranges.
        parts: files of these, in order.
        left_out: what will not be in the output.
        outcomes: of all tasks but the last one.
    """

    number: int
    task: Task
    folder: Path
    parts: list[str] = field(default_factory=list)
    left_out: tuple[str, ...] = ()
    outcomes: list[Outcome] = field(default_factory=list)

    def begin(self) -> Step:
        """Return the first step."""
        return Step(self.number, CUTTINGS[self.task["conversion"]].begin, self._part())

    def then(self, outcome: Outcome) -> list[Step]:
        """Return what is to be done when a range is."""
        self.outcomes.append(outcome)
        if len(self.outcomes) == 1 and not outcome.error and outcome.value.n_blocks > outcome.value.done:
            begun, job = outcome.value, CUTTINGS[self.task["conversion"]].further
            self.left_out, first = begun.left_out, self.parts[0]
            starts = range(begun.done, begun.n_blocks, RANGE_BLOCKS)
            return [Step(self.number, job, {**self._part(), "first": first, "start": start}) for start in starts]
        if len(self.outcomes) < len(self.parts):
            return []
        if len(self.parts) == 1 or any(one.error for one in self.outcomes):
            return [Step(self.number, convert, self.task)]
        return [Step(self.number, convert, {**self.task, "parts": self.parts, "left_out": self.left_out})]

    def ended(self, outcome: Outcome) -> Outcome:
        """Delete the ranges, and return what became of the file."""
        shutil.rmtree(self.folder, ignore_errors=True)
        every = [*self.outcomes, outcome]
        return replace(outcome, seconds=sum(o.seconds for o in every), memory=max(o.memory for o in every))

    def _part(self) -> Task:
        self.parts.append(str(self.folder / str(len(self.parts))))
        return {**self.task, "part": self.parts[-1]}


def _is_large(task: Task) -> bool:
    """Tell whether a file is cut: one that is done already is not, as far as its size tells."""
    source, coding = Path(task["source"]), task["options"].get("coding", "entropy")
    if task["conversion"] not in CUTTINGS or coding != "entropy" or not source.is_file():
        return False
    size = source.stat().st_size
    return size >= CUTTINGS[task["conversion"]].large_bytes and task["known"].get("bytes") != size


def begin_compression(task: Task, luggage: Path) -> Begun:
    """Compress the first block of a file.

    Args:
        task: of `conversions.convert`, and `part`, the file to write.
        luggage: folder of the files that it needs.
    """
    n_blocks, summary = write_first(task["source"], _made(task["part"]), **columns_options(task, luggage))
    return Begun() if summary is None else Begun(n_blocks, 1, left_out_of(summary))


def compress_further(task: Task, luggage: Path) -> None:
    """Compress further blocks of a file.

    Args:
        task: as of `begin_compression`, `first`, what that wrote, and `start`, the first block.
        luggage: folder of the files that it needs.
    """
    how, first = columns_options(task, luggage), Path(task["first"])
    write_range(task["source"], _made(task["part"]), first, task["start"], RANGE_BLOCKS, **how)


def begin_decompression(task: Task, luggage: Path) -> Begun:
    """Decode the first blocks of a file.

    Args:
        task, luggage: as of `begin_compression`.
    """
    if not is_compressed(find_file(task["source"])):  # but a file of jets
        return Begun()
    return Begun(_decode(task, luggage, 0), RANGE_BLOCKS)


def decompress_further(task: Task, luggage: Path) -> None:
    """Decode further blocks of a file.

    Args:
        task, luggage: as of `compress_further`.
    """
    _decode(task, luggage, task["start"])


def _decode(task: Task, luggage: Path, start: int) -> int:
    return decode_range(task["source"], _made(task["part"]), start, RANGE_BLOCKS, **decompress_options(task, luggage))


def _made(part: str) -> Path:
    """Return the path of a range, in a folder that is there."""
    path = Path(part)
    path.parent.mkdir(exist_ok=True)
    return path


CUTTINGS = {
    "compress_columns": Cutting(1 << 28, begin_compression, compress_further),
    "decompress": Cutting(1 << 26, begin_decompression, decompress_further),
}
