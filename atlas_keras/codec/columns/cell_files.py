"""The coding `parquet`: cells in the place of floats, in a Parquet file that others read without this package.

A float column of any shape becomes int32, in the same lists and structs; all other columns, and floats that keep every
bit, stay as they are. How values follow from cells stands in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atlas_keras.codec.columns.cells import (
    KEY,
    MARKED,
    VERSION,
    Grid,
    events_of,
    from_bits,
    take_column,
    take_verbatim,
    with_values,
)
from atlas_keras.codec.columns.events import CompressedEvents
from atlas_keras.codec.columns.layout import arrow_type, layout_of, leaves_of, put_together
from atlas_keras.codec.columns.quantizer import kept
from atlas_keras.codec.columns.reader import naming
from atlas_keras.codec.digest import check_digest, find_digest
from atlas_keras.data.arrow_types import n_leaves
from atlas_keras.data.contents import TreeContents
from atlas_keras.data.parquet import PARQUET
from atlas_keras.data.parquet_footer import MAGIC as PARQUET_MAGIC
from atlas_keras.data.parquet_footer import footer_of
from atlas_keras.data.remote import opened
from atlas_keras.data.table import Table
from atlas_keras.errors import ConfigError, JetDataError, RunError
from atlas_keras.schema import Bound


class CellFile(CompressedEvents):
    """A file of cells, opened.

    Args:
        path: of the file.
        table: of its columns, cells and all.
        said: what its metadata says.
    """

    def __init__(self, path: Path, table: Table, said: Mapping[str, Any]) -> None:
        self.path, self._table, self._said = path, table, said
        self._grids = {name: Grid.from_dict(grid) for name, grid in said["columns"].items()}
        self._verbatim: str = said["verbatim"]
        types = {}
        for field in table.schema:
            if field.name != self._verbatim:
                node = layout_of(field.type, nullable=False)
                types[field.name] = arrow_type(with_values(node, leaves_of(field.name, node, 0), self._grids))
        super().__init__(str(path), dict(said["about"]), types, np.array([0, table.n_rows], np.int64))

    def close(self) -> None:
        """Leave the file, which is opened for each read."""

    def bounds(self) -> dict[str, str]:
        """Return the bounds of all columns, and of all parts of structs."""
        return dict(self._said["bounds"])

    def check(self) -> None:
        """Decode all of the file, whose digest was compared when it was opened.

        Raises:
            JetDataError: the file is damaged.
        """
        for _ in self.tables():
            pass

    def describe(self) -> dict[str, Any]:
        """Return what the file says of itself, as JSON can hold it."""
        _, footer = footer_of(self.path)
        sizes, leaf = {}, 0
        for field in self._table.schema:
            n = n_leaves(field.type)
            sizes[field.name] = sum(self._table.n_bytes[leaf : leaf + n])
            leaf += n
        return {
            "format_version": VERSION,
            "coding": "parquet",
            **self.about,
            "n_events": self.num_entries,
            "n_blocks": 1,
            "head_bytes": len(footer),
            "index_bytes": 0,
            "columns": {
                name: {"type": str(kind), "bound": self._bound_of(name), "bytes": sizes[name]}
                for name, kind in self.types.items()
            },
            "bytes": self.path.stat().st_size,
            "digest": find_digest(self.path)[1],
            "other_trees": {},
        }

    def _bound_of(self, name: str) -> str:
        bounds = self.bounds()
        found = dict.fromkeys(bounds[leaf] for leaf in _leaf_names(name, self._table) if leaf in bounds)
        return ", ".join(found) or "exact"

    def _parts(self, names: list[str], start: int, stop: int) -> Iterator[pa.Table]:
        at = 0
        coded = [name for name in self.types if any(leaf in self._grids for leaf in _leaf_names(name, self._table))]
        # A row has its verbatim values in the order of all columns, so that those before a chosen one are read, too.
        last = (
            max((coded.index(name) for name in names if name in coded), default=-1) if self._said["n_verbatim"] else -1
        )
        read = list(dict.fromkeys([*coded[: last + 1], *names]))
        for piece in self._table.read([*read, self._verbatim], None):
            if at < stop and at + piece.num_rows > start:
                with naming(self.name):
                    table = self._decode(piece, read, names)
                yield table.slice(max(start - at, 0), min(stop - at, piece.num_rows) - max(start - at, 0))
            at += piece.num_rows

    def _decode(self, piece: pa.Table, read: Sequence[str], names: Sequence[str]) -> pa.Table:
        columns = {name: take_column(name, piece[name]) for name in read}
        marked: dict[tuple[str, int], NDArray] = {}
        for name, (_, leaves, arrays) in columns.items():
            for at, leaf in enumerate(leaves):
                if leaf.name in self._grids:
                    marked[name, at] = events_of(leaves, at, arrays, piece.num_rows)[arrays[at] == MARKED]
        bits = take_verbatim(list(marked.values()), piece[self._verbatim])
        verbatim = dict(zip(marked, bits, strict=True))
        found = {}
        for name in names:
            node, leaves, arrays = columns[name]
            if not any(leaf.name in self._grids for leaf in leaves):
                found[name] = piece[name]
                continue
            values = list(arrays)
            for at, leaf in enumerate(leaves):
                if leaf.name in self._grids:
                    grid = self._grids[leaf.name]
                    values[at] = grid.values(arrays[at], from_bits(verbatim[name, at], grid.quantizer.dtype))
            found[name] = put_together(iter(values), with_values(node, leaves, self._grids), piece.num_rows)
        return pa.table(found)


def is_cell_file(path: Path) -> bool:
    """Tell whether a file is of this coding.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        if stream.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
            return False
    try:
        return KEY in footer_of(path)[1]
    except JetDataError:
        return False


