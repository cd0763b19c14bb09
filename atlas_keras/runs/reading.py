"""Read the jets that a run is evaluated on: those of any files, or the test split of its own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.places import EventPlaces
from atlas_keras.data.reading import PathLike
from atlas_keras.data.source import fingerprint, read_table
from atlas_keras.data.splitting import JetTable, split_events
from atlas_keras.errors import JetDataError, RunError
from atlas_keras.runs.loading import Run


@dataclass(frozen=True)
class Jets:
    """Jets to be evaluated, and where they come from.

    Args:
        table: of the jets.
        places: of their events.
        files: `data_files` and `data_sha256`.
        is_test_split: of the run itself; else all jets of some files.
        n_dropped: invalid events and jets that were left out.
    """

    table: JetTable
    places: EventPlaces
    files: dict[str, Any]
    is_test_split: bool
    n_dropped: dict[str, int]


def read_test_jets(
    run: Run,
    paths: PathLike | Sequence[PathLike] = (),
    *,
    source_unit: str | None = None,
    tree: str | None = None,
    objects: Sequence[str] | None = None,
    invalid: Literal["error", "drop"] | None = None,
    max_events: int | None = None,
) -> Jets:
    """Read jets for a run, in the unit of its model.

    Args:
        run: whose model will see them.
        paths: files or globs; nothing means the run's own data, of which the test split is taken.
        source_unit: unit of files that do not state theirs.
        tree: name of the tree in ROOT files; None takes the only one that holds jets.
        objects: ids that count as jets; None means those of the run.
        invalid: `error` or `drop`; None means as in the run.
        max_events: read no more than the first so many; None means all.

    Raises:
        JetDataError: bad input, or no jets.
        RunError: the run's own data is no longer what it was trained on.
    """
    own = run.config.data
    given = tuple(str(path) for path in ([paths] if isinstance(paths, str | Path) else paths))
    config = replace(own, paths=given, source_unit=source_unit, tree=tree) if given else own
    config = replace(config, objects=tuple(objects or own.objects), invalid=invalid or own.invalid)
    policy, places = InvalidPolicy(config.invalid), EventPlaces()  # type: ignore[arg-type]
    files = fingerprint(config.paths)
    if not given and files["data_sha256"] != run.metrics["data_sha256"]:
        names = ", ".join(file["name"] for file in files["data_files"])
        raise RunError(f"{run.path}: its data ({names}) has changed since the training; name files with --data")
    table = read_table(config, policy, places, max_events if given else None)
    if not given:
        table = split_events(table, own, run.config.training.seed)["test"]
    if table.n_jets == 0:
        raise JetDataError(f"{', '.join(given)}: no jets in {table.n_events:,} events (objects {config.objects})")
    return Jets(table, places, files, not given, {"events": policy.n_events, "jets": policy.n_jets})
