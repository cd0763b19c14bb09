"""Fit an entropy model to many files: a task a file reads the first events, and this process learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atlas_keras import extras
from atlas_keras.codec.columns.models import FirstEvents, fit_tables, read_first, share_of
from atlas_keras.data.paths import PathLike, find_file
from atlas_keras.distributed.progress import FileProgress
from atlas_keras.distributed.scheduling import LOOP, Task, naming, workers
from atlas_keras.errors import JetDataError
from atlas_keras.output import check_free
from atlas_keras.system import using_threads


def fit_to_files(
    sources: Sequence[PathLike],
    target: str | Path,
    bounds: Sequence[str] = (),
    *,
    scheduler: str = LOOP,
    force: bool = False,
    jobs: int | None = None,
    progress: bool | None = None,
    **reading: Any,
) -> tuple[int, int, list[str]]:
    """Fit an entropy model to the columns that files have in common; one that cannot be read is left out.

    Args:
        sources: ROOT or Parquet files of one kind.
        target: the file to write.
        bounds, force, jobs: as of `fit_columns`.
        scheduler: as of `scheduling.workers`.
        progress: False hides the progress bar; None shows it on a terminal.
        reading: `columns`, `tree`, `any_size`, as of `fit_columns`.

    Returns:
        How many events were learned from, how many columns were learned, and why files were left out.

    Raises:
        JetDataError: no file can be read, or they have no column in common.
        ConfigError, RunError, MissingExtraError: as `fit_columns`.
    """
    extras.require("numba")
    check_free(Path(target), force=force, sources=[str(source) for source in sources])
    share = share_of(len(sources))
    tasks = [{"source": str(source), "n_events": share, "reading": reading, "jobs": jobs} for source in sources]
    outcomes = {}
    with workers(scheduler) as at_work, FileProgress(len(tasks), progress) as shown:
        for index, outcome in at_work.run(read_task, tasks):
            outcomes[index] = outcome
            shown.update(1, rows=0 if outcome.error else outcome.value.table.num_rows, failed=bool(outcome.error))
    ordered = [outcomes[index] for index in range(len(tasks))]
    failed = [naming(str(s), outcome.error) for s, outcome in zip(sources, ordered, strict=True) if outcome.error]
    if len(failed) == len(ordered):
        raise JetDataError(failed[0])
    with using_threads(jobs):
        n_events, n_columns = fit_tables([o.value for o in ordered if not o.error], target, bounds, force=force)
    return n_events, n_columns, failed


def read_task(task: Task, luggage: Path) -> FirstEvents:
    """Read the first events of a file.

    Args:
        task: `source`, `n_events`, and `reading`, further arguments of `read_first`.
        luggage: folder of files, of which none is needed.
    """
    return read_first(find_file(task["source"]), task["n_events"], **task["reading"])
