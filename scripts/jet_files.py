"""Jets in Parquet as experiments store them, a row an event and a list a column, with their provenance beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scripts.qcd_jets import ETA_MAX, PARTICLE_ETA_MAX, PT_MIN, RADIUS, SETTINGS

BITS = {  # of the mantissa that are kept, as experiments do
    "phi": 12, "area": 10, "phEF": 10, "elEF": 10, "muEF": 10, "chHEF": 10, "neHEF": 10, "btag": 10, "svMass": 10,
}  # fmt: skip


class Event(NamedTuple):
    """The variables of an event, and those of each of its jets."""

    variables: dict[str, float]
    jets: list[dict[str, float]]


def truncate(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """Round the mantissas of floats to a number of bits."""
    shift = 23 - bits
    raw = values.view(np.uint32).astype(np.uint64) + (1 << (shift - 1))
    return ((raw >> shift) << shift).astype(np.uint32).view(np.float32)


def column(name: str, values: Sequence[float]) -> NDArray:
    """Make a column: bools and whole numbers (32 bits) as they are, and floats with as many bits as are kept."""
    found = np.array(values)
    if found.dtype.kind == "f":
        floats = found.astype(np.float32)
        return truncate(floats, BITS[name]) if name in BITS else floats
    return found if found.dtype.kind == "b" else found.astype(np.int32)


def to_table(events: Sequence[Event]) -> pa.Table:
    """Make a table with a row an event and a list a column, as NanoAOD is in Parquet."""
    offsets = pa.array(np.concatenate([[0], np.cumsum([len(event.jets) for event in events])]).astype(np.int32))
    flat = [jet for event in events for jet in event.jets]
    columns: dict[str, pa.Array] = {"event": pa.array(np.arange(len(events)), pa.int64())}
    for name in events[0].variables:
        columns[name] = pa.array(column(name, [event.variables[name] for event in events]))
    for name in flat[0]:
        columns[f"Jet_{name}"] = pa.ListArray.from_arrays(offsets, pa.array(column(name, [jet[name] for jet in flat])))
    return pa.table(columns).replace_schema_metadata({"unit": "GeV"})


def digest(table: pa.Table) -> str:
    """Hash the content of a table: writers of Parquet differ in their bytes, the jets must not."""
    total = hashlib.sha256()
    for name in table.column_names:
        values = table[name].combine_chunks()
        flat = values.flatten() if pa.types.is_list(values.type) else values
        total.update(name.encode() + flat.to_numpy(zero_copy_only=False).tobytes())
    return total.hexdigest()


def write_jets(events: Sequence[Event], path: Path, *, seed: int, n_tried: int, command: str) -> None:
    """Write a Parquet file of jets, and beside it its provenance as JSON."""
    table = to_table(events)
    pq.write_table(table, path, compression="zstd", compression_level=19, use_dictionary=True, write_statistics=False)
    n_jets = sum(len(event.jets) for event in events)
    provenance = {
        "generator": "Pythia 8 (pythia8mc), FastJet",
        "versions": {name: version(name) for name in ("pythia8mc", "fastjet", "numpy")},
        "settings": [*SETTINGS, f"Random:seed = {seed}"],
        "clustering": f"anti-kt R={RADIUS} (FastJet, active area), particles with |eta| < {PARTICLE_ETA_MAX}",
        "selection": f"jet pt > {PT_MIN} GeV before its correction, |eta| < {ETA_MAX}",
        "unit": "GeV",
        "seed": seed,
        "n_events_generated": n_tried,
        "n_events": len(events),
        "n_jets": n_jets,
        "sha256_values": digest(table),
        "command": command,
        "license": "MIT, like the package; no collision data",
    }
    path.with_suffix(".json").write_text(json.dumps(provenance, indent=2) + "\n")
    print(f"{path}: {len(events)} events, {n_jets} jets, {path.stat().st_size} bytes")
