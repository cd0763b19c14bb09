"""Read jets from any known file: find the format by content, check every jet, convert units.

The formats have a module each; this one chooses between them and holds the public functions.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from atlas_keras.data.dark_machines import read_dark_machines
from atlas_keras.data.events import EventBatch, InvalidPolicy, convert, validate
from atlas_keras.data.parquet import read_parquet
from atlas_keras.errors import JetDataError
from atlas_keras.schema import FOUR_MOMENTUM, UNITS_IN_MEV

PathLike = str | Path
SAMPLE = Path(__file__).parent / "sample" / "qcd_jets.csv.gz"


def find_files(paths: PathLike | Iterable[PathLike]) -> list[Path]:
    """Expand files and globs into existing files, sorted within each glob; nothing given means the shipped sample.

    Raises:
        JetDataError: a file that is not there, a folder, a glob without a match.
    """
    found: list[Path] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        if Path(path).is_file():
            found.append(Path(path))
            continue
        matches = sorted(Path(match) for match in glob.glob(str(path)) if Path(match).is_file())
        if not matches:
            raise JetDataError(f"{path}: no such file")
        found += matches
    return found or [SAMPLE]


def read_events(
    paths: PathLike | Sequence[PathLike] = (),
    *,
    unit: str | None = "MeV",
    source_unit: str | None = None,
    objects: Sequence[str] = ("j",),
    policy: InvalidPolicy | None = None,
    columns: Sequence[str] = (),
    tree: str | None = None,
) -> Iterator[EventBatch]:
    """Read batches of events in file order, each a table with one row an event.

    Args:
        paths: files or globs: Dark Machines text (plain or gzip), Parquet, NanoAOD or DAOD_PHYSLITE; nothing means the
            shipped sample.
        unit: unit of the energies that are returned, `MeV` or `GeV`; None means each file's own.
        source_unit: unit of files that do not state theirs (Parquet without metadata).
        objects: ids of the objects that count as jets, where the format has ids.
        policy: what happens to bad input; keep it to see what was dropped.
        columns: patterns (`*` and `?`) of further ROOT branches to keep. They keep their names; one called E, pt, eta,
            phi or mass becomes `event.pt`.
        tree: name of the tree in ROOT files, with its directories (`nominal/Events`); None takes the only one that
            holds jets.

    Yields:
        `EventBatch`es whose jets are valid.

    Raises:
        JetDataError: names file, line or event, and column.

    Example:
        >>> import atlas_keras
        >>> sum(batch.n_events for batch in atlas_keras.read_events())
        4097
    """
    if unit is not None and unit not in UNITS_IN_MEV:
        raise ValueError(f"Energies are in MeV or GeV. Received: unit={unit!r}")
    policy = policy or InvalidPolicy()
    for path in find_files(paths):
        n_events = 0
        try:
            for batch in _read(path, source_unit, tuple(objects), policy, tuple(columns), tree):
                n_events += batch.n_events
                batch = validate(batch, policy)
                yield batch if unit is None else convert(batch, unit)
        except OSError as error:
            raise JetDataError(f"{path}: {error.strerror or error}") from error
        if n_events == 0:
            raise JetDataError(f"{path}: the file holds no events")


def load_jets(
    paths: PathLike | Sequence[PathLike] = (),
    unit: str = "MeV",
    *,
    source_unit: str | None = None,
    objects: Sequence[str] = ("j",),
    invalid: Literal["error", "drop"] = "error",
    tree: str | None = None,
) -> pd.DataFrame:
    """Load all jets of one or several files.

    Args:
        paths: as in `read_events`.
        unit: as in `read_events`.
        source_unit: as in `read_events`.
        objects: as in `read_events`.
        invalid: `error`, or `drop` bad jets and lines.
        tree: as in `read_events`.

    Returns:
        One row a jet, in file order: `event` (int64, which event of all the files, from 0), `E`, `pt` [unit], `eta`,
        `phi` [rad] (float64). Events without jets have no row; `read_events` has them.

    Raises:
        JetDataError: names file, line or event, and column.

    Example:
        >>> import atlas_keras
        >>> jets = atlas_keras.load_jets(unit="GeV")
        >>> len(jets), list(jets.columns)
        (20002, ['event', 'E', 'pt', 'eta', 'phi'])
    """
    arrays, events, n_events = [], [], 0
    policy = InvalidPolicy(invalid)
    batches = read_events(paths, unit=unit, source_unit=source_unit, objects=objects, policy=policy, tree=tree)
    for batch in batches:
        arrays.append(batch.jets())
        events.append(np.repeat(np.arange(n_events, n_events + batch.n_events), batch.counts))
        n_events += batch.n_events
    frame = pd.DataFrame(np.concatenate(arrays), columns=list(FOUR_MOMENTUM.names))
    frame.insert(0, "event", np.concatenate(events))
    return frame


def _read(
    path: Path,
    source_unit: str | None,
    objects: tuple[str, ...],
    policy: InvalidPolicy,
    columns: tuple[str, ...],
    tree: str | None,
) -> Iterator[EventBatch]:
    """Choose the reader by the file's first bytes."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if not magic:
        raise JetDataError(f"{path}: the file is empty")
    if magic == b"root":
        from atlas_keras.data.root import read_root  # uproot and awkward take a while to import; few files need them

        return read_root(path, columns, tree)
    if tree is not None:
        raise JetDataError(f"{path}: no ROOT file, so it has no trees; leave out --tree {tree}")
    if columns:
        raise JetDataError(f"{path}: no ROOT file, and all its columns are kept anyway; leave out --columns")
    if magic == b"PAR1":
        return read_parquet(path, source_unit)
    return read_dark_machines(path, objects, policy)
