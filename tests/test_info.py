"""`info` of ROOT and Parquet files: what it prints as text and as JSON, the schema that it writes, what it refuses."""

import json
import re

import awkward as ak
import numpy as np
import pyarrow as pa
import pytest
import uproot

from atlas_keras import infer_schema, info, info_text
from atlas_keras.info import describe
from atlas_keras.schema import Bound
from atlas_keras.schema_files import read_schema
from tests.data.small_files import (
    EVENT,
    JET,
    MUON,
    WRITERS,
    add_ttree,
    columns,
    damaged_ttree,
    nano_parquet,
    nano_ttree,
    write_parquet,
    write_ttree,
)  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a file of each kind."""
    folder = tmp_path_factory.mktemp("small")
    return {kind: write(folder / kind) for kind, write in WRITERS.items()}


@pytest.fixture
def run(capsys):
    """Return a function that runs the command: exit code, stdout, stderr."""

    def run(*args):
        code = info.main([str(arg) for arg in args])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(run):
    """Return a function that runs the command, which fails: its exit code, and its only sentence."""

    def refused(path, *args):
        code, out, err = run(path, *args)
        assert out == ""
        assert err.count("\n") == 1
        assert err.startswith(f"atlas-keras info: {path}")
        return code, err.removeprefix(f"atlas-keras info: {path}: ").strip()

    return refused


# Text and JSON


@pytest.mark.parametrize("kind", WRITERS)
def test_json_is_what_the_function_returns(small, run, kind):
    code, out, err = run(small[kind], "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(json.dumps(describe(small[kind])))


@pytest.mark.parametrize("kind", WRITERS)
def test_text_and_json_say_the_same(small, run, kind):
    _, text, _ = run(small[kind])
    found = json.loads(run(small[kind], "--json")[1])
    size = small[kind].stat().st_size
    assert found["bytes"] == size
    assert text.splitlines()[0] == f"{found['format']}, {size / 1e3:.1f} kB"
    (tree,) = found["trees"]
    n_columns = sum(len(collection["columns"]) for collection in tree["collections"])
    assert tree["n_columns"] == n_columns
    assert f"(NanoAOD): 3 events, {n_columns} columns, energies in GeV" in text
    blocks = text.split("\n\n")[2:]
    assert len(blocks) == len(tree["collections"])
    for block, collection in zip(blocks, tree["collections"], strict=True):
        head, *rows = block.rstrip().splitlines()
        counted = f", counted by {collection['counter']}" if collection["counter"] else ""
        assert head.startswith(f"  {collection['name']}: {len(rows)} columns{counted}")
        for row, column in zip(rows, collection["columns"], strict=True):
            values = column["values"]
            name, dtype, quantity = row.split()[:3]
            assert (name, dtype, quantity) == (column["name"], column["dtype"], column["quantity"])
            assert f" {values['low']:.6g} to {values['high']:.6g}" in row
            assert f"; bound {column['bound']}" in row
            assert (f"[{column['unit']}]" in row) == (column["unit"] != "1")


def test_a_collection_says_how_many_objects_it_has(small, run):
    found = describe(small["Parquet"])
    (tree,) = found["trees"]
    assert (tree["n_looked_at"], tree["n_row_groups"]) == (3, 1)
    assert {c["name"]: c["n_objects"] for c in tree["collections"]} == {"Jet": 3, "Muon": 3, "events": 3}
    many = [dict(tree, n_events=2000, n_looked_at=1000)]
    for trees, where in ((found["trees"], ""), (many, " in the first 1,000 events")):
        text = info_text.text_of({**found, "trees": trees})
        assert f"  Jet: 7 columns, counted by nJet, 3 objects{where}, " in text
        assert ", energies in GeV, 1 row group\n" in text


def test_columns_of_thousands_are_not_looked_at_and_objects_are_counted(small, monkeypatch):
    monkeypatch.setattr(info_text, "MANY_COLUMNS", 5)
    jet = describe(small["TTree"])["trees"][0]["collections"][0]
    assert (jet["name"], jet["n_objects"]) == ("Jet", 3)
    assert all(column["values"] is None for column in jet["columns"])


@pytest.mark.parametrize("kind", ["TTree", "RNTuple", "Parquet"])
def test_bytes_of_columns_are_those_of_the_file(small, kind):
    (tree,) = describe(small[kind])["trees"]
    sizes = {c["source"]: c["n_bytes"] for collection in tree["collections"] for c in collection["columns"]}
    assert min(sizes.values()) > 0
    assert sum(sizes.values()) < small[kind].stat().st_size
    if kind == "RNTuple":
        ntuple = uproot.open(small[kind])["Events"]
        (pages,) = ntuple.page_link_list
        stored = sum(page.locator.num_bytes for column in pages for page in column.pages)
        assert sum(sizes.values()) == stored


def test_numbers_of_a_column(small):
    found = describe(small["TTree"], collection="Jet")
    ((tree,), (jet,)) = found["trees"], found["trees"][0]["collections"]
    assert (tree["name"], tree["n_columns"], tree["leftovers"]) == ("Events", len(JET), [])
    by_name = {column["name"]: column for column in jet["columns"]}
    pt = by_name["pt"]
    assert (pt["source"], pt["dtype"], pt["quantity"], pt["unit"]) == ("Jet_pt", "float32", "energy", "GeV")
    assert (pt["values"]["n"], pt["values"]["low"], pt["values"]["high"]) == (3, 30.0, 50.0)
    assert pt["values"]["mantissa_bits"] == 4  # 50 is 1.1001 in binary
    assert by_name["isTight"]["values"]["mantissa_bits"] is None
    assert jet["n_bytes"] == sum(column["n_bytes"] for column in jet["columns"]) > 0


def test_bounds_are_usual_ones_that_can_be_read(small):
    for tree in describe(small["TTree"])["trees"]:
        for collection in tree["collections"]:
            for column in collection["columns"]:
                assert str(Bound.parse(column["bound"])) == column["bound"]


def test_what_a_line_says(tmp_path, run):
    rng = np.random.default_rng(0)
    values = np.where(rng.random(2000) < 0.25, -999.0, rng.normal(size=2000)).astype(np.float32)
    values[:3] = np.nan
    table = {
        "coarse": (rng.normal(size=2000).astype(np.float16)).astype(np.float32),
        "filled": values,
        "same": np.full(2000, 7),
        "nothing": np.full(2000, np.nan),
        "text": ["a"] * 2000,
    }
    _, text, _ = run(write_parquet(tmp_path / "a.parquet", table))
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("    ")}
    assert re.search(r", 1[01] bits of mantissa; bound relative 0.001, \d+ % of the bytes$", lines["coarse"])
    assert re.search(r"-999 to \d\.\d+, often -999 \(2\d %\), 3 not finite; bound relative", lines["filled"])
    assert "7 to 7, always; bound exact" in lines["same"]
    assert lines["nothing"].endswith("no finite values")
    assert "  no columns: text\n" in text


def test_one_collection_alone(small, run):
    _, text, _ = run(small["TTree"], "--collection", "muon")
    assert "Muon: 2 columns" in text
    assert "Jet" not in text
    _, text, _ = run(small["TTree"], "--collection", "events")
    assert "MET_pt" in text
    assert "Muon:" not in text


def test_capitals_tell_collections_apart(tmp_path, run):
    path = write_parquet(tmp_path / "a.parquet", {"Tau_pt": [[1.0]], "tau_pt": [[2.0]]})
    assert [
        tree["collections"][0]["name"] for name in ("Tau", "tau") for tree in describe(path, collection=name)["trees"]
    ] == ["Tau", "tau"]
    assert len(describe(path, collection="TAU")["trees"][0]["collections"]) == 2


def test_several_trees(tmp_path, run):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        add_ttree(file, "Runs", {"run": np.arange(2)})
        add_ttree(file, "Events", {**columns(MUON, "Muon_"), "x": np.zeros(3)})
        file["plot"] = np.histogram([1.0, 2.0], bins=3)
    _, text, _ = run(path)
    assert "tree Runs (tree): 2 events, 1 columns" in text
    assert "tree Events (tree): 3 events" in text
    _, text, _ = run(path, "--tree", "Runs")
    assert "Events" not in text
    _, text, _ = run(path, "--collection", "Muon")
    assert "Runs" not in text
    code, _, err = run(path, "--collection", "Muo")
    assert (code, err.strip()) == (1, f"atlas-keras info: {path}: there is no collection 'Muo'; did you mean 'Muon'?")


@pytest.mark.parametrize("kind", ["ROOT", "Parquet"])
def test_files_without_events(tmp_path, run, kind):
    if kind == "ROOT":
        path = tmp_path / "a.root"
        with uproot.recreate(path) as file:
            file.mktree("Events", {"Jet_pt": "var * float32", "x": "float64"})
    else:
        path = write_parquet(tmp_path / "a.parquet", pa.table({"Jet_pt": [[1.0]], "x": [1.0]}).slice(0, 0))
    code, text, _ = run(path)
    assert code == 0
    assert "0 events" in text
    assert re.search(r"pt +float\d\d +energy +no values", text)
    assert describe(path)["trees"][0]["collections"][0]["columns"][0]["values"]["n"] == 0


def test_a_column_that_cannot_be_read_is_told(tmp_path, run):
    path = damaged_ttree(tmp_path / "a.root")
    code, text, _ = run(path)
    assert code == 0
    assert re.search(r"pt +float64 +energy +cannot be read", text)
    assert "0 to 999" in text


@pytest.mark.parametrize("kind", ["ROOT", "Parquet"])
def test_thousands_of_columns_are_listed_and_looked_at_where_it_is_asked_for(tmp_path, run, monkeypatch, kind):
    flags = {f"HLT_path{at:04}": np.array([True]) for at in range(1100 if kind == "Parquet" else 60)}
    if kind == "Parquet":
        path = write_parquet(tmp_path / "a.parquet", {"Jet_pt": [[1.0, 2.0]], "Jet_eta": [[0.0, 1.0]], **flags})
    else:
        path = write_ttree(tmp_path / "a.root", {"Jet": ak.zip({"pt": [[1.0, 2.0]], "eta": [[0.0, 1.0]]}), **flags})
        monkeypatch.setattr(info_text, "MANY_COLUMNS", 50)  # uproot takes half a minute to write 3,000 branches
    code, text, _ = run(path)
    assert code == 0
    assert f"1 events, {1102 if kind == 'Parquet' else 63:,} columns" in text
    assert list(flags)[-1] in text
    assert "1 to 2" not in text
    assert "  --collection NAME tells of the values of one, --values of all" in text
    assert max(map(len, text.splitlines())) < 120
    _, text, _ = run(path, "--collection", "Jet")
    assert "1 to 2" in text
    assert "--collection" not in text
    _, text, _ = run(path, "--values")
    assert "1 to 1, always; bound exact" in text


def test_names_cannot_command_the_terminal(tmp_path, run):
    path = write_parquet(tmp_path / "a.parquet", {"Jet_\x1b[2J\npt": [[1.0]], "x\ny": [1.0]})
    _, text, _ = run(path)
    assert "\x1b" not in text
    assert "x\\ny" in text
    assert json.loads(run(path, "--json")[1])["trees"][0]["leftovers"][0]["name"] == "Jet_\x1b[2J\npt"


def test_names_that_are_no_text(tmp_path, run):
    path = nano_ttree(tmp_path / "a.root")
    path.write_bytes(path.read_bytes().replace(b"Jet_pt", b"Jet_\xff\xfe"))
    _, text, _ = run(path)
    text.encode()
    assert "\\udcff\\udcfe" in text
    code, _, err = run(path, "--schema", tmp_path / "a.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert "TOML cannot hold a name that is no text" in err
    assert not (tmp_path / "a.toml").exists()


# What is refused


def test_files_that_are_none_of_these(tmp_path, refused, run):
    assert run(tmp_path)[::2] == (1, f"atlas-keras info: {tmp_path}: is a folder without a file of a known format\n")
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello, world")
    (tmp_path / "short").write_text("ro")
    (tmp_path / "root").write_bytes(b"root")
    (tmp_path / "parquet").write_bytes(b"PAR1PAR1")
    for name, message in {
        "gone": "No such file or directory",
        "empty": "the file is empty",
        "text": "is text, and neither a table with a line of names nor Dark Machines text",
        "short": "is text, and neither a table with a line of names nor Dark Machines text",
        "root": "the ROOT file is truncated or damaged",
        "parquet": "is no Parquet file, or is truncated",
    }.items():
        code, sentence = refused(tmp_path / name)
        assert code == 1
        assert sentence.startswith(message)


@pytest.mark.parametrize("kind", ["TTree", "RNTuple", "Parquet"])
def test_a_truncated_file_is_told_or_refused(small, tmp_path, run, caplog, kind):
    content, path = small[kind].read_bytes(), tmp_path / "cut"
    n_refused = 0
    for size in range(4, len(content), max(len(content) // 6, 1)):
        path.write_bytes(content[:size])
        caplog.clear()
        code, out, err = run(path)
        if code == 0:
            assert f"is truncated, it has {size} of {len(content)} bytes" in caplog.text
            continue
        n_refused += 1
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"atlas-keras info: {path}: ")
        assert "truncated" in err
    assert n_refused >= (6 if kind == "Parquet" else 1)


@pytest.mark.parametrize("kind", ["TTree", "RNTuple", "Parquet"])
def test_any_flipped_byte_gives_contents_or_one_sentence(small, tmp_path, run, kind):
    content, path = small[kind].read_bytes(), tmp_path / "flipped"
    for place in range(4, len(content), max(len(content) // 10, 1)):
        flipped = bytearray(content)
        flipped[place] ^= 0x5A
        path.write_bytes(flipped)
        code, _, err = run(path)
        assert code in (0, 1)
        assert err.count("\n") == code
    assert run(small[kind])[0] == 0


def test_trees_and_collections_that_are_not_there(small, refused):
    assert refused(small["TTree"], "--tree", "Event") == (1, "there is no tree 'Event'; the file has Events")
    assert refused(small["TTree"], "--collection", "Jets") == (1, "there is no collection 'Jets'; did you mean 'Jet'?")
    assert refused(small["Parquet"], "--collection", "event") == (
        1, "there is no collection 'event'; did you mean 'events'?",
    )  # fmt: skip
    assert refused(small["Parquet"], "--tree", "Events") == (
        1, "Parquet has no trees; leave out --tree Events",
    )  # fmt: skip


def test_a_file_without_trees(tmp_path, refused):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file["plot"] = np.histogram([1.0, 2.0], bins=3)
    for options in ((), ("--collection", "Jet"), ("--schema", tmp_path / "a.toml")):
        assert refused(path, *options) == (1, "has no trees of events")


# The schema


@pytest.mark.parametrize("kind", WRITERS)
def test_a_schema_is_written_as_it_is_read(small, tmp_path, run, kind):
    out = tmp_path / "a.toml"
    code, text, err = run(small[kind], "--schema", out)
    assert (code, err) == (0, "")
    assert text.endswith(f"schema: {out}\n")
    schema = infer_schema(small[kind])
    assert read_schema(out) == schema
    assert schema.unit == "GeV"
    assert [len(collection) for collection in schema.collections] == [len(JET), len(MUON)]
    assert {column.name for column in schema.events} >= set(EVENT)
    parts = (*(column for collection in schema.collections for column in collection), *schema.events)
    assert all(column.bound == column.usual_bound for column in parts)


def test_a_schema_that_exists_is_kept_without_force(small, tmp_path, run):
    out = tmp_path / "a.toml"
    out.write_text("mine")
    code, _, err = run(small["Parquet"], "--schema", out)
    assert (code, out.read_text()) == (1, "mine")
    assert "exists already; choose another name, or --force to replace it" in err
    assert run(small["Parquet"], "--schema", out, "--force")[0] == 0
    assert read_schema(out) == infer_schema(small["Parquet"])


def test_a_schema_beside_json(small, tmp_path, run):
    code, out, err = run(small["Parquet"], "--schema", tmp_path / "a.toml", "--json")
    assert (code, err) == (0, f"schema: {tmp_path / 'a.toml'}\n")
    json.loads(out)


def test_a_schema_of_one_collection(small, tmp_path, run):
    assert run(small["TTree"], "--collection", "muon", "--schema", tmp_path / "a.toml")[0] == 0
    schema = read_schema(tmp_path / "a.toml")
    assert [collection.name for collection in schema.collections] == ["Muon"]
    assert schema.events


def test_the_unit_of_a_schema(tmp_path, run):
    path, out = write_parquet(tmp_path / "a.parquet", {"Jet_pt": [[1.0]], "x": [1.0]}), tmp_path / "a.toml"
    code, _, err = run(path, "--schema", out)
    assert (code, err) == (2, f"atlas-keras info: {path}: does not state the unit of its energies; say --source-unit\n")
    for unit in ("GeV", "MeV"):
        assert run(path, "--schema", out, "--source-unit", unit, "--force")[0] == 0
        assert read_schema(out).unit == unit
    path = write_parquet(tmp_path / "b.parquet", {"Jet_btag": [[0.5]], "nJet": [1]})
    assert run(path, "--schema", tmp_path / "b.toml")[0] == 0


def test_the_largest_tree_has_the_schema(tmp_path):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        add_ttree(file, "Runs", {"run": np.arange(2)})
        add_ttree(file, "Events", {"Muon": ak.zip(columns(MUON)), **EVENT})
    assert [collection.name for collection in infer_schema(path).collections] == ["Muon"]
    assert infer_schema(path, tree="Runs", source_unit="GeV").collections == ()


def test_a_compressed_file_has_no_schema_to_write(tmp_path, run, small_file):
    from atlas_keras.codec.files import compress_file

    compress_file(None, small_file, tmp_path / "small.jets", None, jobs=1, progress=False)
    code, _, err = run(tmp_path / "small.jets", "--schema", tmp_path / "a.toml")
    assert (code, err.count("\n")) == (2, 1)
    assert "a compressed file states its bounds itself; leave out --schema" in err


def test_nothing_is_written_where_parquet_is_looked_at(tmp_path, run):
    """Files of others are left as they are."""
    path = nano_parquet(tmp_path / "a.parquet")
    content = path.read_bytes()
    run(path, "--values")
    assert path.read_bytes() == content
    assert [item.name for item in tmp_path.iterdir()] == ["a.parquet"]
