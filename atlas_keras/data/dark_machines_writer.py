"""Write the Dark Machines text format: of every number as many digits as bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_keras.data.arrow_types import is_number
from atlas_keras.data.dark_machines import HEADER, OBJECT
from atlas_keras.data.events import jagged
from atlas_keras.data.file_format import WriteOptions, create_text
from atlas_keras.errors import JetDataError

TEXT_COLUMNS = (*HEADER, "position", "other_objects")
FIELD = r"^[^;\x00-\x1f\x7f]*$"  # of text in a line
PATTERNS = {
    "event_id": FIELD,
    "process_id": FIELD,
    "object": r"^[!-+\--:<-~]+$",
    "other_objects": r"^[^;,\x00-\x1f\x7f]+(,[^;,\x00-\x1f\x7f]+){4}$",
}


class DarkMachinesWriter:
    """Writes events as lines.

    Args:
        path: where to write.
        name: the final name; one that ends with `.gz` is packed.
    """

    def __init__(self, path: Path, name: Path) -> None:
        self.path, self.name = path, name
        self.stream: Any = None

    def begin(self, options: WriteOptions) -> None:
        """Begin the only tree.

        Raises:
            JetDataError: energies that are not in MeV.
        """
        if options.unit != "MeV":
            raise JetDataError(
                f"{self.name}: the text format is in MeV, these jets are in {options.unit or 'no known unit'}; "
                "write .parquet"
            )

    def write(self, table: pa.Table) -> None:
        """Write a table with all columns that the reader gives."""
        if self.stream is None:
            self.stream = create_text(self.path, self.name)
        self.stream.write(dark_machines_text(table, self.name))

    def close(self) -> None:
        """End the file."""
        if self.stream is not None:
            self.stream.close()


def dark_machines_text(table: pa.Table, name: Path) -> bytes:
    """Write events as lines, each number with as many digits as it needs to come back exactly.

    Args:
        table: with all columns that `read_dark_machines` gives.
        name: of the file, for messages.

    Raises:
        JetDataError: a column that the format needs is missing, or holds what no line can.
    """
    missing = [column for column in (*TEXT_COLUMNS, *OBJECT) if column not in table.column_names]
    if missing:
        raise JetDataError(f"{name}: the text format needs the column {missing[0]}; write .parquet")
    _check_text(table, name)
    n_jets = pc.list_value_length(table["object"]).to_numpy().astype(np.int64)
    n_others = pc.list_value_length(table["other_objects"]).to_numpy().astype(np.int64)
    fields = [pc.list_flatten(table[column]) for column in OBJECT]
    jets = pc.binary_join_element_wise(*(_text(values) for values in fields), _scalar(","))
    total = n_jets + n_others
    start = np.cumsum(total) - total
    position = np.repeat(start, n_jets) + pc.list_flatten(table["position"]).to_numpy()
    event = np.repeat(np.arange(len(total)), n_jets)
    if len(np.unique(position)) < len(position) or np.any(
        (position < start[event]) | (position >= start[event] + total[event])
    ):
        raise JetDataError(f"{name}: position does not number the objects of each event; write .parquet")
    is_other = np.ones(int(total.sum()), bool)
    is_other[position] = False
    order = np.empty(len(is_other), np.int64)  # where each object stands among jets and, after them, the others
    order[position] = np.arange(len(position))
    order[is_other] = len(position) + np.arange(int(is_other.sum()))
    others = pc.list_flatten(table["other_objects"]).cast(pa.large_string())
    objects = pa.chunked_array([*_chunks(jets), *_chunks(others)], pa.large_string()).take(pa.array(order))
    joined = pc.binary_join(jagged(objects, total), _scalar(";"))
    parts = [*(_text(table[column]) for column in HEADER), pa.chunked_array([joined])]
    lines = pc.binary_join_element_wise(*parts, _scalar(";"))
    # An event without objects ends with its last header field and one semicolon, as all lines do.
    lines = pc.if_else(pa.array(total > 0), pc.binary_join_element_wise(lines, _scalar(""), _scalar(";")), lines)
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def _check_text(table: pa.Table, name: Path) -> None:
    """Refuse what would become another line, another field or another object."""
    for column in (*TEXT_COLUMNS, *OBJECT):
        values = table[column]
        flat = pc.list_flatten(values) if pa.types.is_list(values.type) else values
        if values.null_count or flat.null_count:
            raise JetDataError(f"{name}: column {column} has an empty value, which no text can have; write .parquet")
        if column in PATTERNS:
            kind, ok = "text", pa.types.is_string(flat.type) or pa.types.is_large_string(flat.type)
        else:
            kind, ok = "numbers", is_number(flat.type) and (column != "position" or pa.types.is_integer(flat.type))
        if not ok:
            raise JetDataError(f"{name}: the text format has {kind} in column {column}, not {str(flat.type)[:80]}")
        if column in PATTERNS and not pc.all(pc.match_substring_regex(flat, PATTERNS[column])).as_py() and len(flat):
            raise JetDataError(f"{name}: column {column} holds what separates fields or lines; write .parquet")


def _chunks(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())  # which imports pandas, and so is none of the module


def _text(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return column.cast(pa.large_string())
