"""What a format of files is: how one is known by its first bytes, what it holds, and how its events are read.

A format is an object of this kind in a module of its own, and a line in `formats.py`. One whose files are tables is
made by `table_format.py`.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.data.contents import FileContents, TreeContents
from atlas_keras.data.events import EventBatch, InvalidPolicy
from atlas_keras.data.table import Table
from atlas_keras.errors import JetDataError
from atlas_keras.schema import Collection

log = logging.getLogger(__name__)

GZIP = b"\x1f\x8b"
OBJECTS = ("j",)  # ids of the objects that count as jets, where nobody has said others


@dataclass(frozen=True)
class ReadOptions:
    """What is read of a file, see `atlas_keras.read_events` for each.

    Args:
        collection: which columns of which objects.
        source_unit: unit of energies where the file does not state it.
        policy: what happens to bad input.
        objects: ids of the objects that count as jets.
        columns: patterns of further columns to keep.
        tree: name of the tree or table.
        jet_columns: patterns of the columns that hold a value for each jet; None means what the file says.
        others: read all columns, where a format reads them anyway.
        any_size: read the file whatever it unfolds to.
        entry_start, entry_stop: of the entries of the tree or table, events or rows of objects; what is read are the
            events that begin from the first one on, and before the second; None means to the end.
    """

    collection: Collection
    source_unit: str | None = None
    policy: InvalidPolicy = field(default_factory=InvalidPolicy)
    objects: tuple[str, ...] = OBJECTS
    columns: tuple[str, ...] = ()
    tree: str | None = None
    jet_columns: Sequence[str] | None = None
    others: bool = True
    any_size: bool = False
    entry_start: int = 0
    entry_stop: int | None = None

    @property
    def is_range(self) -> bool:
        """Whether not all of a file is read."""
        return (self.entry_start, self.entry_stop) != (0, None)


@dataclass(frozen=True)
class WriteOptions:
    """How tables with a row an event are written.

    Args:
        unit: of energies; empty where nobody has stated it.
        names: what columns of the table are called in the file, where that is another name.
        objects: columns that hold a value for each object of one collection.
        counters: what counts the objects, by column of lists, where a format has counters. One that is a column itself
            is compared with the lengths of the lists, and is a counter where it equals them.
        metadata: what the file says beside its columns, where a format can.
        flat: write a row an object and not a row an event, where a format can.
        tree: name of the tree, where a format has one.
        rntuple: write an RNTuple and not a TTree.
    """

    unit: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    counters: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[bytes, bytes] = field(default_factory=dict)
    flat: bool = False
    tree: str = "Events"
    rntuple: bool = False


class Writer(Protocol):
    """Writes tables of events, one after the other, with the same columns; first of all a tree is begun."""

    def begin(self, options: WriteOptions) -> None:
        """Begin a tree: the first one, or the next where files of the format have several."""

    def write(self, table: pa.Table) -> None:
        """Write a table with a row an event, the columns of the objects as lists."""

    def close(self) -> None:
        """End the file."""


@dataclass(frozen=True)
class FileFormat:
    """A format of files.

    Args:
        name: for messages, for example `Parquet`.
        sniff: tells by the first bytes of a file whether it is of this format; of text in gzip see `unpacked`.
        read: yields the events of a file, at most some 128 MiB at a time.
        contents: lists trees, collections and columns of a file; of one tree where its name is given.
        values: yields the flat values of columns of a tree in the first events, by their names in the file; those that
            cannot be read are left out; the last argument is `any_size`.
        table: opens a tree with all of its columns; the last argument is `any_size`.
        options: which of `tree`, `columns`, `jet_columns` and `objects` it understands.
        suffixes: endings of the names of files that are written in it; none where it is read alone.
        writer: makes a writer of where to write, and the final name.
        misfits: tells which columns of a table cannot be written, and why.
        needs: columns that a table has to have to be written in it; of several formats with an ending, the one that
            needs most of a table is taken.
        n_entries: tells how many entries the tree or table has that is read, where reading can begin with any of them;
            0 where it cannot.
    """

    name: str
    sniff: Callable[[bytes], bool]
    read: Callable[[Path, ReadOptions], Iterator[EventBatch]]
    contents: Callable[[Path, str | None], FileContents]
    values: Callable[[Path, TreeContents, set[str], int, bool], Iterator[tuple[str, NDArray]]]
    table: Callable[[Path, TreeContents, bool], Table]
    options: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    writer: Callable[[Path, Path], Writer] | None = None
    misfits: Callable[[pa.Table, WriteOptions], dict[str, str]] = lambda table, options: {}
    needs: frozenset[str] = frozenset()
    n_entries: Callable[[Path, ReadOptions], int] = lambda path, options: 0

    def check(self, path: Path, options: ReadOptions) -> None:
        """Refuse options that files of this format have no use for.

        Ids of objects are told in a warning alone: a configuration has them for all of its files.

        Raises:
            JetDataError: names the option.
        """
        self.check_tree(path, options.tree)
        if options.is_range and not self.n_entries(path, options):
            raise JetDataError(f"{path}: is read from its begin alone; leave out entry_start and entry_stop")
        if options.columns and "columns" not in self.options:
            raise JetDataError(f"{path}: all columns of {self.name} are kept anyway; leave out --columns")
        if options.jet_columns is not None and "jet_columns" not in self.options:
            raise JetDataError(
                f"{path}: {self.name} says itself which columns belong to the jets; leave out --jet-columns"
            )
        if options.objects != OBJECTS and "objects" not in self.options:
            log.warning("%s: %s has no ids of objects; --objects makes no difference", path, self.name)

    def check_tree(self, path: Path, tree: str | None) -> None:
        """Refuse the name of a tree where there are none.

        Raises:
            JetDataError: says so.
        """
        if tree is not None and "tree" not in self.options:
            raise JetDataError(f"{path}: {self.name} has no trees; leave out --tree {tree}")


def unpacked(head: bytes) -> bytes:
    """Unpack the first bytes of a file where they are gzip, as far as they can be."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, len(head))
    except zlib.error:
        return b""


def open_unpacked(path: Path) -> BinaryIO:
    """Open a file, plain or gzip: its content, unpacked."""
    stream = path.open("rb")
    packed = stream.read(len(GZIP)) == GZIP
    stream.seek(0)
    if not packed:
        return stream
    content = gzip.GzipFile(fileobj=stream)
    content.myfileobj = cast(Any, stream)  # which it closes with itself
    return cast(BinaryIO, content)


def create_text(path: Path, name: Path) -> BinaryIO:
    """Create a file of text, in gzip where its final name says so: without a time, so that one text is one file.

    Args:
        path: where to write.
        name: the final name.
    """
    stream = path.open("wb")
    if not name.name.lower().endswith(".gz"):
        return stream
    content = gzip.GzipFile("", "wb", 6, stream, mtime=0)
    content.myfileobj = cast(Any, stream)  # which it closes with itself
    return cast(BinaryIO, content)
