"""Bits of jets of many columns: with a model of other events or of their own, and beside rivals; all values checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.models import fit_columns
from atlas_keras.codec.columns.reader import open_columns
from atlas_keras.schema import Bound
from atlas_keras.schema_files import read_schema
from benchmarks.array_rivals import array_rivals
from benchmarks.column_rivals import rounded_parquet
from benchmarks.whole_files import check

SOME_JETS, SOME_EVENTS = 2000, (600, 2400)  # of a small model, and of small files
EMBEDDED = "the file itself, in it"


def only_lists(table: pa.Table) -> pa.Table:
    """Return the columns that have a list an event."""
    return table.select([field.name for field in table.schema if pa.types.is_list(field.type)])


def lengths(table: pa.Table) -> np.ndarray:
    """Count the jets of each event."""
    return np.diff(only_lists(table).column(0).combine_chunks().offsets.to_numpy())


def n_jets(table: pa.Table) -> int:
    """Count the jets of all events."""
    return int(lengths(table).sum())


def first_jets(table: pa.Table, n: int) -> pa.Table:
    """Take the first events that have at most so many jets together."""
    return table.slice(0, int((np.cumsum(lengths(table)) <= n).sum()))


def halves(path: Path) -> tuple[pa.Table, pa.Table]:
    """Read a file: the first half of its events, which is learned from, and the other one, which is measured."""
    table = pq.read_table(path).combine_chunks()
    half = table.num_rows // 2
    learned, measured = (part.take(np.arange(part.num_rows)) for part in (table[:half], table[half:]))
    return learned, measured


def bounds_of(path: Path, usual: Sequence[str]) -> list[str]:
    """Return the bounds of a file: the usual ones, and those of the schema beside it, where there is one."""
    schema = path.with_suffix(".toml")
    collections = read_schema(schema).collections if schema.exists() else ()
    own = [f"{part.name}_{column.name}={column.bound}" for part in collections for column in part if column.bound]
    return [*usual, *own]


def jet_bits(
    table: pa.Table, bounds: Sequence[str], folder: Path, model: Path | None = None
) -> tuple[float, dict[str, Bound]]:
    """Compress a table and check all of it; return the bits of a jet, and the bound of each column.

    The bits are those of all bytes but the streams of event columns.
    """
    source, target = folder / "source.parquet", folder / "ours.akc"
    pq.write_table(table, source)
    summary = compress_columns(source, target, bounds, model=model, force=True)
    lists = only_lists(table).column_names
    with open_columns(target, model) as file:
        check(table, file.table(), summary.bounds)
    return 8 * bytes_of(lists, target, model) / n_jets(table), summary.bounds


def bytes_of(names: Sequence[str], path: Path, model: Path | None = None) -> int:
    """Count the bytes of a compressed file but the streams of other columns."""
    with open_columns(path, model) as file:
        return path.stat().st_size - sum(size for name, size in file.column_bytes().items() if name not in names)


def fitted(table: pa.Table, bounds: Sequence[str], folder: Path) -> Path:
    """Fit an entropy model to a table."""
    source, target = folder / "learned.parquet", folder / "model.akc"
    pq.write_table(table, source)
    fit_columns([source], target, bounds, force=True)
    return target


def parquet_bits(table: pa.Table, bounds: dict[str, Bound], folder: Path) -> dict[str, float]:
    """Count the bits of a jet in Parquet of rounded values: as lists, and with a row a jet and the lengths once."""
    lists = only_lists(table)
    flat = pa.table({name: lists[name].combine_chunks().flatten() for name in lists.column_names})
    once = pa.table({"lengths": lengths(table).astype(np.int32)})
    as_lists, as_rows, of_lengths = (sum(rounded_parquet(t, bounds, folder)[0].values()) for t in (lists, flat, once))
    return {"lists": 8 * as_lists / n_jets(table), "rows": 8 * (as_rows + of_lengths) / n_jets(table)}


def measure_bits(
    learned: pa.Table, measured: pa.Table, bounds: Sequence[str], folder: Path
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Measure bits of a jet: by model and number of events, beside Parquet; and those of compressors of arrays."""
    cases: list[tuple[pa.Table, list[pa.Table | None]]] = [
        (measured, [learned, first_jets(learned, SOME_JETS), None]),
        *((measured.slice(0, n), [None]) for n in SOME_EVENTS),
    ]
    rows, others = [], dict[str, float]()
    for table, sources in cases:
        for source in sources:
            model = None if source is None else fitted(source, bounds, folder)
            what = EMBEDDED if source is None else f"{n_jets(source):,} jets of other events"
            bits, resolved = jet_bits(table, bounds, folder, model)
            rows.append({"model": what, "n_events": table.num_rows, "n_jets": n_jets(table), "bits": bits})
        parquet = parquet_bits(table, resolved, folder)
        for row in rows[-len(sources) :]:
            row["rounded_parquet"] = parquet
            print(row, flush=True)
        if table is measured:
            sizes = array_rivals(only_lists(table), resolved)
            others = {name: 8 * size / n_jets(table) for name, size in sizes.items()}
            print(others, flush=True)
    return rows, others
