"""Write whole tables with a row an event: Parquet, or ROOT as a TTree with counters or as an RNTuple."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from atlas_keras import extras
from atlas_keras.data.awkward_arrays import to_awkward
from atlas_keras.errors import JetDataError, reason_of

ENDINGS = (".parquet", ".pq", ".root")
TREE = "Events"  # where the source had no name for it


def check_ending(name: Path) -> None:
    """Refuse a name whose ending chooses no format.

    Raises:
        JetDataError: names the endings that do.
    """
    if name.suffix.lower() not in ENDINGS:
        raise JetDataError(f"{name}: the ending chooses the format; use {' or '.join(ENDINGS[::2])}")


def write_whole(
    path: Path,
    name: Path,
    tables: Iterable[pa.Table],
    *,
    tree: str = "",
    counters: Mapping[str, str] | None = None,
    ntuple: bool = False,
) -> list[str]:
    """Write tables.

    Args:
        path: where to write.
        name: the final name, whose ending chooses the format.
        tables: of one schema, at least one.
        tree: of a ROOT file.
        counters: the column that counts the objects, for columns of lists that have one.
        ntuple: write an RNTuple and not a TTree.

    Returns:
        Names of columns that a TTree cannot hold.

    Raises:
        JetDataError: an ending that chooses no format, or columns that no RNTuple holds.
    """
    check_ending(name)
    if name.suffix.lower() != ".root":
        _write_parquet(path, tables)
        return []
    extras.require("uproot")
    import uproot

    with uproot.recreate(path) as file:
        if ntuple:
            _write_ntuple(file, tree or TREE, tables, name)
            return []
        return _write_tree(file, tree or TREE, tables, counters or {})


def _write_parquet(path: Path, tables: Iterable[pa.Table]) -> None:
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _write_ntuple(file: Any, tree: str, tables: Iterable[pa.Table], name: Path) -> None:
    writer = None
    for table in tables:
        arrays = {column: to_awkward(_one(table, column)) for column in table.column_names}
        try:
            if writer is None:
                writer = file.mkrntuple(tree, arrays)
            else:
                writer.extend(arrays)
        except (TypeError, NotImplementedError, ValueError) as error:
            raise JetDataError(f"{name}: uproot cannot write the columns as RNTuple ({reason_of(error)})") from error


def _write_tree(file: Any, tree: str, tables: Iterable[pa.Table], counters: Mapping[str, str]) -> list[str]:
    """Write a TTree: lists of one counter as one group, so that they share it as NanoAOD has it."""
    import awkward as ak

    writer, plan = None, None
    for table in tables:
        plan = plan or _TreePlan.of(table, counters)
        chunk: dict[str, Any] = {plan.branch[c]: _one(table, c).to_numpy(zero_copy_only=False) for c in plan.plain}
        for counter, columns in plan.groups.items():
            chunk[f"@{counter}"] = ak.zip({plan.branch[c]: to_awkward(_one(table, c)) for c in columns})
        if writer is None:
            types = {k: v.dtype if isinstance(v, np.ndarray) else v.type.content for k, v in chunk.items()}
            writer = file.mktree(tree, types, counter_name=lambda key: key[1:], field_name=lambda _, field: field)
        writer.extend(chunk)
    return [] if plan is None else plan.left_out


class _TreePlan:
    """Which columns a TTree holds, and under which counters."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.groups: dict[str, list[str]] = {}
        self.branch: dict[str, str] = {}
        self.left_out: list[str] = []

    @classmethod
    def of(cls, table: pa.Table, counters: Mapping[str, str]) -> _TreePlan:
        """Plan the branches of a table."""
        plan, taken = cls(), set[str]()
        lists: list[str] = []
        for column in table.column_names:
            kind = table.schema.field(column).type
            inner = kind.value_type if pa.types.is_list(kind) else kind
            if not _fits(inner) or table[column].null_count:
                plan.left_out.append(column)
                continue
            plan.branch[column] = branch = _free(column.rpartition("/")[2], taken)
            taken.add(branch)
            (lists if pa.types.is_list(kind) else plan.plain).append(column)
        for column in lists:
            known = [name for name in plan.plain if column.startswith(name.removeprefix("n")) and name[0] == "n"]
            own = [name for name in [*known, counters.get(column, "")] if name in plan.plain]
            counter = next((name for name in own if _counts(table, column, name)), None)
            counter = counter or _free(f"n{plan.branch[column]}", taken)
            plan.groups.setdefault(counter, []).append(column)
            taken.add(counter)
        plan.plain = [column for column in plan.plain if column not in plan.groups]
        return plan


def _counts(table: pa.Table, column: str, counter: str) -> bool:
    lengths = pc.list_value_length(_one(table, column)).to_numpy(zero_copy_only=False)
    return bool(np.array_equal(lengths, _one(table, counter).to_numpy(zero_copy_only=False)))


def _fits(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_boolean(kind) or types.is_integer(kind) or types.is_float32(kind) or types.is_float64(kind)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _one(table: pa.Table, column: str) -> pa.Array:
    chunks = table[column].chunks
    return pa.concat_arrays(chunks) if chunks else pa.array([], table.schema.field(column).type)
