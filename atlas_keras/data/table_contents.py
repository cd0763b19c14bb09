"""What a table holds, and its collections by name: `Jet_pt` beside `Jet_eta`, structs, or what its rows are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from atlas_keras.data.arrow_types import n_leaves
from atlas_keras.data.contents import IDENTITY, JETS, Group, Leftover, TreeContents
from atlas_keras.data.events import EventBatch, Flat, compute_columns, jagged, lengths
from atlas_keras.data.file_format import ReadOptions
from atlas_keras.data.find_collection import sources_of
from atlas_keras.data.grouping import Leaf, group_leaves, make_group
from atlas_keras.data.kept_columns import matching, names_in_table
from atlas_keras.data.naming import tells_momentum
from atlas_keras.data.table import EVENT_COLUMNS, UNIT_KEY, Table, event_column, refuse_doubled
from atlas_keras.data.table_rows import n_events, nest_rows
from atlas_keras.errors import JetDataError
from atlas_keras.schema import UNITS_IN_MEV


def _is_identity(name: str) -> bool:
    """Tell whether a column identifies an event, with others."""
    return name in EVENT_COLUMNS or IDENTITY.match(name) is not None


def contents_of(table: Table, *, counted: bool = True) -> TreeContents:
    """List the collections and columns of a table.

    Args:
        table: of a file.
        counted: count the events; of rows of objects a column has to be read for that. Without it there are -1.
    """
    schema = table.schema
    refuse_doubled(schema, table.path)
    stated = table.declared or frozenset()
    leaves: list[Leaf] = []
    leftovers: list[Leftover] = []
    at = 0
    for field in schema:
        width = n_leaves(field.type)
        n_bytes = list(table.n_bytes[at : at + width]) or [0] * width
        for part in _parts(field, n_bytes):
            if isinstance(part, Leaf):
                leaves.append(_declared(part, table.collection) if part.name in stated else part)
            else:
                leftovers.append(part)
        at += width
    known, lone = group_leaves(leaves)
    if own := _objects(lone, known, table):
        known, lone = (*known, make_group(table.objects, own, "")), [leaf for leaf in lone if leaf not in own]
    leftovers += [Leftover(leaf.name, f"list of {leaf.dtype}", leaf.n_bytes) for leaf in lone]
    events = [leaf for leaf in leaves if not leaf.is_list]
    if table.is_flat:
        objects = [leaf for leaf in events if not _is_identity(leaf.name)]
        known = (make_group(table.objects, objects, ""),) if objects else ()
        events = [leaf for leaf in events if _is_identity(leaf.name)]
    is_nano = "luminosityBlock" in schema.names and not table.is_flat
    own_unit = table.metadata.get(UNIT_KEY, b"").decode(errors="replace")
    unit = own_unit if own_unit in UNITS_IN_MEV else "GeV" if is_nano else None
    kind = "NanoAOD" if is_nano else "table"
    of_events = make_group("events", events, "") if events else None
    n_events = _n_events(table) if counted else -1
    return TreeContents(
        table.name, kind, n_events, unit, known, of_events, tuple(leftovers),
        states_unit=own_unit in UNITS_IN_MEV, n_row_groups=table.n_row_groups,
    )  # fmt: skip


def _declared(leaf: Leaf, collection: str) -> Leaf:
    """Say of a list to which collection it belongs, where the file does."""
    if not collection or not leaf.is_list:
        return leaf
    return leaf._replace(collection=collection, column=leaf.name.removeprefix(f"{collection}_"))


def _objects(lone: list[Leaf], known: tuple[Group, ...], table: Table) -> list[Leaf]:
    """Find the columns of objects with no name in front of them: `pt` beside `eta`, as this package writes jets.

    Args:
        lone: lists that belong to no collection.
        known: collections; where one is called as jets are, the lists are something else.
        table: that may say which columns belong to the objects; where it does not, all lists do, beside a momentum.
    """
    if any(group.collection.name.lower() in map(str.lower, (*JETS, table.objects)) for group in known):
        return []
    if table.declared is not None:
        return [leaf for leaf in lone if leaf.name in table.declared]
    return lone if any(tells_momentum(leaf.name) for leaf in lone) else []


def _n_events(table: Table) -> int:
    event = event_column(table.schema, table.path) if table.is_flat else None
    return table.n_rows if event is None else n_events(table.read([event], None), event)


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


def read_group(table: Table, tree: TreeContents, group: Group, options: ReadOptions) -> Iterator[EventBatch]:
    """Read a collection of a table, what identifies its events, and further columns.

    Args:
        table: with a row an event, or a row an object of the collection.
        tree: what it holds.
        group: the collection.
        options: what is read; the columns of its collection have the names that `info` prints, or are computed from
            those.

    Raises:
        JetDataError: no such column, a pattern that fits no column, no unit.
    """
    path, collection = table.path, options.collection
    if options.jet_columns is not None:
        name = group.collection.name
        raise JetDataError(f"{path}: names tell which columns belong to {name}; leave out --jet-columns")
    unit = tree.unit_of(path, options.source_unit)
    sources = sources_of(path, group, collection, unit)
    computed = tuple(name for name in collection.names if name not in sources)
    kept = _kept(table, set(sources.values()), (*collection.names, *sources), options)
    of_group = {kept[name] for name in kept if name in group.sources.values()}
    counter: Literal["event", "row"] = "row" if table.is_flat else "event"
    first, n_rows = table.first_row + 1, table.first_row
    for piece in _pieces(table, set(sources.values()) | set(kept)):
        flat, counts = _flatten(piece, sources, path, first, group is tree.events)
        own = {name: jagged(values, counts) for name, values in (flat | compute_columns(collection, flat)).items()}
        rows = pa.table({**own, **{column: piece[name] for name, column in kept.items()}})
        numbers = first + np.arange(len(counts))
        if counter != "event":
            numbers = 1 + n_rows + np.cumsum(counts) - counts
        jets = (*own, *(name for name in of_group if np.array_equal(lengths(rows[name]), counts)))
        yield EventBatch(rows, collection, jets, unit or "MeV", path, counter, numbers, sources, computed)
        first, n_rows = first + len(counts), n_rows + int(counts.sum())


def _kept(table: Table, sources: set[str], taken: tuple[str, ...], options: ReadOptions) -> dict[str, str]:
    """Choose the columns that are kept beside those of a collection: their names in the file, and in the result."""
    known = table.schema.names
    wanted = matching(options.columns, known, table.path, "column") | set(filter(_is_identity, known))
    return names_in_table([name for name in known if name in wanted and name not in sources], taken, table.path)


def _pieces(table: Table, columns: set[str]) -> Iterator[pa.Table]:
    """Read columns, members of structs among them, with a row an event."""
    wanted = {column_of(name, table.schema) for name in columns}
    event = event_column(table.schema, table.path) if table.is_flat else None
    names = [name for name in table.schema.names if name in wanted or name == event]
    pieces = table.read(names, None)
    if not table.is_flat:
        return pieces
    return nest_rows(pieces, event, frozenset(filter(_is_identity, names)), table.path, table.max_event)


def _flatten(
    table: pa.Table, sources: dict[str, str], path: Path, first: int, own_row: bool
) -> tuple[dict[str, Flat], np.ndarray]:
    """Flatten lists: the values of each column in their type, and how many objects each event has.

    With `own_row` an event is a row, and its columns are no lists.
    """
    flat: dict[str, Flat] = {}
    leader, counts = "", np.empty(0, np.int64)
    for name, source in sources.items():
        column, values = values_of(table, source)
        own = np.ones(len(column), np.int64) if own_row else lengths(column)
        if not leader:
            leader, counts = source, own
        elif not np.array_equal(own, counts):
            at = int(np.argmax(own != counts))
            raise JetDataError(f"{path}: event {first + at}: {source} has {own[at]} values, {leader} has {counts[at]}")
        flat[name] = values
    return flat, counts
