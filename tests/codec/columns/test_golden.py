"""Files of columns stay readable: what one version wrote is read by every later one, to the last bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import open_compressed
from atlas_keras.codec.columns.layout import layout_of, take_apart

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("types", "missing", "events", "momenta", "with_model")


def test_there_are_golden_files():
    names = {f"v3_{name}.akc" for name in (*NAMES, "model", "trees")} | {"v1_cells.akc"}
    assert {path.name for path in GOLDEN.glob("*.akc")} == names


def test_golden_trees_decode():
    with open_compressed(GOLDEN / "v3_trees.akc") as file:
        file.check()
        assert file.trees == ["jets", "runs"]
        assert file.to_pandas().pt.tolist() == [k / 3 for k in range(9)]
        assert file.tree("runs").to_pandas().weight.tolist() == [1 / 7]


def test_golden_cells_decode():
    with open_compressed(GOLDEN / "v1_cells.akc") as file:
        assert file.table().equals(pq.read_table(GOLDEN / "v1_cells.parquet"))


@pytest.mark.parametrize("name", NAMES)
def test_golden_files_decode(name):
    model = GOLDEN / "v3_model.akc" if name == "with_model" else None
    expected = pq.read_table(GOLDEN / f"v3_{name}.parquet")
    with open_compressed(GOLDEN / f"v3_{name}.akc", model) as file:
        found = file.table()
        file.check()
        assert any(plan.learned is not None for plan in file.head.plans) == (
            name in ("events", "momenta", "with_model")
        )
    assert found.column_names == expected.column_names
    for column in expected.column_names:
        a, b = (pa.concat_arrays(table[column].chunks) for table in (expected, found))
        assert a.type == b.type
        node = layout_of(a.type, nullable=True)
        if "arrow" in node[1]:  # bytes of Arrow, which may differ between its versions
            assert a.equals(b)
            continue
        for x, y in zip(take_apart(a, node), take_apart(b, node), strict=True):
            assert x.dtype == y.dtype
            assert np.array_equal(np.atleast_1d(x).view(np.uint8), np.atleast_1d(y).view(np.uint8))


WITHOUT_COMPILER = """
import sys
sys.modules["numba"] = None
import pyarrow.parquet as pq
from atlas_keras import compress_columns, open_compressed
with open_compressed(sys.argv[1]) as file:
    assert file.table(entry_stop=200).equals(pq.read_table(sys.argv[2]).slice(0, 200))
compress_columns(sys.argv[2], sys.argv[3], ["*=exact"])
with open_compressed(sys.argv[3]) as file:
    assert file.table().equals(pq.read_table(sys.argv[2]))
    assert not any(plan.learned for plan in file.head.plans)
"""


def test_an_install_without_the_compiler_reads_and_packs(tmp_path):
    paths = [GOLDEN / "v3_events.akc", GOLDEN / "v3_events.parquet", tmp_path / "packed.akc"]
    done = subprocess.run([sys.executable, "-c", WITHOUT_COMPILER, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "numba is not installed" in done.stderr
