"""Write text with a line of names: a row an event, or a row an object of one collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from atlas_keras.data.events import lengths
from atlas_keras.data.file_format import WriteOptions, create_text
from atlas_keras.data.table_rows import rows_of_objects
from atlas_keras.errors import JetDataError

ENTRY = "entry"  # the column that tells which event an object is of


class CsvWriter:
    """Writes tables as text.

    Where columns hold lists, a row is an object, what has one value an event is repeated for each, and a column `entry`
    numbers the events from 0 on; events without objects have no row. Numbers have as many digits as bring them back.

    Args:
        path: where to write.
        name: the final name; one that ends with `.gz` is packed.
    """

    def __init__(self, path: Path, name: Path) -> None:
        self.path, self.name, self.options = path, name, WriteOptions()
        self.stream: Any = None
        self.writer: Any = None
        self.n_events = 0

    def begin(self, options: WriteOptions) -> None:
        """Begin the only table."""
        self.options = options

    def write(self, table: pa.Table) -> None:
        """Write a table with a row an event.

        Raises:
            JetDataError: lists of more than one collection, or columns that no text can hold.
        """
        if wrong := misfits(table, self.options):
            column, why = next(iter(wrong.items()))
            raise JetDataError(f"{self.name}: column {column} {why}")
        rows = self._rows(table)
        names = [self.options.names.get(name, name) for name in rows.column_names]
        if self.writer is None:
            self.stream = create_text(self.path, self.name)
            schema = pa.schema([pa.field(name, kind) for name, kind in zip(names, rows.schema.types, strict=True)])
            self.writer = pacsv.CSVWriter(self.stream, schema)
        self.writer.write_table(rows.rename_columns(names))
        self.n_events += table.num_rows

    def close(self) -> None:
        """End the file."""
        if self.writer is not None:
            self.writer.close()
            self.stream.close()

    def _rows(self, table: pa.Table) -> pa.Table:
        lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
        if not lists:
            return table
        counts = lengths(table[lists[0]])
        if other := next((name for name in lists if not np.array_equal(lengths(table[name]), counts)), None):
            raise JetDataError(
                f"{self.name}: a row of text is an event or an object of one collection, and {lists[0]} and {other} "
                "have lists of other lengths; choose with --columns 'Jet_*' run event, or write .parquet"
            )
        if not self.options.flat and ENTRY not in table.column_names:
            entries = pa.array(np.arange(self.n_events, self.n_events + table.num_rows))
            table = table.add_column(0, ENTRY, entries)
        return rows_of_objects(table, lists[0])


def misfits(table: pa.Table, options: WriteOptions) -> dict[str, str]:
    """Tell which columns of a table no text can hold, and why."""
    found = {}
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_list(field.type) else field.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            found[field.name] = f"is {str(field.type)[:80]}, which no cell of a text can hold; write .parquet"
        elif pa.types.is_list(field.type) and table[field.name].null_count:
            found[field.name] = "has an empty value in place of a list; write .parquet"
        elif pa.types.is_string(kind) and not _is_utf8(table[field.name]):
            found[field.name] = "has words that are no UTF-8; write .parquet"
    return found


def _is_utf8(column: pa.ChunkedArray) -> bool:
    words = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    try:
        words.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True
