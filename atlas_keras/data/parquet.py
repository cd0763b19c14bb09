"""Parquet as a table: bounded in memory, whatever a file claims to hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.data.arrow_types import n_leaves, plain, plain_schema, unfolded_text
from atlas_keras.data.limits import MAX_EVENT, check_size
from atlas_keras.data.parquet_footer import (
    BIT_PACKED,
    MAGIC,
    PLAIN,
    PLAIN_DICTIONARY,
    RLE,
    RLE_DICTIONARY,
    Group,
    read_groups,
)
from atlas_keras.data.parquet_writer import ParquetWriter
from atlas_keras.data.remote import opened
from atlas_keras.data.table import MAX_VALUES, Table
from atlas_keras.data.table_format import table_format
from atlas_keras.system import n_threads

BATCH_ROWS, BATCH_BYTES = 100_000, 1 << 27  # the smaller
DICTIONARIES = {PLAIN_DICTIONARY, RLE_DICTIONARY}  # encodings with which a word stands in the file once
LEVELS = {PLAIN, RLE, BIT_PACKED}  # other encodings of such columns: of the dictionary, of lists, of what is null
IS_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
OFFSET = 4  # bytes in memory of where a word begins
WIDTHS: dict[str, float] = {
    "BOOLEAN": 1 / 8,
    "INT32": 4,
    "FLOAT": 4,
    "INT64": 8,
    "DOUBLE": 8,
    "INT96": 8,
}  # bytes of a value in memory


def open_tables(path: Path, any_size: bool) -> list[Table]:
    """Open a Parquet file, a row an event with lists of jets, or a row a jet.

    Args:
        path: the file.
        any_size: read the file whatever it unfolds to, see `atlas_keras.data.limits`.

    Raises:
        JetDataError: a damaged file.
    """
    with opened(path) as source:
        footer = pq.read_metadata(source)
    stored = footer.schema.to_arrow_schema()
    schema = plain_schema(stored)
    groups = read_groups(path, footer.num_columns)
    n_bytes = tuple(sum(group.chunks[leaf].stored for group in groups) for leaf in range(footer.num_columns))

    def read(names: Sequence[str], max_rows: int | None) -> Iterator[pa.Table]:
        with opened(path) as source, open_parquet(source, footer, groups, schema) as file:
            yield from read_tables(file, groups, path, schema, names, any_size, max_rows)

    def read_from(names: Sequence[str], max_rows: int | None, start: int) -> Iterator[pa.Table]:
        file = open_parquet(path, footer, groups, schema)
        return read_tables(file, groups, path, schema, names, any_size, max_rows, start)

    most = MAX_VALUES if any_size else MAX_EVENT
    row_bytes, leaf = dict[str, float](), 0
    for field in schema:
        own = range(leaf, leaf := leaf + n_leaves(field.type))
        unfolded = sum(group.chunks[at].unfolded for group in groups for at in own)
        row_bytes[field.name] = unfolded / max(footer.num_rows, 1)
    return [
        Table(
            path, schema, read, footer.num_rows, metadata=stored.metadata or {}, n_bytes=n_bytes, max_event=most,
            row_bytes=row_bytes, read_from=read_from, n_row_groups=len(groups),
        )
    ]  # fmt: skip


def open_parquet(
    source: Path | BinaryIO, footer: pq.FileMetaData, groups: list[Group], schema: pa.Schema
) -> pq.ParquetFile:
    """Open a file such that columns of text come as dictionaries where they are, as small in memory as in the file.

    Arrow cannot do that for text in lists and structs, of which it reads up to 2 GiB at a time.
    """
    text, leaf = [], 0
    for field in schema:
        if any(is_text(field.type) for is_text in IS_TEXT):
            encodings = {encoding for group in groups for encoding in group.chunks[leaf].encodings}
            if encodings & DICTIONARIES and encodings <= DICTIONARIES | LEVELS:
                text.append(field.name)
        leaf += n_leaves(field.type)
    # With a buffer Arrow keeps all row groups that it has read until the last one is.
    return pq.ParquetFile(source, metadata=footer, read_dictionary=text, pre_buffer=False)


def read_tables(
    file: pq.ParquetFile,
    groups: list[Group],
    path: Path,
    schema: pa.Schema,
    names: Sequence[str],
    any_size: bool,
    max_rows: int | None = None,
    start: int = 0,
) -> Iterator[pa.Table]:
    """Read columns in pieces of bounded size, in plain types.

    Args:
        file: opened.
        groups: what its footer says of them.
        path: of the file.
        schema: of its plain types.
        names: of the columns.
        any_size: whatever they unfold to.
        max_rows: of a piece; None means 100,000.
        start: the first row that is read.
    """
    sizes = _unfolded_groups(file.schema, groups, schema, set(names))
    if not any_size:
        check_size(path, sum(n_bytes for _, n_bytes in sizes))
    bytes_of_row = max((n_bytes / n_rows for n_rows, n_bytes in sizes if n_rows), default=0.0)
    n_rows = int(np.clip(BATCH_BYTES / max(bytes_of_row, 1), 1, max_rows or BATCH_ROWS))
    wanted = pa.schema([schema.field(name) for name in names])
    ends = np.cumsum([n for n, _ in sizes])
    first = int(np.searchsorted(ends, start, "right"))
    too_many = start - int(ends[first - 1] if first else 0)
    chosen = {"row_groups": range(first, len(sizes)), "columns": list(names), "use_threads": n_threads() > 1}
    for batch in file.iter_batches(n_rows, **chosen):
        table = pa.Table.from_batches([batch]).select(names)[too_many:]
        too_many = max(too_many - batch.num_rows, 0)
        n_bytes = table.nbytes + sum(unfolded_text(column) for column in table.columns)
        if not any_size:
            check_size(path, n_bytes)
        n_rows_of_piece = max(table.num_rows * BATCH_BYTES // max(n_bytes, 1), 1)
        for start in range(0, table.num_rows, n_rows_of_piece):
            piece = plain(table.slice(start, n_rows_of_piece))
            yield piece if piece.schema.equals(wanted) else piece.cast(wanted)  # of large_string, dictionaries lose it


def _unfolded_groups(
    stored: pq.ParquetSchema, groups: list[Group], schema: pa.Schema, names: set[str]
) -> list[tuple[int, int]]:
    """Tell by the footer how many rows each row group has, and how many bytes its columns take in memory.

    Text counts as in the file, where a word that is repeated may stand once: `unfolded_text` tells the rest.
    """
    leaves = (field.name in names for field in schema for _ in range(n_leaves(field.type)))
    wanted = [(index, stored.column(index)) for index, is_wanted in enumerate(leaves) if is_wanted]
    widths = {index: WIDTHS.get(leaf.physical_type, max(leaf.length, OFFSET)) for index, leaf in wanted}
    is_text = {index: leaf.physical_type == "BYTE_ARRAY" for index, leaf in wanted}
    found = []
    for group in groups:
        chunks = [(group.chunks[index], width, is_text[index]) for index, width in widths.items()]
        sizes = [max(width * chunk.n_values, chunk.unfolded * text) for chunk, width, text in chunks]
        found.append((group.n_rows, int(sum(sizes))))
    return found


PARQUET = table_format(
    "Parquet", lambda head: head.startswith(MAGIC), open_tables, suffixes=(".parquet", ".pq"), writer=ParquetWriter
)
