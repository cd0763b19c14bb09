"""From compressed files to ROOT, Parquet and text."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from atlas_keras.codec.columns.events import CompressedEvents
from atlas_keras.codec.columns.opening import open_compressed
from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.writers import write_trees, written_formats
from atlas_keras.output import check_free, whole_file


@dataclass(frozen=True)
class Decompressed:
    """What has been written.

    Args:
        n_events: number of events.
        left_out: columns that a file of the format cannot hold.
        other_trees: trees that are not in the file.
    """

    n_events: int
    left_out: tuple[str, ...]
    other_trees: tuple[str, ...]


def decompress_columns(
    source: str | Path,
    target: str | Path,
    *,
    columns: Sequence[str] = (),
    tree: str | None = None,
    model: str | Path | None = None,
    ntuple: bool = False,
    force: bool = False,
) -> Decompressed:
    """Write the columns of a compressed file as ROOT, Parquet or text.

    Args:
        source: file of `compress_columns`, or its URL.
        target: the file to write: `.parquet`, `.root`, or `.csv`, `.csv.gz`, which have a row an event, or a row an
            object where columns of one collection are chosen.
        columns: names and patterns of the columns to write, of one tree; none means all.
        tree: name of the only one to write; None means all in ROOT, and the largest one in other formats.
        model: the entropy model that the file was made with, where it is not embedded.
        ntuple: write RNTuples and not TTrees.
        force: replace a file that exists.

    Raises:
        JetDataError: a damaged file, no such tree or column, an ending that chooses no format, or a table that no file
            of the format holds.
        RunError: the target exists.
    """
    target = Path(target)
    check_free(target, force=force, sources=[source])
    (*_, form) = written_formats(target)
    with open_compressed(source, model) as file:
        one = file if tree is None else file.tree(tree)
        every = "tree" in form.options and tree is None and not columns
        chosen = [file.tree(name) for name in file.trees] if every else [one]
        with whole_file(target, force=force) as unfinished:
            left_out = write_trees(unfinished, target, ((_options(t, ntuple), _tables(t, columns)) for t in chosen))
        names = [t.name_of_tree for t in chosen]
        return Decompressed(one.num_entries, tuple(left_out), tuple(name for name in file.trees if name not in names))


def _options(tree: CompressedEvents, ntuple: bool) -> WriteOptions:
    return WriteOptions(
        str(tree.about.get("unit", "")), counters=tree.counters(), tree=tree.name_of_tree or "Events", rntuple=ntuple
    )


def _tables(tree: CompressedEvents, columns: Sequence[str]) -> Iterable[pa.Table]:
    """Decode the tables, at least one: a file without events has columns, too."""
    chosen = columns or None
    return itertools.chain(tree.tables(chosen), [] if tree.num_entries else [tree.table(chosen)])
