"""Read jets from Parquet: one row an event with lists of jets, or one row a jet with an event column.

The file's metadata tell the unit of the energies (`unit`; without it the user has to) and, of rows of events, which
columns hold a value for each jet (`jet_columns`, a list in JSON; without it those of the collection and a mass do).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atlas_keras.data.arrow_types import is_number, n_leaves, plain, plain_schema, unfolded_text
from atlas_keras.data.events import EventBatch, compute_columns, jagged, lengths, stored_columns
from atlas_keras.data.limits import MAX_EVENT, check_size
from atlas_keras.data.parquet_footer import (
    BIT_PACKED,
    PLAIN,
    PLAIN_DICTIONARY,
    RLE,
    RLE_DICTIONARY,
    Group,
    read_groups,
)
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.json_files import parse_json
from atlas_keras.schema import MASS, UNITS_IN_MEV, Collection
from atlas_keras.suggestions import suggest

EVENT_COLUMNS = ("event", "event_id", "event_number", "eventNumber")
UNIT_KEY, JETS_KEY = b"unit", b"jet_columns"
BATCH_ROWS, BATCH_BYTES = 100_000, 1 << 27  # the smaller
DICTIONARIES = {PLAIN_DICTIONARY, RLE_DICTIONARY}  # encodings with which a word stands in the file once
LEVELS = {PLAIN, RLE, BIT_PACKED}  # other encodings of such columns: of the dictionary, of lists, of what is null
IS_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
OFFSET = 4  # bytes in memory of where a word begins
MAX_VALUES = 2**31 - 1  # of the lists of an array
WIDTHS: dict[str, float] = {
    "BOOLEAN": 1 / 8,
    "INT32": 4,
    "FLOAT": 4,
    "INT64": 8,
    "DOUBLE": 8,
    "INT96": 8,
}  # bytes of a value in memory


@dataclass(frozen=True)
class _Form:
    """What the columns of a file are.

    Args:
        event: the column that identifies an event where a row is a jet; None where a row is an event.
        stored: from which the columns of the collection come.
        jets: all columns that hold a value for each jet.
        unclear: other columns with lists of which nobody has said whether they belong to the jets.
    """

    event: str | None
    stored: tuple[str, ...]
    jets: tuple[str, ...]
    unclear: tuple[str, ...] = ()


def read_parquet(
    path: Path,
    collection: Collection,
    source_unit: str | None,
    jet_columns: Sequence[str] | None = None,
    *,
    others: bool = True,
    any_size: bool = False,
) -> Iterator[EventBatch]:
    """Read events from a Parquet file, at most 100,000 rows and some 128 MiB at a time, if one event is not larger.

    What a file does not store is computed, E from pt, eta and `mass`. In a file with one row a jet, consecutive rows
    with the same value of the event column (`event`, `event_id`, `event_number` or `eventNumber`) are one event.

    Args:
        path: the file.
        collection: what the columns of the jets are.
        source_unit: unit of energies where the file's metadata does not state it.
        jet_columns: patterns (`*` and `?`) of further columns that hold a value for each jet, in place of what the
            file's metadata says; None means what that says.
        others: read all columns; False leaves out those with lists that are not of the collection.
        any_size: read the file whatever it unfolds to, see `atlas_keras.data.limits`.

    Raises:
        JetDataError: a damaged file, a missing column, an unknown unit, a pattern that fits no column, a few bytes that
            unfold to very many.
    """
    try:
        footer = pq.read_metadata(path)
        stored = footer.schema.to_arrow_schema()
        schema, metadata = plain_schema(stored), stored.metadata or {}
        unit = _unit(metadata, path, source_unit)
        form = _form(schema, metadata, path, collection, jet_columns if others else ())
        names = schema.names if others else _needed(schema, form)
        form = form if others else _Form(form.event, form.stored, form.stored)
        groups = read_groups(path, footer.num_columns)
        tables = read_tables(open_parquet(path, footer, groups, schema), groups, path, schema, names, any_size)
        if form.event:
            tables = _group(tables, form.event, path, MAX_VALUES if any_size else MAX_EVENT)
        computed = tuple(name for name in collection.names if name not in form.stored)
        jets = (*form.jets, *(name for name in computed if name not in form.jets))
        first = 1
        for table in tables:
            table = _with_columns(table, form, collection, path, first)
            numbers = np.arange(first, first + table.num_rows)
            yield EventBatch(
                table, collection, jets, unit, path, "event", numbers, computed=computed, unclear=form.unclear
            )
            first += table.num_rows
    except pa.ArrowNotImplementedError as error:
        raise JetDataError(f"{path}: not supported: {reason_of(error)}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error


def open_parquet(path: Path, footer: pq.FileMetaData, groups: list[Group], schema: pa.Schema) -> pq.ParquetFile:
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
    return pq.ParquetFile(path, metadata=footer, read_dictionary=text)


def read_tables(
    file: pq.ParquetFile,
    groups: list[Group],
    path: Path,
    schema: pa.Schema,
    names: Sequence[str],
    any_size: bool,
    most: int = BATCH_ROWS,
) -> Iterator[pa.Table]:
    """Read columns in pieces of bounded size, in plain types.

    Args:
        file: opened.
        groups: what its footer says of them.
        path: of the file.
        schema: of its plain types.
        names: of the columns.
        any_size: whatever they unfold to.
        most: rows of a piece.
    """
    sizes = _unfolded_groups(file.schema, groups, schema, set(names))
    if not any_size:
        check_size(path, sum(n_bytes for _, n_bytes in sizes))
    bytes_of_row = max((n_bytes / n_rows for n_rows, n_bytes in sizes if n_rows), default=0.0)
    n_rows = int(np.clip(BATCH_BYTES / max(bytes_of_row, 1), 1, most))
    wanted = pa.schema([schema.field(name) for name in names])
    for batch in file.iter_batches(n_rows, columns=list(names)):
        table = pa.Table.from_batches([batch]).select(names)
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


def _unit(metadata: dict[bytes, bytes], path: Path, source_unit: str | None) -> str:
    stored = metadata.get(UNIT_KEY, b"").decode(errors="replace")
    if stored and stored not in UNITS_IN_MEV:
        raise JetDataError(f"{path}: unit {stored[:20]!r} in the file's metadata is neither MeV nor GeV")
    if stored and source_unit and stored != source_unit:
        raise JetDataError(f"{path}: the file says that its unit is {stored}, not {source_unit}")
    unit = stored or source_unit
    if unit is None:
        raise JetDataError(f"{path}: the file does not state the unit of its energies; say --source-unit MeV or GeV")
    return unit


def refuse_doubled(schema: pa.Schema, path: Path) -> None:
    """Refuse two columns of one name, of which nobody could say which one is meant.

    Raises:
        JetDataError: names the column.
    """
    if len(set(schema.names)) < len(schema.names):
        doubled = next(name for name in schema.names if schema.names.count(name) > 1)
        raise JetDataError(f"{path}: column {doubled} is there twice")


def is_nested(schema: pa.Schema, path: Path, collection: Collection) -> bool:
    """Tell whether a row is an event with lists of jets, and not a jet.

    Args:
        schema: of plain types.
        path: of the file, for messages.
        collection: what the columns of the jets are.

    Raises:
        JetDataError: a column is missing or doubled, or they are mixed.
    """
    refuse_doubled(schema, path)
    stored = stored_columns(collection, schema.names)
    if missing := [name for name in stored if name not in schema.names]:
        instead = [] if missing[0] in collection.names else [n for n in collection.names if n not in schema.names]
        what = f"{instead[0]} (or {missing[0]})" if instead else missing[0]
        raise JetDataError(f"{path}: column {what} is missing; {suggest(what.partition(' ')[0], schema.names)}")
    nested = {name: pa.types.is_list(schema.field(name).type) for name in stored}
    first = stored[0]
    for name, is_list in nested.items():
        if is_list != nested[first]:
            one, other = ("lists", "numbers") if nested[first] else ("numbers", "lists")
            raise JetDataError(f"{path}: columns are partly lists: {first} has {one}, {name} has {other}")
    return nested[first]


def _form(
    schema: pa.Schema,
    metadata: dict[bytes, bytes],
    path: Path,
    collection: Collection,
    patterns: Sequence[str] | None,
) -> _Form:
    """Find out what the columns are.

    Args:
        schema: of plain types.
        metadata: of the file.
        path: of the file, for messages.
        collection: what the columns of the jets are.
        patterns: of columns that belong to the jets; None means as the metadata says.
    """
    nested, stored = is_nested(schema, path, collection), stored_columns(collection, schema.names)
    for name in stored:
        kind = schema.field(name).type
        kind = kind.value_type if nested else kind
        if not (is_number(kind) or pa.types.is_null(kind)):
            raise JetDataError(f"{path}: column {name} holds {str(kind)[:80]}, not numbers")
    if not nested:
        event = _event_column(schema, path)
        return _Form(event, stored, tuple(name for name in schema.names if name != event))
    lists = [field.name for field in schema if pa.types.is_list(field.type) and field.name not in stored]
    declared = stated_columns(metadata, path) if patterns is None else _chosen(lists, path, collection, patterns)
    if declared is None:  # lists of numbers called mass are those of the jets; --jet-columns says otherwise
        usual = {name for name in lists if name == MASS.name and is_number(schema.field(name).type.value_type)}
    own = {*stored, *(usual if declared is None else declared & set(lists))}
    unclear = tuple(name for name in lists if name not in own) if declared is None else ()
    return _Form(None, stored, tuple(name for name in schema.names if name in own), unclear)


def stated_columns(metadata: dict[bytes, bytes], path: Path) -> set[str] | None:
    """Read from the metadata which columns belong to the jets; None where it does not say."""
    if JETS_KEY not in metadata:
        return None
    try:
        names = parse_json(metadata[JETS_KEY])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError
        return set(names)
    except ValueError:
        raise JetDataError(f"{path}: jet_columns in the file's metadata is no list of names") from None


def _chosen(lists: list[str], path: Path, collection: Collection, patterns: Sequence[str]) -> set[str]:
    """Find the columns that patterns mean."""
    found = {pattern: fnmatch.filter(lists, pattern) for pattern in patterns}
    for pattern, names in found.items():
        if not names and pattern not in (*collection.names, MASS.name):
            raise JetDataError(f"{path}: no column with lists is called {pattern}; {suggest(pattern, lists)}")
    return {name for names in found.values() for name in names}


def _needed(schema: pa.Schema, form: _Form) -> list[str]:
    """Name the columns that the collection and the events as such need."""
    if form.event:
        return [form.event, *form.stored]
    return [field.name for field in schema if field.name in form.stored or not pa.types.is_nested(field.type)]


def _event_column(schema: pa.Schema, path: Path) -> str:
    for name in EVENT_COLUMNS:
        if name in schema.names:
            if pa.types.is_nested(schema.field(name).type):
                raise JetDataError(f"{path}: column {name} holds {str(schema.field(name).type)[:80]}, not events' ids")
            return name
    raise JetDataError(f"{path}: one row a jet needs an event column ({', '.join(EVENT_COLUMNS)})")


def _group(tables: Iterator[pa.Table], event: str, path: Path, most: int) -> Iterator[pa.Table]:
    """Turn rows of jets into rows of events; an event that a block cuts waits for the block in which it ends.

    Args:
        tables: with a row a jet.
        event: the column that identifies an event.
        path: of the file, for messages.
        most: jets of an event.
    """
    waiting: list[pa.Table] = []  # of the event that has not ended yet
    n_waiting = 0
    for table in filter(len, tables):
        if table[event].null_count:
            raise JetDataError(f"{path}: column {event} has an empty value: which event is that jet of?")
        starts = _starts(table[event], waiting[-1][event] if waiting else None)
        if starts.size:
            begins = np.concatenate([np.zeros(min(n_waiting, 1), np.int64), starts + n_waiting])
            if begins.size > 1:
                whole = pa.concat_tables([*waiting, table.slice(0, starts[-1])])
                yield _nest(whole, event, begins[:-1])
            waiting, n_waiting = [], 0
            table = table.slice(starts[-1])
        waiting.append(table)
        n_waiting += table.num_rows
        if n_waiting > most:
            raise JetDataError(
                f"{path}: more than {most:,} consecutive jets have the same {event}, as no event has; "
                "--any-size reads them all the same"
            )
    if n_waiting:
        yield _nest(pa.concat_tables(waiting), event, np.zeros(1, np.int64))


def _starts(column: pa.ChunkedArray, before: pa.ChunkedArray | None) -> np.ndarray:
    """Find the rows with which an event begins.

    Args:
        column: that identifies the event.
        before: the same column of the rows before; None where there are none.
    """
    first = column.slice(0, 1) if before is None else before.slice(len(before) - 1)
    values = pa.chunked_array([*first.chunks, *column.chunks], column.type).combine_chunks()
    changed = pc.not_equal(values.slice(1), values.slice(0, len(column))).to_numpy(zero_copy_only=False)
    if before is None and len(changed):
        changed[0] = True
    return np.flatnonzero(changed)


def _nest(table: pa.Table, event: str, starts: np.ndarray) -> pa.Table:
    counts = np.diff(np.append(starts, table.num_rows))
    columns = {event: table[event].take(pa.array(starts))}
    for name in table.column_names:
        if name != event:
            columns[name] = jagged(table[name], counts)
    return pa.table(columns)


def _with_columns(table: pa.Table, form: _Form, collection: Collection, path: Path, first: int) -> pa.Table:
    """Return a collection's columns as lists of float64, as long as all columns of the jets; nulls are refused."""
    leader = form.stored[0]
    counts = lengths(table[leader])
    for name in form.stored:
        if table[name].null_count:
            event = first + int(np.argmax(table[name].is_null().to_numpy()))
            raise JetDataError(f"{path}: event {event}, column {name} has an empty value in place of a list")
    for name in form.jets:
        n_values = lengths(table[name])
        if not np.array_equal(n_values, counts):
            at = int(np.argmax(n_values != counts))
            raise JetDataError(
                f"{path}: event {first + at}, column {name} has {n_values[at]} values, and {leader} has {counts[at]}: "
                f"each jet needs one{'' if name in form.stored else '; if it is none of the jets, say --jet-columns'}"
            )
    # An empty value inside a list becomes NaN and is refused later.
    flat = {
        name: pc.list_flatten(table[name].cast(pa.list_(pa.float64()), safe=False)).to_numpy() for name in form.stored
    }
    flat |= compute_columns(collection, flat)
    for name in collection.names:
        lists = jagged(flat[name], counts)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, lists)
        else:
            table = table.append_column(name, lists)
    return table
