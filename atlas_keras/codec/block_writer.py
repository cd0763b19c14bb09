"""Write the container of a compressed file, block by block; `container.py` says what it is, and reads it."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.container import leaves_of, own_fields
from atlas_keras.codec.digest import seal
from atlas_keras.codec.header import CODED, COLUMNS_KEY, EXACT, INTEGERS, KEY, MODEL_KEY, SCALES, Header
from atlas_keras.codec.other_columns import OtherColumns
from atlas_keras.data.arrow_types import can_be_stored
from atlas_keras.errors import JetDataError


class BlockWriter:
    """Writes blocks.

    Args:
        path: of the file.
        header: what is known before the first block.
        others: names and types of the other columns of an event.
        level: of zstd.
        model: the entropy model to embed.
        jet_columns: names of the other columns that hold a value for each jet; None where the input does not say.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        others: pa.Schema,
        level: int,
        model: bytes | None = None,
        jet_columns: tuple[str, ...] | None = None,
    ) -> None:
        self.path, self.header, self.model = path, header, model
        self.columns = OtherColumns.of(others.names, jet_columns)
        stored = {name: name for name in others.names} | {name: key for key, name in self.columns.renamed.items()}
        rest = [pa.field(stored[field.name], pa.list_(field.type)) for field in others]
        self.schema = pa.schema([*own_fields(header.coding), *rest])
        plain = {CODED, EXACT, SCALES}
        split, dictionary, compression = [], [], {}
        for field, leaf, kind in leaves_of(self.schema):
            compression[leaf] = "none" if field.name == CODED else "zstd"
            if pa.types.is_floating(kind) or field.name in INTEGERS:
                split.append(leaf)
            elif field.name not in plain:
                dictionary.append(leaf)
        try:
            self.writer = pq.ParquetWriter(
                path,
                self.schema,
                compression=compression,
                compression_level={leaf: level for leaf, name in compression.items() if name == "zstd"},
                use_dictionary=dictionary,
                use_byte_stream_split=split,
                write_statistics=False,
                write_page_checksum=True,
                store_schema=not _survives(self.schema),
            )
        except pa.ArrowException as error:
            wrong = next((field for field in others if not can_be_stored(field.type)), None)
            name = f"column {wrong.name}" if wrong else "the other columns"
            raise JetDataError(f"{name} is of a kind that no compressed file can hold; leave it out") from error

    def write(self, own: dict[str, Any], others: pa.Table) -> None:
        """Write a block.

        Args:
            own: our columns: bytes or None, or whole numbers.
            others: the other columns, a row an event.
        """
        columns = []
        for field in self.schema:
            if field.name in own:
                value = own[field.name]
                whole = isinstance(value, np.ndarray)
                columns.append(
                    _one_list(pa.array(value, field.type.value_type)) if whole else pa.array([value], field.type)
                )
            else:
                name = self.columns.renamed.get(field.name, field.name)
                columns.append(_one_list(_combined(others[name])))
        self.writer.write_table(pa.Table.from_arrays(columns, schema=self.schema), row_group_size=1)

    def close(self, **found: Any) -> Header:
        """Write the header with what was found in the blocks, and the digest of the whole file; return the header."""
        header = replace(self.header, **found)
        metadata = {KEY.decode(): header.to_json()}
        if len(self.schema) > len(own_fields(self.header.coding)):
            metadata[COLUMNS_KEY.decode()] = self.columns.to_json()
        if self.model is not None:
            metadata[MODEL_KEY.decode()] = base64.b64encode(self.model).decode()
        self.writer.add_key_value_metadata(metadata)
        self.writer.close()
        return replace(header, digest=seal(self.path))


def _one_list(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)


def _combined(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _survives(schema: pa.Schema) -> bool:
    """Tell whether Parquet alone keeps all types, without Arrow's own description of them."""
    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink, store_schema=False)
    return pq.read_schema(pa.BufferReader(sink.getvalue())).equals(schema)
