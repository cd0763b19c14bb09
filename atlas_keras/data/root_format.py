"""ROOT as a format of files; uproot and awkward, which take a while to import, are imported for such a file alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.data.contents import FileContents, TreeContents
from atlas_keras.data.events import EventBatch
from atlas_keras.data.file_format import FileFormat, ReadOptions, WriteOptions, Writer
from atlas_keras.data.remote import is_url, url_of
from atlas_keras.data.table import Table

log = logging.getLogger(__name__)

MAGIC = b"root"


def _read(path: Path, options: ReadOptions) -> Iterator[EventBatch]:
    from atlas_keras.data.root import read_root

    return read_root(path, options)


def _n_entries(path: Path, options: ReadOptions) -> int:
    extras.require("uproot")
    from atlas_keras.data.root import n_entries

    return n_entries(path, options)


def _contents(path: Path, tree: str | None) -> FileContents:
    extras.require("uproot")
    from atlas_keras.data.root_contents import read_contents
    from atlas_keras.data.root_faults import damage_told

    with opened(path) as file:
        if (size := path.stat().st_size) < file.file.fEND:
            log.warning("%s: is truncated, it has %d of %d bytes", path, size, file.file.fEND)
        with damage_told(path, file):
            return read_contents(path, file, tree)


def _values(
    path: Path, tree: TreeContents, sources: set[str], n_events: int, any_size: bool
) -> Iterator[tuple[str, NDArray]]:
    extras.require("uproot")
    import awkward as ak

    from atlas_keras.data.root_trees import events_trees, open_tree

    with opened(path) as file:
        branches = open_tree(events_trees(file, path, tree.name)[tree.name])[1]
        stop = min(n_events, tree.n_events)
        for name, branch in branches.items():
            if name not in sources:
                continue
            try:
                array = branch.array(entry_stop=stop)
                yield name, ak.to_numpy(ak.flatten(array) if array.ndim > 1 else array)
            except Exception:
                continue


def _table(path: Path, tree: TreeContents, any_size: bool) -> Table:
    from atlas_keras.data.root_tables import open_table

    return open_table(path, tree, any_size)


def _writer(path: Path, name: Path) -> Writer:
    from atlas_keras.data.root_writer import RootWriter

    return RootWriter(path, name)


def _misfits(table: pa.Table, options: WriteOptions) -> dict[str, str]:
    from atlas_keras.data.root_writer import misfits

    return misfits(table, options)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a ROOT file with uproot for a while.

    Raises:
        JetDataError: a damaged file.
        MissingExtraError: uproot is not installed.
    """
    extras.require("uproot")
    import uproot

    from atlas_keras.data.root_faults import damage, forgetting

    try:
        file = uproot.open(url_of(path) if is_url(path) else path)
    except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors of damaged files through
        raise damage(path, error) from error
    with file, forgetting():
        yield file


ROOT = FileFormat(
    "ROOT",
    lambda head: head.startswith(MAGIC),
    _read,
    _contents,
    _values,
    _table,
    frozenset({"tree", "columns"}),
    (".root",),
    _writer,
    _misfits,
    n_entries=_n_entries,
)
