"""Read jets from any known file: find the format by content, check every jet, convert units.

The formats have a module each, `formats.py` chooses between them; this module holds the public functions.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from atlas_keras.data.arrow_types import plain
from atlas_keras.data.events import EventBatch, InvalidPolicy, convert, validate
from atlas_keras.data.file_format import OBJECTS, ReadOptions
from atlas_keras.data.files import PathLike, find_files
from atlas_keras.data.formats import format_of
from atlas_keras.data.kept_columns import SameInAll
from atlas_keras.data.limits import check_events, check_size
from atlas_keras.data.remote import told
from atlas_keras.errors import JetDataError, NoEventsError
from atlas_keras.schema import FOUR_MOMENTUM, UNITS_IN_MEV, Collection

__all__ = ["PathLike", "find_files", "load_jets", "no_jets", "read_events"]

log = logging.getLogger(__name__)


def read_events(
    paths: PathLike | Sequence[PathLike] | None = None,
    *,
    collection: Collection = FOUR_MOMENTUM,
    unit: str = "MeV",
    source_unit: str | None = None,
    objects: Sequence[str] = OBJECTS,
    policy: InvalidPolicy | None = None,
    columns: Sequence[str] = (),
    tree: str | None = None,
    jet_columns: Sequence[str] | None = None,
    others: bool = True,
    any_size: bool = False,
    entry_start: int = 0,
    entry_stop: int | None = None,
) -> Iterator[EventBatch]:
    """Read batches of events in file order, each a table with one row an event.

    A file without events or jets is told in a warning if it is one of several; one without a byte is an error.

    Args:
        paths: files, folders, patterns (`*`, `?`, `**`) or URLs, of any of `atlas_keras.data.formats`; None is the
            shipped sample.
        collection: which columns of the jets are read, by the names that the format has for them: in ROOT files what
            stands behind `Jet_` or `AnalysisJetsAuxDyn.`. E is computed where the file stores pt, eta and mass.
        unit: unit of the energies that are returned, `MeV` or `GeV`; `file` keeps each file's own.
        source_unit: unit of files that do not state theirs.
        objects: ids of the objects that count as jets, where the format has ids.
        policy: what happens to bad input; keep it to see what was dropped.
        columns: patterns (`*` and `?`) of further columns to keep, in ROOT files and beside collections that are found
            by their name. They keep their names; one called as a column of the jets, pt, becomes `event.pt`. All files
            have to have them. Tables whose columns are called pt, eta, phi keep all of theirs.
        tree: name of the tree in ROOT files, with its directories (`nominal/Events`), or of the table in HDF5 and NumPy
            files; None takes the only one that holds the collection.
        jet_columns: patterns of the columns with lists, of tables called as above, that hold a value for each jet
            beside E, pt, eta, phi and mass; dropping jets needs to know. None means what the file's metadata says.
        others: read all columns of such tables; False leaves out those with lists that are not of the collection, where
            only the jets are wanted.
        any_size: read files whatever they unfold to. Without it, a file that takes more than 256 MiB in memory and more
            than a thousand times its size is refused, and so is an event of more than ten million jets.
        entry_start, entry_stop: entries of each file, from 0: events of ROOT and of tables with lists, rows of tables
            with a row an object. What is read are the events that begin with these entries; None means to the end.
            Others than all can be chosen in ROOT and Parquet alone.

    Returns:
        An iterator of batches, each an `EventBatch` whose jets are valid.

    Raises:
        JetDataError: names file, line, row or event, and column.
        MissingExtraError: a package is not installed that a file needs.

    Example:
        >>> import atlas_keras
        >>> sum(batch.n_events for batch in atlas_keras.read_events())
        4097
    """
    policy = policy or InvalidPolicy()
    options = ReadOptions(
        collection, source_unit, policy, tuple(objects), tuple(columns), tree, jet_columns, others, any_size,
        entry_start, entry_stop,
    )  # fmt: skip
    return read_batches(paths, unit, options)


def read_batches(paths: PathLike | Iterable[PathLike] | None, unit: str, options: ReadOptions) -> Iterator[EventBatch]:
    """Read batches of events as `read_events` does, with its options as one object.

    Args:
        paths, unit: as in `read_events`.
        options: all the rest.

    Raises:
        JetDataError, MissingExtraError: as in `read_events`.
    """
    collection, policy = options.collection, options.policy
    if not isinstance(collection, Collection):
        raise TypeError(
            "collection is a Collection, as choose_collection(path, 'Muon', ['pt', 'eta']) makes one. "
            f"Received: {collection!r}"
        )
    if unit not in (*UNITS_IN_MEV, "file"):
        raise ValueError(f"Energies are in MeV or GeV, or in the file's unit. Received: unit={unit!r}")
    files = find_files(paths)
    total, same = 0, SameInAll(options.columns)
    for path in files:
        n_events = n_jets = n_bytes = 0
        with told(path):
            form = format_of(path)
            form.check(path, options)
            for batch in form.read(path, options):
                n_bytes += batch.table.nbytes
                if not options.any_size:
                    check_size(path, n_bytes)
                    check_events(path, batch.counter, batch.numbers, batch.counts)
                n_events += batch.n_events
                n_jets += int(batch.counts.sum())
                same.check(batch.table.column_names, path)
                batch = validate(replace(batch, table=plain(batch.table)), policy)
                yield batch if unit == "file" else convert(batch, unit)
        total += n_events
        if n_jets == 0 and len(files) > 1:
            log.warning("%s holds no %s", path, collection.title if n_events else "events")
    if total == 0:
        raise NoEventsError(f"{files[0]}: holds no events" + (", nor do the other files" if len(files) > 1 else ""))


def load_jets(
    paths: PathLike | Sequence[PathLike] | None = None,
    unit: str = "MeV",
    *,
    collection: Collection = FOUR_MOMENTUM,
    source_unit: str | None = None,
    objects: Sequence[str] = OBJECTS,
    invalid: Literal["error", "drop"] = "error",
    tree: str | None = None,
    any_size: bool = False,
) -> pd.DataFrame:
    """Load all jets of one or several files.

    Args:
        paths, unit, collection, source_unit, objects, tree, any_size: as in `read_events`.
        invalid: `error`, or `drop` bad jets and lines.

    Returns:
        One row a jet, in file order: `event` (int64, which event of all the files, from 0), and the columns of the
        collection (float64): `E`, `pt` [unit], `eta`, `phi` [rad]. Events without jets have no row; `read_events` has
        them.

    Raises:
        JetDataError: names file, line or event, and column; or files without a jet.

    Example:
        >>> import atlas_keras
        >>> jets = atlas_keras.load_jets(unit="GeV")
        >>> len(jets), list(jets.columns)
        (20002, ['event', 'E', 'pt', 'eta', 'phi'])
    """
    arrays, events, n_events = [], [], 0
    policy = InvalidPolicy(invalid)
    options = ReadOptions(collection, source_unit, policy, tuple(objects), tree=tree, others=False, any_size=any_size)
    for batch in read_batches(paths, unit, options):
        arrays.append(batch.jets())
        events.append(np.repeat(np.arange(n_events, n_events + batch.n_events), batch.counts))
        n_events += batch.n_events
    if not any(map(len, arrays)):
        raise no_jets(paths, n_events, objects, policy, collection.title)
    frame = pd.DataFrame(np.concatenate(arrays), columns=list(collection.names))
    frame.insert(0, "event", np.concatenate(events))
    return frame


def no_jets(
    paths: PathLike | Iterable[PathLike] | None,
    n_events: int,
    objects: Sequence[str],
    policy: InvalidPolicy,
    title: str,
) -> JetDataError:
    """Make the error of files with events in which there is none of the objects, which messages call by the title."""
    files = find_files(paths)
    names = str(files[0]) + (f" and {len(files) - 1} other files" if len(files) > 1 else "")
    dropped = f"; {policy.n_jets:,} invalid ones were dropped" if policy.n_jets else ""
    ids = "" if tuple(objects) == OBJECTS else f" (objects {','.join(objects)})"
    return JetDataError(f"{names}: no {title} in {n_events:,} events{ids}{dropped}")
