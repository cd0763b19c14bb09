"""What a Parquet file with a row an event holds, and its collections by name: `Jet_pt` beside `Jet_eta`, or structs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atlas_keras.data.arrow_types import n_leaves, plain_schema
from atlas_keras.data.contents import FileContents, Leftover, TreeContents
from atlas_keras.data.events import EventBatch, compute_columns, jagged, lengths, stored_columns
from atlas_keras.data.grouping import Leaf, first_group, group_leaves, make_group
from atlas_keras.data.parquet import EVENT_COLUMNS, UNIT_KEY, open_parquet, read_tables
from atlas_keras.data.parquet_footer import read_groups
from atlas_keras.errors import JetDataError, reason_of
from atlas_keras.schema import UNITS_IN_MEV, Collection
from atlas_keras.suggestions import suggest

IDENTITY = ("run", "luminosityBlock", *EVENT_COLUMNS)


def read_contents(path: Path) -> FileContents:
    """List the collections and columns of a Parquet file.

    Raises:
        JetDataError: a damaged file.
    """
    try:
        footer = pq.read_metadata(path)
        stored = footer.schema.to_arrow_schema()
        schema, metadata = plain_schema(stored), stored.metadata or {}
        groups = read_groups(path, footer.num_columns)
        n_rows = footer.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error
    leaves, leftovers, at = [], [], 0
    for field in schema:
        width = n_leaves(field.type)
        n_bytes = [sum(group.chunks[index].stored for group in groups) for index in range(at, at + width)]
        found = _leaves(field, n_bytes)
        leaves += found
        if not found:
            leftovers.append(Leftover(field.name, str(field.type)[:80], sum(n_bytes)))
        at += width
    known, lone = group_leaves(leaves)
    leftovers += [Leftover(leaf.name, f"list of {leaf.dtype}", leaf.n_bytes) for leaf in lone]
    events = [leaf for leaf in leaves if not leaf.is_list]
    is_nano = "luminosityBlock" in schema.names
    unit = metadata.get(UNIT_KEY, b"").decode(errors="replace")
    unit = unit if unit in UNITS_IN_MEV else "GeV" if is_nano else None
    kind = "NanoAOD" if is_nano else "table"
    of_events = make_group("events", events, "") if events else None
    return FileContents("Parquet", (TreeContents("", kind, n_rows, unit, known, of_events, tuple(leftovers)),))


def _leaves(field: pa.Field, n_bytes: list[int]) -> list[Leaf]:
    """Describe a column of plain type: none where it holds no numbers, one for each member of a list of structs."""
    kind, name = field.type, field.name
    is_list = pa.types.is_list(kind)
    inner = kind.value_type if is_list else kind
    if is_list and pa.types.is_struct(inner):
        members = [inner.field(index) for index in range(inner.num_fields)]
        flat = [(m, size) for m, size in zip(members, n_bytes, strict=False) if _dtype(m.type)]
        return [Leaf(f"{name}.{m.name}", _dtype(m.type), True, name, m.name, "", size) for m, size in flat]
    dtype = _dtype(inner)
    return [Leaf(name, dtype, is_list, "", name, "", sum(n_bytes))] if dtype else []


def _dtype(kind: pa.DataType) -> str:
    """Return what NumPy calls a type of numbers; nothing for others."""
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype()).name
    return ""


def read_group(
    path: Path, collection: Collection, names: tuple[str, ...], source_unit: str | None, *, any_size: bool = False
) -> Iterator[EventBatch]:
    """Read a collection of a Parquet file, and what identifies its events.

    Args:
        path: the file.
        collection: which columns are wanted, by the names that `info` prints, or computed from those.
        names: of the collection; the first that the file has.
        source_unit: unit of energies where neither metadata nor the kind of file state it.
        any_size: read the file whatever it unfolds to.

    Raises:
        JetDataError: no such collection or column, no unit, a damaged file.
    """
    (contents,) = read_contents(path).trees
    group = first_group(contents, names)
    if group is None:
        known = [g.collection.name for g in contents.groups]
        raise JetDataError(
            f"{path}: there is no collection {names[0]!r}; {suggest(names[0], known) if known else 'it has none'}"
        )
    stored = stored_columns(collection, group.sources)
    if missing := [name for name in stored if name not in group.sources]:
        hint = suggest(missing[0], group.sources)
        raise JetDataError(f"{path}: {group.collection.name} has no column {missing[0]!r}; {hint}")
    unit = contents.unit or source_unit
    if unit is None and any(column.is_energy for column in collection):
        raise JetDataError(
            f"{path}: the unit of the energies of {group.collection.name} is nowhere stated; say --source-unit"
        )
    sources = {name: group.sources[name] for name in stored}
    computed = tuple(name for name in collection.names if name not in stored)
    first = 1
    for table in _tables(path, tuple(sources.values()), any_size):
        flat, counts = _flatten(table, sources, path, first)
        flat |= compute_columns(collection, flat)
        kept = {name: table[name] for name in IDENTITY if name in table.column_names}
        rows = pa.table({**{name: jagged(values, counts) for name, values in flat.items()}, **kept})
        numbers = np.arange(first, first + len(counts))
        yield EventBatch(rows, collection, tuple(flat), unit or "MeV", path, "event", numbers, sources, computed)
        first += len(counts)


def _tables(path: Path, sources: tuple[str, ...], any_size: bool) -> Iterator[pa.Table]:
    """Read the columns of a collection, and what identifies events, in pieces of bounded size."""
    try:
        footer = pq.read_metadata(path)
        schema, groups = plain_schema(footer.schema.to_arrow_schema()), read_groups(path, footer.num_columns)
        wanted = {source if source in schema.names else source.partition(".")[0] for source in sources}
        names = [name for name in schema.names if name in wanted or name in IDENTITY]
        yield from read_tables(open_parquet(path, footer, groups, schema), groups, path, schema, names, any_size)
    except pa.ArrowNotImplementedError as error:
        raise JetDataError(f"{path}: not supported: {reason_of(error)}") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error


def _flatten(
    table: pa.Table, sources: dict[str, str], path: Path, first: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Flatten lists: the values of each column in float64, and how many objects each event has."""
    flat: dict[str, np.ndarray] = {}
    leader, counts = "", np.empty(0, np.int64)
    for name, source in sources.items():
        whole, _, member = (source, "", "") if source in table.column_names else source.partition(".")
        own = lengths(table[whole])
        if not leader:
            leader, counts = source, own
        elif not np.array_equal(own, counts):
            at = int(np.argmax(own != counts))
            raise JetDataError(f"{path}: event {first + at}: {source} has {own[at]} values, {leader} has {counts[at]}")
        values = pc.list_flatten(table[whole])
        values = pc.struct_field(values, member) if member else values
        flat[name] = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return flat, counts
