"""What a compressed file remembers of other columns comes back, and nonsense is refused."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras.codec import digest
from atlas_keras.codec.files import compress_file, decompress_file
from atlas_keras.codec.other_columns import OURS, OtherColumns
from atlas_keras.data.readers import read_events
from atlas_keras.errors import JetDataError

WHERE = Path("file.jets")


@pytest.mark.parametrize(
    "names", [(), ("run",), OURS, (*OURS, *(f"other_{name}" for name in OURS), "other_other_jet_pt")]
)
@pytest.mark.parametrize("jets", [None, (), ("run", "a,b \N{GREEK SMALL LETTER ETA}")])
def test_it_comes_back(names, jets):
    columns = OtherColumns.of(names, jets)
    assert OtherColumns.from_json(columns.to_json().encode(), WHERE) == columns
    assert sorted(columns.renamed.values()) == sorted(set(OURS) & set(names))
    assert not set(columns.renamed) & {*names, *OURS}


def test_a_file_without_has_nothing_to_remember():
    assert OtherColumns.from_json(b"", WHERE) == OtherColumns()


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b"3",
        b'"x"',
        b'{"jets":3}',
        b'{"jets":[3]}',
        b'{"renamed":[["a"]]}',
        b'{"renamed":{"a":3}}',
        b"\xff",
    ],
)
def test_nonsense_is_refused(text):
    with pytest.raises(JetDataError, match=r"file\.jets: what the file says of its columns is damaged"):
        OtherColumns.from_json(text, WHERE)


def test_two_columns_of_a_name_are_refused(tmp_path):
    table = next(read_events()).table.select(["E", "pt", "eta", "phi"]).slice(0, 5)
    table = table.append_column("jet_pt", pa.array(range(5))).append_column("tag", pa.array(range(5)))
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    compress_file(None, tmp_path / "in.parquet", tmp_path / "a.jets", None, jobs=1)
    content = (tmp_path / "a.jets").read_bytes()
    wrong = re.sub(rb'"other_jet_pt":"jet_pt"', b'"other_jet_pt":"tag"   ', content)
    assert wrong != content
    (tmp_path / "a.jets").write_bytes(re.sub(rb'("digest":")[0-9a-f]{32}', rb"\g<1>" + b"0" * 32, wrong))
    digest.seal(tmp_path / "a.jets")
    with pytest.raises(JetDataError, match="what the file says of its columns is damaged"):
        decompress_file(tmp_path / "a.jets", tmp_path / "back.parquet", jobs=1)
