"""Whatever Arrow's types are, values come out as they were, in types that all of the package knows."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras.data.arrow_types import plain, plain_schema, plain_type

F32 = pa.float32()
LISTS = [[1.0, 2.0], [], None, [3.0, None]]
WORDS = ["a", "b", None, "a word that is longer than what a view holds itself"]
UUIDS = pa.array([bytes(range(16)), b"x" * 16, None, b"y" * 16], pa.binary(16))
SHARED = pa.array(WORDS).dictionary_encode()
STRUCT = pa.struct([("a", pa.int8()), ("b", pa.large_list(pa.list_view(pa.string_view())))])
NESTED = [[{"a": 1, "b": [["x"], None, []]}], [], None, [{"a": 2, "b": None}, None]]
OFFSETS = pa.array([0, 1, 2, 4, 4], pa.int32())

# Name: array, plain type, values where they are not those of the array itself.
KINDS = {
    "list": (pa.array(LISTS, pa.list_(F32)), pa.list_(F32)),
    "large_list": (pa.array(LISTS, pa.large_list(F32)), pa.list_(F32)),
    "fixed_size_list": (pa.array([[1, 2], [3, None], None, [4, 5]], pa.list_(F32, 2)), pa.list_(F32)),
    "list_view": (pa.array(LISTS, pa.list_view(F32)), pa.list_(F32)),
    "large_list_view": (pa.array(LISTS, pa.large_list_view(F32)), pa.list_(F32)),
    "string_view": (pa.array(WORDS, pa.string_view()), pa.string()),
    "binary_view": (pa.array([b"a", None, b"b" * 40, b""], pa.binary_view()), pa.binary()),
    "large_string": (pa.array(WORDS, pa.large_string()), pa.large_string()),
    "dictionary": (SHARED, pa.string()),
    "list of dictionary": (pa.ListArray.from_arrays(OFFSETS, SHARED), pa.list_(pa.string())),
    "half": (pa.array(np.array([1, 2, 3, 0.1], np.float16)), pa.float16()),
    "uuid": (pa.ExtensionArray.from_storage(pa.uuid(), UUIDS), pa.binary(16), UUIDS.to_pylist()),
    "json": (pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", "1", None, "[]"])), pa.string()),
    "bool8": (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None, 1], pa.int8())), pa.int8()),
    "list of uuid": (
        pa.ListArray.from_arrays(OFFSETS, pa.ExtensionArray.from_storage(pa.uuid(), UUIDS)),
        pa.list_(pa.binary(16)),
        pa.ListArray.from_arrays(OFFSETS, UUIDS).to_pylist(),
    ),
    "nested": (
        pa.array(NESTED, pa.large_list(STRUCT)),
        pa.list_(pa.struct([("a", pa.int8()), ("b", pa.list_(pa.list_(pa.string())))])),
    ),
    "map": (
        pa.array([[("a", 1)], [], None, [("b", 2)]], pa.map_(pa.string(), pa.int8())),
        pa.map_(pa.string(), pa.int8()),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", [0, 1], ids=["whole", "cut"])
def test_values_stay(kind, start):
    array, type_, *values = KINDS[kind]
    wanted = (values[0] if values else array.to_pylist())[start:]
    assert plain_type(array.type) == type_
    field = pa.field("x", array.type, metadata={"ARROW:extension:name": "none"})
    table = pa.table(
        [pa.chunked_array([array.slice(start), array])], schema=pa.schema([field], {"ak:parameters": "[]"})
    )
    found = plain(table)
    assert found.schema == plain_schema(table.schema)
    assert found["x"].type == type_
    assert not found.schema.metadata
    assert not found.schema.field("x").metadata
    assert found["x"].slice(0, 4 - start).to_pylist() == wanted
    assert plain(found).equals(found)


def test_views_in_any_order():
    views = pa.ListViewArray.from_arrays(
        pa.array([2, 0, 0, 1], pa.int32()), pa.array([1, 2, 0, 2], pa.int32()), pa.array([1.0, 2.0, 3.0])
    )
    assert plain(pa.table({"x": views}))["x"].to_pylist() == [[3.0], [1.0, 2.0], [], [2.0, 3.0]]


READ = """
import sys
{first}
import pyarrow.parquet as pq
from atlas_keras import read_events
(batch,) = read_events(sys.argv[1])
{last}
table = batch.table.select([name for name in batch.table.column_names if name != "E"])
same = table.to_pylist() == pq.read_table(sys.argv[2]).to_pylist()
print(batch.jets().sum(axis=0).tolist(), table.schema.to_string(), same)
"""


def test_what_was_imported_before_makes_no_difference(tmp_path):
    ak = pytest.importorskip("awkward")
    columns = {
        "pt": [[50.0, 30.0], [], [40.0]],
        "eta": [[0.5, -1.0], [], [2.0]],
        "phi": [[3.0, -3.0], [], [0.0]],
        "mass": [[5.0, 3.0], [], [1.0]],
        "run": [7, 8, 9],
        "tracks": [[[1, 2], []], [], [[3]]],
        "muons": [[{"pt": 1.5, "charge": -1}], [], []],
    }
    pq.write_table(pa.table(columns), tmp_path / "plain.parquet")
    arrays = ak.Array({name: ak.Array(values) for name, values in columns.items()})
    table = ak.to_arrow_table(arrays, extensionarray=True)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "awkward.parquet")
    told = []
    for first in ("", "import awkward"):
        code = READ.format(first=first, last="" if first else "assert 'awkward' not in sys.modules")
        command = [sys.executable, "-c", code, tmp_path / "awkward.parquet", tmp_path / "plain.parquet"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
    assert told[0] == told[1]
    assert told[0].endswith(" True\n")
    assert "awkward" not in told[0]
    assert "large" not in told[0]
