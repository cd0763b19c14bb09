"""Write the golden files of columns: compressed files that every later version has to read, and what is in them.

Run once for each version of the format, never again for an old one: `python scripts/make_golden_columns.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from atlas_keras import compress_columns, fit_columns, open_compressed  # noqa: E402
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
            pq.write_table(table, source)
            compress_columns(source, target, bounds, model=model)
            with open_compressed(target, model) as file:
                pq.write_table(file.table(), target.with_suffix(".parquet"), compression="zstd")

        write("types", all_types(), "*=exact")
        write("missing", with_missing(), "*=exact")
        write("events", collision_events(800))
        write("momenta", balanced_events(400))
        pq.write_table(collision_events(800, 1), source)
        fit_columns([source], model)
        write("with_model", collision_events(200, 2), model=model)


if __name__ == "__main__":
    main()
