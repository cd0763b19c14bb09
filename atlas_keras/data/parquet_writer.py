"""Write Parquet: a row an event with lists of jets, or a row a jet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.table import COLLECTION_KEY, JETS_KEY, UNIT_KEY
from atlas_keras.schema import EVENTS


class ParquetWriter:
    """Writes events to a Parquet file, a row group or more for each table.

    Args:
        path: where to write.
        name: the final name.
        options: how; the unit stands in the file's metadata, and so do the columns of the jets where they are known.
    """

    def __init__(self, path: Path, name: Path, options: WriteOptions) -> None:
        self.path, self.options = path, options
        self.metadata = {UNIT_KEY: options.unit.encode()}
        if not options.flat and options.jet_columns is not None:
            # Columns of the events are none of objects: without lists, a row is an event because this is empty.
            own = () if options.collection.name == EVENTS else options.collection.names
            names = [options.names.get(column, column) for column in (*own, *options.jet_columns)]
            self.metadata[JETS_KEY] = json.dumps(list(dict.fromkeys(names))).encode()
            if options.names.keys() & set(own):  # which have the name of their collection in front
                self.metadata[COLLECTION_KEY] = options.collection.name.encode()
        self.file: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Write a table with a row an event, the columns of the jets as lists."""
        table = flatten(table, self.options.collection.names[0]) if self.options.flat else table
        table = table.rename_columns([self.options.names.get(name, name) for name in table.column_names])
        if self.file is None:
            schema = table.schema.with_metadata({**(table.schema.metadata or {}), **self.metadata})
            self.file = pq.ParquetWriter(self.path, schema, compression="zstd", compression_level=1)
        self.file.write_table(table.replace_schema_metadata(self.file.schema.metadata))

    def close(self) -> None:
        """End the file."""
        if self.file is not None:
            self.file.close()


def flatten(table: pa.Table, leader: str) -> pa.Table:
    """Turn rows of events into rows of jets: lists are joined, what is no list is repeated for each jet.

    Args:
        table: one row an event.
        leader: a column that has a value for each jet.
    """
    rows = pa.array(np.repeat(np.arange(table.num_rows), pc.list_value_length(table[leader]).to_numpy()))
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name]
        columns[name] = pc.list_flatten(column) if pa.types.is_list(column.type) else column.take(rows)
    return pa.table(columns)