def open_cells(path: Path) -> CellFile:
    """Open a file of this coding; its digest is compared first of all.

    Raises:
        JetDataError: a damaged file.
    """
    check_digest(path)
    table = PARQUET.table(path, TreeContents("", "table", 0, None, (), None), False)
    try:
        with opened(path) as source:
            said = json.loads(pq.read_metadata(source).metadata[KEY])
        if said["version"] != VERSION:
            raise JetDataError(f"{path}: is of version {said['version']!r} of the coding parquet, which is not known")
        if (
            type(said["n_verbatim"]) is not int
            or said["verbatim"] not in table.schema.names
            or not isinstance(said["bounds"], dict)
        ):
            raise ValueError("no columns")
        if not all(isinstance(value, str) for value in (*said["about"].values(), *said["bounds"].values())):
            raise ValueError("no texts")
        return CellFile(path, table, said)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
        raise JetDataError(f"{path}: what the file says of its cells is damaged") from error


def check_cells(tables: Iterator[pa.Table], path: Path) -> None:
    """Read a file back, and compare all of it with its source.

    Args:
        tables: of the source, of the columns that are kept.
        path: of the file.

    Raises:
        RunError: something does not come back, which is a fault of this package.
    """
    with open_cells(path) as file:
        bounds, found = file.bounds(), file.tables()
        rest = pa.table({})
        for before in tables:
            parts: list[pa.Table] = []
            while (missing := before.num_rows - sum(part.num_rows for part in parts)) > 0:
                rest = rest if rest.num_rows else next(found)
                parts.append(rest.slice(0, missing))
                rest = rest.slice(missing)
            after = pa.concat_tables(parts) if parts else before
            for name in before.column_names:
                _, leaves, values = take_column(name, before[name])
                for leaf, x, y in zip(leaves, values, take_column(name, after[name])[2], strict=True):
                    exact = leaf.role != "values" or x.dtype.kind != "f"
                    same = np.array_equal(x, y) if exact else kept(x, y, Bound.parse(bounds[leaf.name])).all()
                    if x.dtype != y.dtype or not same:
                        raise RunError(f"column {name} does not come back from its cells; please report this")


def _leaf_names(name: str, table: Table) -> list[str]:
    node = layout_of(table.schema.field(name).type, nullable=False)
    return [leaf.name for leaf in leaves_of(name, node, 0)]
