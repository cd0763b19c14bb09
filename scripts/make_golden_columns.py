"""Write the golden files of columns: compressed files that every later version has to read, and what is in them.

Files that are there stay as they are: `python scripts/make_golden_columns.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from atlas_keras import compress_columns, fit_columns, open_compressed  # noqa: E402
from atlas_keras.codec.columns import cells as cell_format  # noqa: E402
from atlas_keras.codec.columns.container import VERSION  # noqa: E402
from tests.codec.columns.tables import all_types, balanced_events, collision_events, with_missing  # noqa: E402

GOLDEN = ROOT / "tests" / "codec" / "golden"


def main() -> None:
    """Write the files."""
    model = GOLDEN / f"v{VERSION}_model.akc"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.parquet"

        def write(name: str, table: pa.Table, *bounds: str, model: Path | None = None) -> None:
            target = GOLDEN / f"v{VERSION}_{name}.akc"
            if target.exists():
                return
            pq.write_table(table, source)
            compress_columns(source, target, bounds, model=model)
            with open_compressed(target, model) as file:
                pq.write_table(file.table(), target.with_suffix(".parquet"), compression="zstd")

        write("types", all_types(), "*=exact")
        write("missing", with_missing(), "*=exact")
        write("events", collision_events(800))
        write("momenta", balanced_events(400))
        pq.write_table(collision_events(800, 1), source)
        if not model.exists():
            fit_columns([source], model)
        write("with_model", collision_events(200, 2), model=model)
        trees = GOLDEN / f"v{VERSION}_trees.akc"
        if not trees.exists():
            arrays = Path(folder) / "trees.npz"
            np.savez(
                arrays, jets=structured(pt=np.arange(9) / 3, id=np.arange(9)), runs=structured(weight=np.ones(1) / 7)
            )
            compress_columns(arrays, trees, ["*=exact"])
        cells = GOLDEN / f"v{cell_format.VERSION}_cells.akc"
        if not cells.exists():
            pq.write_table(collision_events(50), source)
            compress_columns(source, cells, coding="parquet")
            with open_compressed(cells) as file:
                pq.write_table(file.table(), cells.with_suffix(".parquet"), compression="zstd")


def structured(**columns: np.ndarray) -> np.ndarray:
    """Return arrays as one structured array."""
    return np.rec.fromarrays(list(columns.values()), names=list(columns))


if __name__ == "__main__":
    main()
