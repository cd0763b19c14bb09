import gzip

import numpy as np
import pyarrow.compute as pc
import pytest

from atlas_keras import load_jets, read_events
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.errors import JetDataError

HEAD = "354;monojet;2.4e-05;832841;-1.22431;"
JET = "j,258722,243675,0.328962,2.25014;"
B_JET = "b,947383,824498,-0.523103,1.64421;"
LINES = [HEAD + B_JET + JET, HEAD, HEAD + JET + "e-,50000,40000,0.1,0.2;" + JET]


def write(tmp_path, text, name="jets.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_events_keep_identity_order_and_other_objects(tmp_path):
    (batch,) = read_events(write(tmp_path, "\n".join(LINES) + "\n"))
    rows = batch.table.to_pylist()
    assert [len(row["E"]) for row in rows] == [1, 0, 2]
    assert rows[0]["position"] == [1]
    assert rows[0]["other_objects"] == [B_JET.rstrip(";")]
    assert rows[2]["position"] == [0, 2]
    assert rows[1]["event_id"] == "354"
    assert rows[1]["MET"] == 832841.0


def test_more_ids_can_count_as_jets(tmp_path):
    jets = load_jets(write(tmp_path, "\n".join(LINES)), objects=("j", "b"))
    assert jets["event"].tolist() == [0, 0, 2, 2]
    assert jets["E"].tolist() == [947383, 258722, 258722, 258722]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n"])
def test_line_ends_and_gzip_do_not_matter(tmp_path, newline):
    text = newline.join(LINES) + newline
    plain = load_jets(write(tmp_path, text))
    packed = load_jets(write(tmp_path, gzip.compress(text.encode()), "jets.csv.gz"))
    assert plain.equals(packed)
    assert len(plain) == 3


def test_blocks_do_not_change_the_result(tmp_path, monkeypatch):
    path = write(tmp_path, "\n".join(LINES * 50))
    whole = load_jets(path)
    monkeypatch.setattr("atlas_keras.data.dark_machines.BLOCK_BYTES", 97)
    assert load_jets(path).equals(whole)
    assert len(list(read_events(path))) > 10


def test_units_are_converted(tmp_path):
    path = write(tmp_path, "\n".join(LINES))
    np.testing.assert_allclose(load_jets(path, unit="GeV")[["E", "pt"]] * 1000, load_jets(path)[["E", "pt"]])


BAD = {
    "half;a;line": "line 2: fewer than 5 fields",
    HEAD + "j,1,2,3;": r"line 2: an object needs object,E,pt,eta,phi and is 'j,1,2,3'",
    HEAD + "j,1,2,3,0.1,5;": "line 2: an object needs",
    HEAD + "j,x,2,0.3,0.1;": "line 2: column E: 'x' is no number",
    HEAD + "j,,2,0.3,0.1;": "line 2: column E: '' is no number",
    HEAD.replace("832841", "much") + JET: "line 2: column MET: 'much' is no number",
    HEAD + JET + "j,nan,2,0.3,0.1;": "line 2, jet 2, column E: nan has to be positive",
    HEAD + "j,inf,2,0.3,0.1;": "line 2, jet 1, column E",
    HEAD + "j,0,2,0.3,0.1;": "line 2, jet 1, column E",
    HEAD + "j,5,-2,0.3,0.1;": "line 2, jet 1, column pt",
    HEAD + "j,5,2,nan,0.1;": "line 2, jet 1, column eta",
    HEAD + "j\0,5,2,0.3,0.1;": "line 2: holds a control character",
    HEAD + "j\t,5,2,0.3,0.1;": "line 2: holds a control character",
    HEAD + "j ,5,2,0.3,0.1;": "line 2: 'j ' is no id of an object",
    HEAD + ",5,2,0.3,0.1;": "line 2: '' is no id of an object",
    HEAD + "j,5,2,0.3,3.2;": r"line 2, jet 1, column phi: 3.2 has to lie in \[-pi, pi\]",
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_names_the_place_or_is_dropped(tmp_path, bad):
    path = write(tmp_path, "\n".join([LINES[0], bad, LINES[2]]) + "\n")
    with pytest.raises(JetDataError, match=BAD[bad]) as error:
        load_jets(path)
    assert str(path) in str(error.value)
    policy = InvalidPolicy("drop")
    batches = list(read_events(path, policy=policy))
    assert policy.n_events + policy.n_jets == 1
    good = sum(len(batch.jets()) for batch in batches)
    assert good == 3 + (policy.n_jets == 1) * bad.count(JET)
    (table,) = [batch.table for batch in batches]
    assert table.num_rows == 3 - policy.n_events
    assert [len(v) for v in table["object"].to_pylist()] == [len(v) for v in table["E"].to_pylist()]


def test_a_mark_of_the_encoding_is_no_part_of_the_first_event(tmp_path):
    text = "\n".join(LINES) + "\n"
    (batch,) = read_events(write(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert batch.table.equals(next(read_events(write(tmp_path, text, "plain.csv"))).table)
    with pytest.raises(JetDataError, match=r"jets\.csv: is text in UTF-16; save it as UTF-8"):
        load_jets(write(tmp_path, text.encode("utf-16")))


def test_blank_lines_cost_nothing_and_count(tmp_path, monkeypatch):
    """Of 40 MB of newlines no line is made; the line that is wrong keeps its number."""
    blank = b"\n" * (20 << 20)
    path = write(
        tmp_path, gzip.compress(blank + LINES[0].encode() + b"\r\n\r\n" + blank + b"half;a;line\n", 1), "a.csv.gz"
    )
    split, made = pc.split_pattern, []

    def counted(strings, pattern):
        made.append(len(strings))
        return split(strings, pattern)

    monkeypatch.setattr("atlas_keras.data.dark_machines.pc.split_pattern", counted)
    with pytest.raises(JetDataError, match=f"line {2 * len(blank) + 3}: fewer than 5 fields"):
        load_jets(path)
    assert sum(made) < 100


def test_a_line_longer_than_any_event_is_refused(tmp_path):
    path = write(tmp_path, HEAD + JET * ((17 << 20) // len(JET)) + "\n")
    with pytest.raises(JetDataError, match="a line is longer than 16 MB"):
        load_jets(path)


def test_energy_slightly_below_momentum_is_legal(tmp_path):
    assert len(load_jets(write(tmp_path, HEAD + "j,99999,100000,0,1;"))) == 1


def test_truncated_text_is_refused(tmp_path):
    text = "\n".join(LINES) + "\n"
    with pytest.raises(JetDataError, match="truncated"):
        load_jets(write(tmp_path, text[:-10]))


def test_every_truncation_of_gzip_is_refused(tmp_path):
    packed = gzip.compress(("\n".join(LINES) + "\n").encode())
    for size in range(2, len(packed)):
        with pytest.raises(JetDataError, match=r"jets\.csv"):
            load_jets(write(tmp_path, packed[:size]))


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is empty"), (b"\n\n", "no events"), (b"\xff\xfe;;;;;\n", "UTF-8")]
)
def test_files_without_events_are_refused(tmp_path, content, reason):
    with pytest.raises(JetDataError, match=reason):
        load_jets(write(tmp_path, content))


def test_several_files_and_globs(tmp_path):
    for name in ("b.csv", "a.csv"):
        write(tmp_path, "\n".join(LINES), name)
    jets = load_jets([tmp_path / "*.csv", tmp_path / "a.csv"])
    assert jets["event"].max() == 8
    with pytest.raises(JetDataError, match="no such file"):
        load_jets(tmp_path / "*.root")


def test_the_real_file_is_as_known(real_file):
    path = real_file("monojet_Zp2000.0_DM_50.0_chan3.csv")
    jets = load_jets(path)
    assert len(jets) == 22_661
    assert sum(batch.n_events for batch in read_events(path)) == 6_399
    assert jets.iloc[0].tolist() == [0, 258722, 243675, 0.328962, 2.25014]
