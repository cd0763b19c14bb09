"""Written events are read back as they were."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from atlas_keras.data.dark_machines_writer import dark_machines_text
from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.readers import read_events
from atlas_keras.data.samples import SAMPLE
from atlas_keras.data.writers import EventWriter
from atlas_keras.errors import JetDataError


def events(path=SAMPLE, **options):
    return pa.concat_tables([batch.table for batch in read_events([path], unit="file", **options)])


LINES = """7;ttbar;1.5e-05;832841;-1.22431;b,947383,824498,-0.523103,1.64421;j,258722,243675,0.328962,2.25014;
7;ttbar;2;1;0.5;m+,5000,4000,0.5,1;g,3000,2900,0.25,-1;
8;zjets;0.1;732115;1.17245;j,1.06946e+06,751597,0.858186,-1.84217;e-,9000,8000,0.1,0.2;j,49649.1,30875.2,-1.03189,-3;
9;zjets;1;5;0;
"""


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
@pytest.mark.parametrize("source", ["sample", "lines"])
def test_reading_undoes_writing(tmp_path, name, source):
    path = SAMPLE
    if source == "lines":
        path = tmp_path / "in.csv"
        path.write_text(LINES)
    table = events(path)
    with EventWriter(tmp_path / name, tmp_path / name, WriteOptions("MeV")) as writer:
        writer.write(table.slice(0, 2))
        writer.write(table.slice(2))
    back = events(tmp_path / name)
    assert back.column_names == table.column_names
    assert back.to_pylist() == table.to_pylist()


def test_lines_are_written_in_the_order_of_their_objects(tmp_path):
    (tmp_path / "in.csv").write_text(LINES)
    text = dark_machines_text(events(tmp_path / "in.csv"), tmp_path / "out.csv").decode()
    assert [line.split(";")[5:] for line in text.splitlines()][2] == [
        "j,1069460,751597,0.858186,-1.84217", "e-,9000,8000,0.1,0.2", "j,49649.1,30875.2,-1.03189,-3", "",
    ]  # fmt: skip
    assert text.splitlines()[3] == "9;zjets;1;5;0;"


def test_numbers_have_all_their_digits(tmp_path):
    table = events().slice(0, 100)
    rng = np.random.default_rng(0)
    counts = table["pt"].combine_chunks()
    jets = pa.ListArray.from_arrays(counts.offsets, pa.array(rng.uniform(1e-3, 1e9, len(counts.flatten()))))
    table = table.set_column(table.column_names.index("pt"), "pt", jets)
    (tmp_path / "out.csv").write_bytes(dark_machines_text(table, tmp_path / "out.csv"))
    assert events(tmp_path / "out.csv")["pt"].to_pylist() == jets.to_pylist()


def test_what_text_cannot_hold_is_told(tmp_path):
    with pytest.raises(JetDataError, match=r"in MeV, these jets are in GeV"):
        EventWriter(tmp_path / "out.csv", tmp_path / "out.csv", WriteOptions("GeV")).write(events())
    with pytest.raises(JetDataError, match="needs the column object"):
        dark_machines_text(events().drop_columns("object"), tmp_path / "out.csv")


TEXT = {
    "event_id": ["1", "2"], "process_id": ["p", "q"], "weight": [1.0, 2.0], "MET": [1.0, 1.0], "METphi": [0.0, 0.0],
    "E": [[3.0], [5.0]], "pt": [[2.0], [4.0]], "eta": [[0.0], [0.0]], "phi": [[0.0], [0.0]],
    "object": [["j"], ["j"]], "position": [[0], [1]], "other_objects": [[], ["e-,1,2,3,4"]],
}  # fmt: skip


def test_text_of_a_table_that_fits():
    assert (
        dark_machines_text(pa.table(TEXT), Path("x.csv")) == b"1;p;1;1;0;j,3,2,0,0;\n2;q;2;1;0;e-,1,2,3,4;j,5,4,0,0;\n"
    )


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("weight", [None, 1.0], "column weight has an empty value"),
        ("event_id", [None, "2"], "column event_id has an empty value"),
        ("object", [["j"], [None]], "column object has an empty value"),
        ("other_objects", [[], None], "column other_objects has an empty value"),
        ("event_id", ["1;p;1;1;0;j,9,9,0,0;\n7", "2"], "column event_id holds what separates"),
        ("process_id", ["p;5", "q"], "column process_id holds what separates"),
        ("object", [["j,1,1,0,0;j"], ["j"]], "column object holds what separates"),
        ("other_objects", [[], ["e-,1,2,3,4;"]], "column other_objects holds what separates"),
        ("other_objects", [[], ["e-,1,2"]], "column other_objects holds what separates"),
        ("weight", ["1", "2"], "numbers in column weight, not string"),
        ("event_id", [b"1", b"2"], "text in column event_id, not binary"),
        ("position", [[0], [2]], "position does not number the objects"),
        ("position", [[1], [-1]], "position does not number the objects"),
        ("position", [[0.0], [1.0]], "numbers in column position, not double"),
    ],
)
def test_what_no_line_can_hold_is_refused(column, values, message):
    with pytest.raises(JetDataError, match=rf"x\.csv: .*{message}"):
        dark_machines_text(pa.table({**TEXT, column: values}), Path("x.csv"))
