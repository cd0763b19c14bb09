"""Text with a line of names."""

import gzip

import numpy as np
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.data import csv_files
from atlas_keras.data.csv_files import is_csv
from atlas_keras.data.look import choose_collection, read_contents
from atlas_keras.errors import JetDataError

HEAD = "pt,eta,phi,mass"
ROWS = "50,0.5,1,5\n40,-1,2,4\n"


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="a.csv"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return write_text


def error_of(path):
    with pytest.raises(JetDataError) as caught:
        load_jets(path, source_unit="GeV")
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def test_lines_without_an_event_are_events(write, caplog):
    caplog.set_level("INFO")
    assert load_jets(write(f"{HEAD}\n{ROWS}"), source_unit="GeV")["event"].tolist() == [0, 1]
    assert "no column tells the event" in caplog.text


@pytest.mark.parametrize("name", ["event", "eventNumber", "entry"])
def test_lines_with_the_same_event_are_one(write, name):
    text = f"{HEAD},{name}\n50,0,1,5,3\n40,0,2,4,3\n40,0,2,4,9\n"
    assert load_jets(write(text), source_unit="GeV")["event"].tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{HEAD}\n{ROWS}",
        f"# {HEAD}\n{ROWS}",
        f"\n\n{HEAD}\n\n{ROWS}\n\n",
        f"{HEAD}\r\n{ROWS}".replace("\n", "\r\n").replace("\r\r", "\r"),
        f'"pt", "eta", phi,mass\n{ROWS}'.replace(", ", ","),
        f"{HEAD}\n{ROWS}".replace(",", ";"),
        f"PT,Eta,Phi,m\n{ROWS}",
        f"{HEAD}\n{ROWS}".rstrip("\n"),
    ],
)
def test_a_text_may_look_differently(write, text):
    jets = load_jets(write(text), "GeV", source_unit="GeV")
    assert jets[["pt", "eta", "phi"]].to_numpy().tolist() == [[50, 0.5, 1], [40, -1, 2]]


def test_types_are_those_of_all_lines_however_they_are_cut(write, monkeypatch):
    n = 3000
    count = np.arange(n)
    late = np.where(count == n - 1, "0.5", count.astype(str))
    lines = [f"{i},{9007199254740993 + i},{x},{i},{'w' if i else ''}" for i, x in zip(count, late, strict=True)]
    path = write("pt,id,late,n,word\n" + "\n".join(lines))
    wanted = {"pt": "float64", "id": "int64", "late": "float64", "n": "int64"}
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 1000)
    (tree,) = read_contents(path).trees
    assert {column.name: column.dtype for column in tree.groups[0].collection} == wanted
    assert [item.name for item in tree.leftovers] == ["word"]
    collection = choose_collection(path, None, ["id", "late"])
    batches = list(read_events(path, collection=collection, unit="file"))
    assert len(batches) > 10
    found = [value for batch in batches for row in batch.table["id"].to_pylist() for value in row]
    assert found == [9007199254740993 + i for i in range(n)]


def test_missing_values_and_fillers(write):
    path = write("pt,tag,n\n5,-999,1\n6,,\n7,nan,3\n8,0.5,2\n")
    collection = choose_collection(path, None, ["tag", "n"])
    assert [column.dtype for column in collection] == ["float64", "int64"]
    from atlas_keras.data.events import InvalidPolicy

    (batch,) = read_events(path, collection=collection, unit="file", policy=InvalidPolicy("keep"))
    assert str(batch.table["tag"].to_pylist()) == "[[-999.0], [None], [nan], [0.5]]"
    assert batch.table["n"].to_pylist() == [[1], [None], [3], [2]]


FAULTS = {
    f"{HEAD}\n{ROWS}7,x,1,2\n": "line 4, column eta: 'x' is no number; mend it",
    f"{HEAD}\n{ROWS}\n\n7,x,1,2\n": "line 6, column eta: 'x' is no number; mend it",
    f"{HEAD}\nx,1,1,2\n{ROWS}": "line 2, column pt: 'x' is no number; mend it",
    f"{HEAD}\n{ROWS}7,1\n": "line 4 has 2 values, and there are 4 columns; mend it, or leave it out",
    f"{HEAD}\n{ROWS}7,1,1,1,1\n": "line 4 has 5 values, and there are 4 columns; mend it, or leave it out",
    f"{HEAD},pt\n50,0,0,0,0\n": "line 1: column pt is there twice",
    f"{HEAD}\n": "holds no events",
    "pt,eta,phi\n1,2,3\n": "column E (or mass) is missing; known: pt, eta, phi",
    f"{HEAD},event\n5,0,0,1,\n": "column event has an empty value: which event is that jet of?",
}


@pytest.mark.parametrize("text", FAULTS)
def test_what_is_wrong_is_named(write, text):
    assert error_of(write(text)) == FAULTS[text]
    assert error_of(write(gzip.compress(text.encode()), "a.csv.gz")) == FAULTS[text]


def test_a_value_is_cut_in_the_message(write):
    assert len(error_of(write(f"{HEAD}\n{ROWS}{'z' * 5000},1,1,2\n"))) < 200


@pytest.mark.parametrize(
    "text",
    ["7;t;1;2;3;j,5,4,3,2;\n", "half;a;line\n", "1,2,3\n4,5,6\n", '{"a": 1, "b": 2}\n', "name\n1\n", "", "a b\n1 2\n",
     "Apache License, Version 2\nfor all\n", "word,other\nx,y\n"],
)  # fmt: skip
def test_what_is_no_table(text):
    assert not is_csv(text.encode())
    assert not is_csv(gzip.compress(text.encode()))
