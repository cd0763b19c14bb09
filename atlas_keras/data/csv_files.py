"""Text with a line of names and then a line an object, plain or gzip, as a table.

Names and values are separated by commas, semicolons or tabs. What a column holds is found out in a pass over the whole
file, so that a first number without digits behind its point makes no column of integers.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv

from atlas_keras.data.csv_writer import CsvWriter, misfits
from atlas_keras.data.file_format import open_unpacked, unpacked
from atlas_keras.data.limits import MAX_EVENT
from atlas_keras.data.naming import kinematic_name
from atlas_keras.data.table import MAX_VALUES, Table
from atlas_keras.data.table_format import table_format
from atlas_keras.errors import JetDataError

BLOCK_BYTES = 8 << 20  # of text that are parsed at a time
SEPARATORS = (",", ";", "\t")
NAME = re.compile(r"[A-Za-z_][\w .:/()\[\]+-]*$")  # a number is none
BOM = b"\xef\xbb\xbf"
NO_VALUE = ["", "NA", "N/A", "null", "NULL", "None"]  # NaN is a number that is none, and stays one
AT_COLUMN = re.compile(r"In CSV column #(\d+):")


def is_csv(head: bytes) -> bool:
    """Tell whether a text begins with a line of names: one is of a momentum, or as many values follow, one a number."""
    lines = unpacked(head).removeprefix(BOM).lstrip(b"\r\n").split(b"\n")
    try:
        names, separator = _names(lines[0].decode())
        second = "" if len(lines) < 3 else _fields(lines[1].decode(), separator)
    except (UnicodeDecodeError, ValueError, csv.Error):
        return False
    return any(map(kinematic_name, names)) or (len(second) == len(names) and any(map(_is_number, second)))


def _names(line: str) -> tuple[list[str], str]:
    """Take the names of a header line, and what separates them; a ValueError where it is none."""
    separator = max(SEPARATORS, key=line.count)
    names = [name.strip() for name in _fields(line.removeprefix("#"), separator)]  # `#` as NumPy writes it
    if len(names) < 2 or not all(NAME.match(name) for name in names) or any(map(_is_number, names)):
        raise ValueError("no names")
    return names, separator


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line.rstrip("\r\n")], delimiter=separator), [])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def open_tables(path: Path, any_size: bool) -> list[Table]:
    """Open a text, and find out what its columns hold.

    Args:
        path: of the file.
        any_size: whatever an event holds.

    Raises:
        JetDataError: two columns of a name, a line with another number of values than there are names.
    """
    file = _Text(path)
    types, n_rows = file.scan()
    schema = pa.schema(list(types.items()))

    def read(names: Sequence[str], max_rows: int | None) -> Iterator[pa.Table]:
        return file.read(list(names), types)

    most = MAX_VALUES if any_size else MAX_EVENT
    return [Table(path, schema, read, n_rows, max_event=most)]


class _Text:
    """A file of text: its header, and how its lines are parsed."""

    def __init__(self, path: Path) -> None:
        self.path, self.header = path, 0  # number of the line with the names
        for number, line in self.lines():
            if line.strip():
                self.header = number
                self.names, self.separator = _names(line)
                break
        if doubled := [name for name in self.names if self.names.count(name) > 1]:
            raise JetDataError(f"{path}: line {self.header}: column {doubled[0]} is there twice")

    def stream(self) -> BinaryIO:
        return open_unpacked(self.path)

    def lines(self) -> Iterator[tuple[int, str]]:
        with io.TextIOWrapper(self.stream(), encoding="utf-8-sig") as text:
            yield from enumerate(text, start=1)

    def scan(self) -> tuple[dict[str, pa.DataType], int]:
        """Find the types of all columns, and count the rows."""
        row = next((line for number, line in self.lines() if number > self.header and line.strip()), "")
        first = dict(zip(self.names, _fields(row, self.separator), strict=False))
        types: dict[str, pa.DataType] = {}
        while True:
            try:
                n_rows = 0
                for table in self.parse(self.names, types):
                    # The first block tells the types, and the later ones follow or say that they do not.
                    types = types or {
                        name: _wide(name, table.schema.field(name).type, first[name]) for name in self.names
                    }
                    n_rows += table.num_rows
                return types or dict.fromkeys(self.names, pa.float64()), n_rows
            except pa.ArrowInvalid as error:
                found = AT_COLUMN.search(str(error))
                name = self.names[int(found[1])] if found else ""
                if name not in types or pa.types.is_string(types[name]):
                    raise
                if pa.types.is_floating(types[name]) and _is_number(first[name] or "0"):
                    raise self.fault(name) from error
                types[name] = pa.string() if pa.types.is_floating(types[name]) else pa.float64()

    def read(self, names: list[str], types: dict[str, pa.DataType]) -> Iterator[pa.Table]:
        """Read columns of known types."""
        try:
            yield from self.parse(names, types)
        except pa.ArrowInvalid as error:
            found = AT_COLUMN.search(str(error))
            if not found:
                raise
            raise self.fault(self.names[int(found[1])]) from error

    def parse(self, names: list[str], types: dict[str, pa.DataType]) -> Iterator[pa.Table]:
        """Parse columns in blocks; types that are not known are found in the first."""
        bad: list[pacsv.InvalidRow] = []

        def refuse(row: pacsv.InvalidRow) -> str:
            bad.append(row)
            return "error"

        options = {
            "read_options": pacsv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, skip_rows=self.header, column_names=self.names
            ),
            "parse_options": pacsv.ParseOptions(delimiter=self.separator, invalid_row_handler=refuse),
            "convert_options": pacsv.ConvertOptions(
                include_columns=names, column_types=types, null_values=NO_VALUE, strings_can_be_null=False
            ),
        }
        if not any(number > self.header and line.strip() for number, line in self.lines()):
            return
        try:
            with self.stream() as stream, pacsv.open_csv(stream, **options) as reader:
                for batch in reader:
                    yield pa.Table.from_batches([batch])
        except pa.ArrowInvalid:
            if not bad:
                raise
            number, line = next(
                (number, line)
                for number, line in self.lines()
                if number > self.header and line.strip() and len(_fields(line, self.separator)) != len(self.names)
            )
            n_values = len(_fields(line, self.separator))
            raise JetDataError(
                f"{self.path}: line {number} has {n_values} values, and there are {len(self.names)} columns; "
                "mend it, or leave it out"
            ) from None

    def fault(self, name: str) -> JetDataError:
        """Find the first value of a column that is no number, and return the error for it."""
        at = self.names.index(name)
        for number, line in self.lines():
            value = "" if number <= self.header or not line.strip() else _fields(line, self.separator)[at].strip()
            if value not in NO_VALUE and not _is_number(value):
                shown = value if len(value) <= 60 else value[:57] + "..."
                return JetDataError(f"{self.path}: line {number}, column {name}: {shown!r} is no number; mend it")
        return JetDataError(f"{self.path}: column {name} holds what is no number")


def _wide(name: str, kind: pa.DataType, first: str) -> pa.DataType:
    """Choose the type of a column by that of its first block: numbers where its first value is one.

    Momenta are no integers, however they are written.
    """
    if kinematic_name(name) or pa.types.is_null(kind) or (not pa.types.is_integer(kind) and _is_number(first)):
        return pa.float64()
    return kind


CSV = table_format(
    "CSV",
    is_csv,
    open_tables,
    faults=(EOFError, zlib.error, csv.Error),
    suffixes=(".csv", ".csv.gz"),
    writer=CsvWriter,
    misfits=misfits,
)
