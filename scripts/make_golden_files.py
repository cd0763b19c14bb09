"""Write the golden files of a format version: compressed files that every later version has to read.

Run once for each version of the format, never again for an old one: `python scripts/make_golden_files.py`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.entropy_model.fitting import EventTable, collect_events, fit_entropy_model
from atlas_keras.codec.files import compress_file, decompress_file
from atlas_keras.codec.header import VERSION
from atlas_keras.config import DataConfig
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import split_of_events

GOLDEN = Path(__file__).parents[1] / "tests" / "codec" / "golden"
N_EVENTS = 100
CASES = {
    "dense": (Bounds.parse("1e-3"), "entropy"),
    "dense_mass": (Bounds.parse("1e-4,mass=1e-2"), "entropy"),
    "portable": (Bounds.parse("E=1e-2,pt=1e-3,eta=5e-4,phi=5e-4"), "parquet"),
    "lossless": (None, "entropy"),
}


def main() -> None:
    """Write the files and what is in them."""
    GOLDEN.mkdir(exist_ok=True)
    every = collect_events(read_events(), split_of_events(4097, DataConfig(), 0) == 0)
    some = np.arange(1000)
    n_jets = int(every.n_jets[some].sum())
    entropy_model = fit_entropy_model(EventTable(every.n_jets[some], every.jets[:n_jets], every.missing.take(some)))
    table = next(read_events()).table.slice(0, N_EVENTS)
    pt = table["pt"].to_pylist()
    pt[3][0], pt[5][-1] = float("nan"), 0.0  # two jets that no code reaches
    table = table.set_column(table.column_names.index("pt"), "pt", pa.array(pt))
    table = pa.concat_tables([table, _long_event()])
    source = GOLDEN / f"v{VERSION}_source.parquet"
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), source, compression="zstd")
    for name, (bounds, coding) in CASES.items():
        packed = GOLDEN / f"v{VERSION}_{name}.jets"
        keep = InvalidPolicy("keep")
        compress_file(entropy_model, source, packed, bounds, coding=coding, embed_model=True, policy=keep)
        decompress_file(packed, GOLDEN / "back.parquet", force=True)
        jets = next(read_events([GOLDEN / "back.parquet"], policy=replace(keep))).jets()
        np.save(GOLDEN / f"v{VERSION}_{name}.npy", jets)
    (GOLDEN / "back.parquet").unlink()


def _long_event() -> pa.Table:
    """Make an event of more jets than are walked as one, of those of the next events."""
    few = next(read_events()).table.slice(N_EVENTS, 70)
    columns = {}
    for name, column in zip(few.column_names, few.columns, strict=True):
        values = column.to_pylist()
        columns[name] = [list(itertools.chain(*values))] if pa.types.is_list(column.type) else values[:1]
    return pa.table(columns, few.schema)


if __name__ == "__main__":
    main()
