"""All columns of all trees of a file of any format, as Arrow tables, for programs that want whole files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from atlas_keras.data.contents import TreeContents
from atlas_keras.data.formats import format_of
from atlas_keras.data.look import read_contents
from atlas_keras.data.paths import find_file
from atlas_keras.data.remote import told
from atlas_keras.data.table import Table, refuse_doubled
from atlas_keras.errors import ConfigError, JetDataError
from atlas_keras.patterns import fits, fitting
from atlas_keras.schema import Collection, Column, Schema
from atlas_keras.suggestions import suggest

BLOCK_EVENTS, BLOCK_BYTES = 1 << 17, 1 << 24  # of a table at most, where its events are smaller than that
LIST_BYTES = 64  # of a list, where the file does not tell


@dataclass(frozen=True)
class WholeTree:
    """A tree of a file, to be read as a whole.

    Args:
        contents: of the tree.
        format: of its file, such as `ROOT`.
        table: its columns.
        names: of the columns that are read, in order.
    """

    contents: TreeContents
    format: str
    table: Table
    names: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file."""
        return self.table.path

    @property
    def left_out(self) -> Mapping[str, str]:
        """Columns that cannot be read, and why."""
        return self.table.left_out

    @property
    def described(self) -> dict[str, Column]:
        """What is known of columns of numbers, by their names in the file."""
        return self.contents.described

    def described_by(self, schema: Schema) -> dict[str, Column]:
        """Return what is known of columns, as a schema has it where it names them: by collection and column.

        Raises:
            ConfigError: the schema has a collection or a column that the tree has not.
        """
        found, known = self.described, {group.collection.name: group for group in self.contents.all_groups}
        parts = [*schema.collections, *([Collection("events", schema.events)] if schema.events else [])]
        for collection in parts:
            group = known.get(collection.name)
            if group is None:
                raise ConfigError(
                    f"{self.path}: has no collection {collection.name!r}; {suggest(collection.name, known)}"
                )
            for column in collection:
                if column.name not in group.sources:
                    hint = suggest(column.name, group.sources)
                    raise ConfigError(f"{self.path}: {collection.name} has no column {column.name!r}; {hint}")
                found[group.sources[column.name]] = column
        return found

    def tables(self, names: Sequence[str], first: int = 0) -> Iterator[pa.Table]:
        """Read columns, of plain types, a block of events at a time; at least one, also of a tree without events.

        Args:
            names: of the columns.
            first: the first block that is read; others than 0 need a table with `read_from`.

        Raises:
            JetDataError: a damaged file, or one that unfolds to much more than files of its size do.
        """
        found, step = False, self.events_a_block(names)
        with told(self.path):
            pieces = self.table.read(names, step)
            if first:
                assert self.table.read_from is not None
                pieces = self.table.read_from(names, step, first * step)
            for table in in_blocks(pieces, step):
                found = True
                yield table
        if not found:
            yield pa.schema([self.table.schema.field(name) for name in names]).empty_table()

    def events_a_block(self, names: Sequence[str]) -> int:
        """Return how many events of these columns make a block."""
        table = self.table
        usual = {field.name: LIST_BYTES if pa.types.is_nested(field.type) else 8 for field in table.schema}
        row_bytes = sum(table.row_bytes.get(name, usual[name]) for name in names)
        return max(1, min(BLOCK_EVENTS, int(BLOCK_BYTES / max(row_bytes, 1))))


def in_blocks(pieces: Iterable[pa.Table], n_rows: int) -> Iterator[pa.Table]:
    """Cut tables anew, into such of as many rows; the last one may have fewer, and none has no row."""
    waiting: list[pa.Table] = []
    missing = n_rows
    for piece in pieces:
        while piece.num_rows:
            waiting.append(piece[:missing])
            piece, missing = piece[missing:], missing - waiting[-1].num_rows
            if not missing:
                yield pa.concat_tables(waiting).combine_chunks()
                waiting, missing = [], n_rows
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


@dataclass(frozen=True)
class WholeFile:
    """A file, to be read as a whole.

    Args:
        trees: that are read, the one with most columns first.
        others: names of trees, and of what is no tree, that are not read.
    """

    trees: tuple[WholeTree, ...]
    others: tuple[str, ...] = ()


def open_whole(
    path: str | Path, tree: str | None = None, columns: Sequence[str] = (), *, any_size: bool = False
) -> WholeFile:
    """Find the trees and columns of a file.

    Args:
        path: a file of any format, or its URL.
        tree: name of the only one that is read; None reads all of them, or the largest alone where columns are named.
        columns: names and patterns (`*` and `?`) of columns; none means all.
        any_size: read the file whatever it unfolds to.

    Raises:
        JetDataError: no such file or tree, or a damaged file.
        ConfigError: a name or pattern that fits no column.
    """
    path = find_file(path)
    contents = read_contents(path, tree)
    found = sorted(contents.trees, key=_n_columns, reverse=True)
    if not found:
        raise JetDataError(f"{path}: has no trees of events")
    wanted = found[:1] if columns else found
    form, trees = format_of(path), []
    for one in wanted:
        with told(path):
            table = form.table(path, one, any_size)
        refuse_doubled(table.schema, path)
        names = _chosen(path, table, columns)
        if names or one is wanted[0]:
            trees.append(WholeTree(one, contents.format, table, names))
    kept = {one.contents.name for one in trees}
    others = [one.name for one in found if one.name not in kept]
    return WholeFile(tuple(trees), (*others, *contents.others))


def _n_columns(tree: TreeContents) -> int:
    return sum(len(g.collection) for g in tree.groups) + len(tree.event_columns) + len(tree.leftovers)


def _chosen(path: Path, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    names = table.schema.names
    for pattern in columns:
        if not fitting(names, pattern):
            hint = table.left_out.get(pattern) or suggest(pattern.strip("*?"), names)
            raise ConfigError(f"{path}: no column is called {pattern!r}; {hint}")
    return tuple(name for name in names if not columns or any(fits(name, p) for p in columns))
