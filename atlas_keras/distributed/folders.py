"""Many files to a folder: an output for each input, and a manifest, by which the same call does what is missing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from atlas_keras.codec.columns.opening import is_compressed
from atlas_keras.codec.container import is_compressed_jets
from atlas_keras.data.files import find_files, is_several
from atlas_keras.data.paths import PathLike
from atlas_keras.data.remote import is_url, url_of
from atlas_keras.data.samples import PREFIX
from atlas_keras.distributed.file_ranges import convert_all
from atlas_keras.distributed.luggage import fingerprint, pack
from atlas_keras.distributed.manifest import MANIFEST, Record, read_manifest, write_manifest
from atlas_keras.distributed.progress import FileProgress
from atlas_keras.distributed.scheduling import LOOP, Outcome, Task, naming, workers
from atlas_keras.errors import ConfigError, JetDataError, RunError
from atlas_keras.system import locked


def convert_files(
    conversion: str,
    sources: Sequence[PathLike],
    folder: Path,
    ending: str,
    options: Mapping[str, Any],
    files: Mapping[str, Path] | None = None,
    *,
    scheduler: str = LOOP,
    jobs: int | None = None,
    force: bool = False,
    progress: bool | None = None,
) -> list[Record]:
    """Convert many files, each as it is alone; one that is bad does not stop the others.

    A file is left alone where the manifest of the folder has it as done, with the same options and files beside it, and
    size and checksum of the input and the size of the output are as they were.

    Args:
        conversion: of `conversions.CONVERSIONS`: `compress_columns`, `compress_jets` or `decompress`.
        sources: files, as `find_inputs` lists them.
        folder: for the outputs.
        ending: of their names.
        options: of the function for one file, plain data.
        files: that the conversion needs, by the names that `conversions` has for them.
        scheduler: as of `scheduling.workers`.
        jobs: threads or processes of each file; None takes one a core in a loop, one on a cluster.
        force: replace files that no manifest knows.
        progress: False hides the progress bar; None shows it on a terminal.

    Returns:
        What became of each input, in order.

    Raises:
        ConfigError: two inputs would have the same output.
        RunError: a file that no manifest knows is in the way, another command writes into the folder, or the cluster
            is lost.
    """
    outputs, model = _outputs(sources, ending), fingerprint(pack(files or {})) if files else ""
    plain = json.loads(json.dumps(dict(options)))
    with workers(scheduler) as at_work, _only_writer(folder):
        known = read_manifest(folder)
        records = [
            _begun(Record(source, output, options=plain, model=model), known.get(source), folder, force=force)
            for source, output in outputs.items()
        ]
        others = [record for source, record in known.items() if source not in outputs]
        write_manifest(folder, [*others, *(r if r.state == "done" else replace(r, state="waiting") for r in records)])
        tasks = [_task(record, conversion, folder, jobs) for record in records]
        with (
            (folder / MANIFEST).open("a", encoding="utf-8") as manifest,
            FileProgress(len(tasks), progress) as shown,
        ):
            for index, outcome in convert_all(at_work, tasks, folder, files or {}):
                records[index] = _ended(records[index], outcome)
                manifest.write(records[index].line)
                manifest.flush()
                shown.update(1, **_shown(records[index]))
        write_manifest(folder, [*others, *records])
    return records


def _begun(new: Record, known: Record | None, folder: Path, *, force: bool) -> Record:
    """Return what is known of an input, or a new record where it is to be done with other options.

    Raises:
        RunError: a file that no manifest knows is in the way.
    """
    if known is None or known.output != new.output:
        _check_free(folder / new.output, force=force)
        return new
    return known if (known.options, known.model) == (new.options, new.model) else new


@contextlib.contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{MANIFEST}.lock", folder, "writing files into it"):
        yield


def _outputs(sources: Sequence[PathLike], ending: str) -> dict[str, str]:
    """Name the outputs, by input."""
    outputs: dict[str, str] = {}
    for source in dict.fromkeys(map(_absolute, sources)):
        name = Path(source).name
        stem = name.removesuffix(".gz")
        output = stem.rpartition(".")[0] or stem
        outputs[source] = output + ending
    taken: dict[str, str] = {}
    for source, output in outputs.items():
        if output in taken:
            raise ConfigError(f"{taken[output]} and {source} would both become {output}; give each its own folder")
        taken[output] = source
    return outputs


def _absolute(source: PathLike) -> str:
    """Return the path that means the same on every worker."""
    is_here = not is_url(source) and not str(source).startswith(PREFIX)
    return str(Path(source).absolute()) if is_here else str(source)


def _check_free(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise RunError(f"{path}: exists, and {MANIFEST} beside it does not know it; choose another folder, or --force")


def _task(record: Record, conversion: str, folder: Path, jobs: int | None) -> Task:
    told = ("bytes", "sha256", "output_bytes", "rows", "left_out")
    return {
        "conversion": conversion,
        "source": record.input,
        "target": str(folder.absolute() / record.output),
        "options": record.options,
        "jobs": jobs,
        "known": {name: getattr(record, name) for name in told} if record.state == "done" else {},
    }


def _ended(record: Record, outcome: Outcome) -> Record:
    if outcome.error:
        error = naming(record.input, outcome.error)
        return replace(record, state="failed", error=error, seconds=outcome.seconds, memory=outcome.memory)
    if record.state == "done" and outcome.value["sha256"] == record.sha256:
        return replace(record, **outcome.value)
    return replace(record, state="done", error="", seconds=outcome.seconds, memory=outcome.memory, **outcome.value)


def _shown(record: Record) -> dict[str, int]:
    """Tell what the progress bar counts of a record."""
    if record.state == "failed":
        return {"rows": 0, "failed": 1}
    return {"rows": record.rows, "read": record.bytes, "written": record.output_bytes}


def find_inputs(paths: Iterable[PathLike], *, compressed: bool = False) -> list[str]:
    """List the files that paths mean: files, folders, patterns and URLs, those of a folder sorted by name.

    A file that is named is listed whether it is there or not: what is wrong with it is told when its turn comes.

    Args:
        paths: as of `find_files`.
        compressed: of a folder, the files of `compress` and no others.

    Raises:
        JetDataError: a pattern that fits nothing, or a folder without such a file.
    """
    found: list[str] = []
    for path in paths:
        if compressed and Path(path).is_dir():
            files = sorted(one for one in Path(path).iterdir() if _is_compressed(one))
            if not files:
                raise JetDataError(f"{path}: is a folder without a file of compress")
            found += map(str, files)
        elif is_several(path):
            found += map(url_of, find_files([path]))
        else:
            found.append(str(path))
    return found


def _is_compressed(path: Path) -> bool:
    if not path.is_file() or path.name.startswith((".", "_")):
        return False
    try:
        return is_compressed(path) or is_compressed_jets(path)
    except JetDataError:  # truncated Parquet, which is told when its turn comes
        return True
