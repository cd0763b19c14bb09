"""Write very many jets: the shipped sample again and again, each time smeared anew.

python -m benchmarks.many_jets PATH JETS SEED
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras import load_jets


def write_jets(path: Path, n_jets: int, seed: int) -> None:
    """Write the sample again and again, every jet smeared by up to 10 % and turned; a row group a copy."""
    sample, rng = load_jets(), np.random.default_rng(seed)
    n_events = int(sample["event"].max()) + 1
    schema = pa.schema([("event", pa.int64()), *((name, pa.float32()) for name in ("E", "pt", "eta", "phi"))])
    with pq.ParquetWriter(path, schema.with_metadata({"unit": "MeV"})) as writer:
        for k in range(-(-n_jets // len(sample))):
            scale = rng.normal(1, 0.03, len(sample)).clip(0.9, 1.1)
            angle = sample["phi"] + rng.uniform(0, 2 * np.pi)
            columns = {
                "event": sample["event"] + k * n_events,
                "E": sample["E"] * scale,
                "pt": sample["pt"] * scale,
                "eta": sample["eta"],
                "phi": np.mod(angle + np.pi, 2 * np.pi) - np.pi,
            }
            rows = min(len(sample), n_jets - k * len(sample))
            arrays = [pa.array(columns[field.name].to_numpy(), field.type, safe=False) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema).slice(0, rows))


if __name__ == "__main__":
    write_jets(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
