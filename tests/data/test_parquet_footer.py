"""What we read of a footer is what Arrow reads of it; and a changed footer never ends the process."""

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras.data.parquet_footer import PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY, footer_of, read_groups
from atlas_keras.data.readers import read_events
from atlas_keras.errors import JetDataError

NUMBERS = {"PLAIN": PLAIN, "PLAIN_DICTIONARY": PLAIN_DICTIONARY, "RLE": RLE, "RLE_DICTIONARY": RLE_DICTIONARY}
TABLE = pa.table(
    {
        "number": np.arange(1000.0),
        "word": [f"word {n % 7}" for n in range(1000)],
        "lists": [[float(n)] * (n % 3) for n in range(1000)],
        "parts": [{"a": n, "b": [True, None] * (n % 2)} for n in range(1000)],
        "map": pa.array([[(n, "x")] for n in range(1000)], pa.map_(pa.int32(), pa.string())),
        "null": pa.nulls(1000, pa.int16()),
    }
)


@pytest.mark.parametrize("version", ["1.0", "2.6"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
@pytest.mark.parametrize("n_groups", [0, 1, 3])
def test_it_reads_what_arrow_reads(version, compression, n_groups, tmp_path):
    path = tmp_path / "some.parquet"
    with pq.ParquetWriter(path, TABLE.schema, version=version, compression=compression) as writer:
        for number in range(n_groups):
            writer.write_table(TABLE.slice(100 * number, 300 + number))
        writer.add_key_value_metadata({"unit": "MeV", "": ""})
    footer = pq.read_metadata(path)
    groups = read_groups(path, footer.num_columns)
    assert len(groups) == footer.num_row_groups == n_groups
    for index, group in enumerate(groups):
        expected = footer.row_group(index)
        assert (group.n_rows, group.n_bytes) == (expected.num_rows, expected.total_byte_size)
        for leaf, chunk in enumerate(group.chunks):
            column = expected.column(leaf)
            assert chunk.encodings == {NUMBERS[name] for name in column.encodings}
            assert chunk[1:] == (column.num_values, column.total_uncompressed_size, column.total_compressed_size)


def test_another_number_of_columns_is_damage(tmp_path):
    pq.write_table(TABLE, tmp_path / "some.parquet")
    with pytest.raises(JetDataError, match=r"some\.parquet: .* damaged"):
        read_groups(tmp_path / "some.parquet", 3)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"PAR1\xff\xff\xff\xffPAR1", b"PAR1" + b"\0" * 8 + b"PAR1"]
)
def test_what_is_no_parquet_file_is_told(content, tmp_path):
    (tmp_path / "none.parquet").write_bytes(content)
    with pytest.raises(JetDataError, match=r"none\.parquet: is no Parquet file, or is truncated"):
        footer_of(tmp_path / "none.parquet")


@pytest.mark.parametrize(
    "footer",
    [
        b"\x1c" * 100,  # a structure within a structure, and so on
        b"\x19\xff" + b"\xff" * 9 + b"\x01",  # a list of more than there are bytes
        b"\x15" + b"\xff" * 60 + b"\x01",  # a number of 400 bits
        b"\x18\x7fabc",  # a text that is longer than the file
        b"\x1e\x00",  # no type
        b"\x00",  # no row groups
        b"\x49\x15\x02\x00",  # numbers for row groups
    ],
)
def test_a_footer_that_makes_no_sense_is_told(footer, tmp_path):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(JetDataError, match=r"bad\.parquet: the Parquet file is truncated or damaged"):
        read_groups(tmp_path / "bad.parquet", 1)


def test_no_change_of_a_footer_ends_the_process(tmp_path):
    """Arrow's objects for columns of a row group call C++ that throws through Python; readers do not ask them."""
    path, changed = tmp_path / "in.parquet", tmp_path / "changed.parquet"
    table = next(read_events()).table.slice(0, 20)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), path, row_group_size=7)
    content = path.read_bytes()
    begin, footer = footer_of(path)
    rng, outcomes, messages = random.Random(0), set(), []
    for _ in range(1000):
        bad = bytearray(content)
        for _ in range(rng.choice([1, 2, 8])):
            bad[begin + rng.randrange(len(footer))] = rng.randrange(256)
        changed.write_bytes(bad)
        try:
            outcomes.add(sum(batch.n_events for batch in read_events(changed)))
        except JetDataError as error:
            messages.append(str(error))
    assert 20 in outcomes
    assert len(messages) > 100
    assert [message for message in messages if str(changed) not in message or len(message) > 600] == []
