"""What a Parquet file with a row an event holds, and its collections by name: `Jet_pt` beside `Jet_eta`, or structs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atlas_keras.data.arrow_types import n_leaves, plain_schema
from atlas_keras.data.contents import JETS, FileContents, Group, Leftover, TreeContents
from atlas_keras.data.events import EventBatch, compute_columns, jagged, lengths, stored_columns
from atlas_keras.data.grouping import Leaf, first_group, group_leaves, make_group
from atlas_keras.data.naming import kinematic_name
from atlas_keras.data.parquet import (
    BATCH_ROWS,
    EVENT_COLUMNS,
    UNIT_KEY,
    open_parquet,
    read_tables,
    refuse_doubled,
    stated_columns,
)
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
        refuse_doubled(schema, path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise JetDataError(f"{path}: the Parquet file is truncated or damaged ({reason_of(error)})") from error
    leaves: list[Leaf] = []
    leftovers: list[Leftover] = []
    at = 0
    for field in schema:
        width = n_leaves(field.type)
        n_bytes = [sum(group.chunks[index].stored for group in groups) for index in range(at, at + width)]
        for part in _parts(field, n_bytes):
            if isinstance(part, Leaf):
                leaves.append(part)
            else:
                leftovers.append(part)
        at += width
    known, lone = group_leaves(leaves)
    if own := _jets(lone, known, stated_columns(metadata, path)):
        known, lone = (*known, make_group(JETS[0], own, "")), [leaf for leaf in lone if leaf not in own]
    leftovers += [Leftover(leaf.name, f"list of {leaf.dtype}", leaf.n_bytes) for leaf in lone]
    events = [leaf for leaf in leaves if not leaf.is_list]
    is_nano = "luminosityBlock" in schema.names
    unit = metadata.get(UNIT_KEY, b"").decode(errors="replace")
    unit = unit if unit in UNITS_IN_MEV else "GeV" if is_nano else None
    kind = "NanoAOD" if is_nano else "table"
    of_events = make_group("events", events, "") if events else None
    return FileContents("Parquet", (TreeContents("", kind, n_rows, unit, known, of_events, tuple(leftovers)),))


def _jets(lone: list[Leaf], known: tuple[Group, ...], stated: set[str] | None) -> list[Leaf]:
    """Find the columns of jets in a file as this package writes it: `pt` beside `eta`, with no name in front of them.

    Args:
        lone: lists that belong to no collection.
        known: collections; where one is called as jets are, the lists are something else.
        stated: which columns the metadata says are of the jets; None means all lists.
    """
    taken = any(group.collection.name.lower() in map(str.lower, JETS) for group in known)
    own = [leaf for leaf in lone if stated is None or leaf.name in stated]
    return own if not taken and any(kinematic_name(leaf.name) in ("pt", "E", "px") for leaf in own) else []


def _parts(field: pa.Field, n_bytes: list[int]) -> Iterator[Leaf | Leftover]:
    """Describe a column of plain type; of a list of structs each member.

    Args:
        field: the column.
        n_bytes: of each column that Parquet has for it.
    """
    kind, name = field.type, field.name
    is_list = pa.types.is_list(kind)
    inner = kind.value_type if is_list else kind
    if not (is_list and pa.types.is_struct(inner)):
        dtype, size = _dtype(inner), sum(n_bytes)
        yield Leaf(name, dtype, is_list, "", name, "", size) if dtype else Leftover(name, str(kind)[:80], size)
        return
    at = 0
    for member in (inner.field(index) for index in range(inner.num_fields)):
        whole, dtype, width = f"{name}.{member.name}", _dtype(member.type), n_leaves(member.type)
        size = sum(n_bytes[at : at + width])
        at += width
        yield (
            Leaf(whole, dtype, True, name, member.name, "", size)
            if dtype
            else Leftover(whole, f"list of {str(member.type)[:80]}", size)
        )


def values_of(table: pa.Table, source: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return a column that holds a source, and the values of the source, flat: `Jet.pt` is a member of `Jet`."""
    whole = column_of(source, table.schema)
    column = table[whole]
    values = pc.list_flatten(column) if pa.types.is_list(column.type) else column
    return column, values if whole == source else pc.struct_field(values, [source[len(whole) + 1 :]])


def column_of(source: str, schema: pa.Schema) -> str:
    """Return the column that holds a source: itself, or the list of structs of which it is a member; empty for none."""
    if schema.get_field_index(source) >= 0:  # a file can have thousands of columns: no search through a list of names
        return source
    return next((name for name in schema.names if source.startswith(f"{name}.")), "")


def _dtype(kind: pa.DataType) -> str:
    """Return what NumPy calls a type of numbers; nothing for others."""
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype()).name
    return ""


def has_group(path: Path, collection: Collection, names: tuple[str, ...]) -> bool:
    """Tell whether the columns of a collection stand in a file as members of one with such a name: `Jet_pt` for `pt`.

    Where they stand by their own names, `pt`, they are read as this package writes them.
    """
    try:
        top = pq.read_schema(path).names
        (contents,) = read_contents(path).trees
    except (pa.ArrowException, OSError, UnicodeDecodeError, JetDataError):
        return False  # whoever reads it will say what is wrong
    group = first_group(contents, names)
    wanted = () if group is None else stored_columns(collection, group.sources)
    return (
        group is not None and not set(stored_columns(collection, top)) <= set(top) and set(wanted) <= set(group.sources)
    )


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
    for table in tables_of(path, (*sources.values(), *IDENTITY), any_size):
        flat, counts = _flatten(table, sources, path, first)
        flat |= compute_columns(collection, flat)
        kept = {f"event.{n}" if n in flat else n: table[n] for n in IDENTITY if n in table.column_names}
        rows = pa.table({**{name: jagged(values, counts) for name, values in flat.items()}, **kept})
        numbers = np.arange(first, first + len(counts))
        yield EventBatch(rows, collection, tuple(flat), unit or "MeV", path, "event", numbers, sources, computed)
        first += len(counts)


def tables_of(path: Path, sources: Iterable[str], any_size: bool, most: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Read columns in pieces of bounded size.

    Args:
        path: of the file.
        sources: columns, and members of lists of structs, as `Jet.pt`; what the file does not have is left out.
        any_size: read the file whatever it unfolds to.
        most: rows of a piece.

    Raises:
        JetDataError: a damaged file, or one that unfolds to very much.
    """
    try:
        footer = pq.read_metadata(path)
        schema, groups = plain_schema(footer.schema.to_arrow_schema()), read_groups(path, footer.num_columns)
        wanted = {column_of(source, schema) for source in sources}
        names = [name for name in schema.names if name in wanted]
        yield from read_tables(open_parquet(path, footer, groups, schema), groups, path, schema, names, any_size, most)
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
        column, values = values_of(table, source)
        own = lengths(column)
        if not leader:
            leader, counts = source, own
        elif not np.array_equal(own, counts):
            at = int(np.argmax(own != counts))
            raise JetDataError(f"{path}: event {first + at}: {source} has {own[at]} values, {leader} has {counts[at]}")
        flat[name] = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return flat, counts
