"""Read the jets that a run is evaluated on: those of any files, or the test split of its own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.readers import PathLike, find_files
from atlas_keras.data.source import fingerprint, read_table
from atlas_keras.data.splitting import JetTable, split_events
from atlas_keras.errors import RunError
from atlas_keras.evaluation.run import Run


@dataclass(frozen=True)
class Jets:
    """Jets to be evaluated, and where they come from.

    Args:
        table: of the jets.
        positions: of their events.
        files: `data_files` and `data_sha256`.
        is_test_split: of the run itself; else all jets of some files.
        n_dropped: invalid events and jets that were left out.
    """

    table: JetTable
    positions: EventPositions
    files: dict[str, Any]
    is_test_split: bool
    n_dropped: dict[str, int]


def read_test_jets(
    run: Run,
    paths: PathLike | Sequence[PathLike] | None = None,
    *,
    source_unit: str | None = None,
    tree: str | None = None,
    objects: Sequence[str] | None = None,
    invalid: Literal["error", "drop"] | None = None,
    max_events: int | None = None,
    any_size: bool = False,
) -> Jets:
    """Read jets for a run, in the unit of its model.

    Args:
        run: whose model will see them.
        paths: files, folders, patterns or URLs; None is the run's own data, of which the test split is taken.
        source_unit: unit of files that do not state theirs.
        tree: name of the tree in ROOT files; None takes the only one that holds jets.
        objects: ids that count as jets; None means those of the run.
        invalid: `error` or `drop`; None means as in the run.
        max_events: read no more than the first so many; None means all.
        any_size: read files whatever they unfold to in memory; the run's own data as the run was told.

    Raises:
        JetDataError: bad input, or no jets.
        RunError: the run's own data is no longer what it was trained on.
    """
    own = run.config.data
    config, given = own, paths is not None
    if given:
        config = replace(own, paths=tuple(map(str, find_files(paths))), source_unit=source_unit, tree=tree)
        config = replace(config, any_size=any_size)
    files = fingerprint(config.paths)
    config = replace(config, objects=tuple(objects or own.objects), invalid=invalid or own.invalid)
    policy, positions = InvalidPolicy(config.invalid), EventPositions()  # type: ignore[arg-type]
    if not given and files["data_sha256"] != run.record.data_sha256:
        names = [file["name"] for file in files["data_files"]]
        name = names[0] + (f" and {len(names) - 1} other files" if names[1:] else "")
        raise RunError(f"{run.path}: its data ({name}) has changed since the training; name files with --data")
    table = read_table(config, policy, positions, max_events if given else None)
    if not given:
        table = split_events(table, own, run.config.training.seed)["test"]
    return Jets(table, positions, files, not given, {"events": policy.n_events, "jets": policy.n_jets})
