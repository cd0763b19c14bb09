"""Write Parquet: a row an event with lists of objects, or a row an object."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.table import UNIT_KEY
from atlas_keras.data.table_rows import rows_of_objects


class ParquetWriter:
    """Writes events to a Parquet file, a row group or more for each table.

    Args:
        path: where to write.
        name: the final name.
    """

    def __init__(self, path: Path, name: Path) -> None:
        self.path, self.options = path, WriteOptions()
        self.file: pq.ParquetWriter | None = None

    def begin(self, options: WriteOptions) -> None:
        """Begin the only tree; the unit stands in the file's metadata."""
        self.options = options

    def write(self, table: pa.Table) -> None:
        """Write a table with a row an event, the columns of the objects as lists."""
        options = self.options
        table = rows_of_objects(table, options.objects[0]) if options.flat else table
        table = table.rename_columns([options.names.get(name, name) for name in table.column_names])
        if self.file is None:
            unit = {UNIT_KEY: options.unit.encode()} if options.unit else {}
            schema = table.schema.with_metadata({**(table.schema.metadata or {}), **unit, **options.metadata})
            self.file = pq.ParquetWriter(self.path, schema, compression="zstd", compression_level=1)
        self.file.write_table(table.replace_schema_metadata(self.file.schema.metadata))

    def close(self) -> None:
        """End the file."""
        if self.file is not None:
            self.file.close()
