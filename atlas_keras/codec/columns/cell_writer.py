"""Write the coding `parquet`: cells in the place of floats, and how values follow from them in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atlas_keras.codec.columns.cells import (
    KEY,
    MARKED,
    VERSION,
    Grid,
    bits_as_integers,
    events_of,
    take_column,
    verbatim_lists,
    with_cells,
)
from atlas_keras.codec.columns.layout import Leaf, put_together
from atlas_keras.codec.columns.planning import SAMPLE
from atlas_keras.codec.columns.quantizer import Quantizer
from atlas_keras.codec.digest import seal
from atlas_keras.codec.header import NO_DIGEST
from atlas_keras.schema import Bound

VERBATIM = "verbatim"  # the column of values that are stored as they are; with underscores behind it where it is taken


class CellWriter:
    """Writes a file of cells.

    Args:
        path: where to write.
        about: what the file says of its source.
        bounds: of the leaves that hold values, by name.
        level: of zstd.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], bounds: Mapping[str, Bound], level: int) -> None:
        self.path, self.about, self.bounds, self.level = path, about, bounds, level
        self.grids: dict[str, Grid] | None = None
        self.file: pq.ParquetWriter | None = None
        self.verbatim, self.n_verbatim = VERBATIM, 0

    def write(self, table: pa.Table) -> None:
        """Write a table, as a row group or more."""
        columns = {name: take_column(name, table[name]) for name in table.column_names}
        if self.grids is None:
            self.grids = {}
            for _, leaves, arrays in columns.values():
                self.grids |= self._fit(leaves, arrays)
        written, rows, bits = {}, [], []
        for name, (node, leaves, arrays) in columns.items():
            arrays = list(arrays)
            for at, leaf in enumerate(leaves):
                if leaf.name in self.grids:
                    arrays[at], verbatim = self.grids[leaf.name].cells(arrays[at])
                    rows.append(events_of(leaves, at, columns[name][2], table.num_rows)[arrays[at] == MARKED])
                    bits.append(bits_as_integers(verbatim))
            is_coded = any(leaf.name in self.grids for leaf in leaves)
            cells = iter(arrays), with_cells(node, leaves, self.grids), table.num_rows
            written[name] = put_together(*cells) if is_coded else table[name]
        while self.file is None and self.verbatim in written:
            self.verbatim += "_"
        self.n_verbatim += sum(map(len, bits))
        written[self.verbatim] = verbatim_lists(rows, bits, table.num_rows)
        if self.file is None:
            schema = pa.schema([pa.field(name, array.type) for name, array in written.items()])
            self.file = pq.ParquetWriter(
                self.path, schema, compression="zstd", compression_level=self.level, write_statistics=False
            )
        self.file.write_table(pa.table(written), row_group_size=max(table.num_rows, 1))

    def close(self) -> None:
        """Write what values follow by, and the digest."""
        assert self.file is not None
        assert self.grids is not None
        said = {
            "version": VERSION,
            "about": dict(self.about),
            "verbatim": self.verbatim,
            "n_verbatim": self.n_verbatim,
            "bounds": {name: str(bound) for name, bound in self.bounds.items()},
            "columns": {name: grid.to_dict() for name, grid in self.grids.items()},
            "digest": NO_DIGEST,
        }
        self.file.add_key_value_metadata({KEY.decode(): json.dumps(said, separators=(",", ":"))})
        self.file.close()
        seal(self.path)

    def _fit(self, leaves: Sequence[Leaf], arrays: Sequence[NDArray]) -> dict[str, Grid]:
        found = {}
        for leaf, values in zip(leaves, arrays, strict=True):
            if leaf.role == "values" and leaf.dtype in ("float32", "float64"):
                bound = self.bounds[leaf.name]
                quantizer = Quantizer.fit(values[:SAMPLE], bound)
                if quantizer.kind not in ("integers", "floats"):
                    found[leaf.name] = Grid(bound, quantizer)
        return found
