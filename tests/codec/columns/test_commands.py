"""compress, decompress and info as a user calls them on whole files."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from atlas_keras import compress_columns, open_compressed
from atlas_keras.__main__ import main
from atlas_keras.data.samples import SAMPLE
from tests.codec.columns.tables import collision_events
from tests.data.test_formats import FRAME, WRITE
from tests.refusals import refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    for seed in range(2):
        pq.write_table(collision_events(200, seed), folder / f"{seed}.parquet")
    return folder


def test_the_table_of_bounds_comes_first(folder, capsys):
    assert main(["compress", str(folder / "0.parquet"), str(folder / "0.akc"), "--force"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["exact", "7"]
    assert any(line.startswith("angle 0.001") and line.endswith("Jet_phi") for line in lines)
    columns = collision_events(1).num_columns  # also those of texts and such, which have no bound of their own
    assert lines[-1] == f"every value of {columns} columns was decoded and is within its bound"


def test_several_files_go_to_a_folder(folder, capsys):
    sources = [str(folder / f"{k}.parquet") for k in range(2)]
    assert main(["compress", *sources, str(folder / "small"), "--bound", "Jet_phi=drop", "*eta=abs 1e-2"]) == 0
    first, *table = capsys.readouterr().out.splitlines()
    assert first == f"bounds of {sources[0]}, the first of 2 files:"
    assert any(line.startswith("absolute 0.01") and line.endswith("Jet_eta") for line in table)
    assert sorted(path.name for path in (folder / "small").iterdir()) == ["0.akc", "1.akc", "manifest.jsonl"]


def test_brackets_in_names_are_brackets(tmp_path):
    # EDM4hep has columns such as partonId[2].
    source, small = tmp_path / "in.parquet", tmp_path / "small.akc"
    pq.write_table(pa.table({"x[0]": [0.25, 0.5], "x0": [0.25, 0.5]}), source)
    assert main(["compress", str(source), str(small), "--columns", "x[0]", "--bound", "x[0]=exact"]) == 0
    with open_compressed(small) as file:
        assert file.bounds() == {"x[0]": "exact"}
        assert file.keys("x[?]") == ["x[0]"]


def test_bounds_from_a_schema(folder, capsys):
    schema, small = folder / "schema.toml", folder / "schema.akc"
    source = str(folder / "0.parquet")
    assert main(["info", source, "--schema", str(schema), "--source-unit", "GeV"]) == 0
    text = schema.read_text()
    assert 'bound = "angle 0.001"' in text
    schema.write_text(
        text.replace('bound = "angle 0.001"', 'bound = "angle 0.01"').replace('"absolute 0.001"', '"drop"')
    )
    assert main(["compress", source, str(small), "--schema", str(schema), "--bound", "Jet_pt=exact"]) == 0
    with open_compressed(small) as file:
        bounds = file.bounds()
    assert (bounds["Jet_phi"], bounds["Jet_pt"], bounds["Jet_mass"]) == ("angle 0.01", "exact", "relative 0.001")
    assert "Jet_eta" not in bounds
    schema.write_text(text.replace('name = "phi"', 'name = "phy"'))
    capsys.readouterr()
    assert main(["compress", source, str(small), "--schema", str(schema), "--force"]) == 2
    assert "Jet has no column 'phy'; did you mean" in capsys.readouterr().err


def test_info_and_its_check(folder, capsys):
    small = folder / "info.akc"
    assert main(["compress", str(folder / "0.parquet"), str(small), "--columns", "Jet_*", "run"]) == 0
    capsys.readouterr()
    assert main(["info", str(small), "--check"]) == 0
    out = capsys.readouterr()
    assert "200 events in 1 blocks" in out.out
    assert out.err == f"{small}: whole\n"
    assert main(["info", str(small), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["format_version"] == 3
    assert set(said["columns"]) == {"run", *(name for name in collision_events(1).column_names if name[:4] == "Jet_")}
    assert sum(c["bytes"] for c in said["columns"].values()) < said["bytes"] == small.stat().st_size
    content = small.read_bytes()
    small.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
    assert main(["info", str(small), "--check"]) == 1
    assert "damaged" in capsys.readouterr().err
    assert main(["info", str(folder / "0.parquet"), "--check"]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["compress", "0.parquet"], 2, "IN OUT"),
        (["compress", "0.parquet", "x.akc", "--bound", "HLT=exact"], 2, "HLT_PFJet40"),
        (["compress", "0.parquet", "x.akc", "--columns", "nothing*"], 2, "no column is called 'nothing*'"),
        (["compress", "nowhere.root", "x.akc"], 1, "No such file"),
        (["compress", "0.parquet", "1.parquet"], 1, "exists already"),
        (["compress", "there.akc", "x.akc"], 1, "there.akc: is compressed already; decompress gives back"),
        (
            ["compress", "there.akc", "x.jets", "--lossless"],
            1,
            "there.akc: is compressed already; decompress gives back",
        ),
        (["compress", "nowhere://x.root", "x.akc"], 1, "nobody knows how to read nowhere:// URLs"),
        (["decompress", "there.akc", "x.json"], 1, "use one of .root, .parquet, .pq, .csv, .csv.gz"),
        (["decompress", "there.akc", "x.csv"], 1, "Jet_pt and Muon_charge have lists of other lengths"),
        (["decompress", "there.akc", "x.csv", "--tree", "Runs"], 1, "there is no tree 'Runs'"),
        (["compress", "0.parquet", "0.parquet", "--force"], 1, "0.parquet: is what is read"),
        (["compress", "0.parquet", "0.parquet", "--force", "--lossless"], 1, "0.parquet: is what is read"),
        (["decompress", "there.akc", "there.akc", "--force"], 1, "there.akc: is what is read"),
        (["fit-entropy", "0.parquet", "1.parquet", "1.parquet", "--force"], 1, "1.parquet: is what is read"),
        (["decompress", "0.parquet", "x.parquet", "--ntuple"], 2, "this one is of jets"),
        (["decompress", "there.akc", "x.parquet", "--columns", "Jett"], 1, "Jet_pt"),
    ],
)
def test_errors_are_one_sentence(folder, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(folder)
    if not (folder / "there.akc").exists():
        assert main(["compress", "0.parquet", "there.akc"]) == 0
        capsys.readouterr()
    assert message in refused(main, arguments, capsys, code)
    assert not list(folder.glob("x.*"))


def test_root_files_come_back_with_their_branches(folder, tmp_path):
    uproot, ak = pytest.importorskip("uproot"), pytest.importorskip("awkward")
    rng = np.random.default_rng(0)
    n_jets, n_tracks = rng.poisson(3, 100), rng.poisson(5, 100)

    def lists(counts, dtype):
        return ak.unflatten(rng.exponential(30, counts.sum()).astype(dtype), counts)

    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree(
            "Events",
            {"Jet": "var * {pt: float32, n: uint8}", "track_z": "var * float64", "run": "uint32", "flag": "bool"},
        )
        file["Events"].extend(
            {
                "Jet": ak.zip({"pt": lists(n_jets, np.float32), "n": lists(n_jets, np.uint8)}),
                "track_z": lists(n_tracks, np.float64),
                "run": np.full(100, 7, np.uint32),
                "flag": rng.random(100) < 0.5,
            }
        )
    for target, *how in (("out.root",), ("tuple.root", "--ntuple"), ("out.parquet",)):
        small = str(tmp_path / "small.akc")
        assert main(["compress", str(tmp_path / "in.root"), small, "--bound", "*=exact", "--force"]) == 0
        assert main(["decompress", small, str(tmp_path / target), *how]) == 0
    with uproot.open(tmp_path / "in.root") as a, uproot.open(tmp_path / "out.root") as b:
        before, after = a["Events"], b["Events"]
        assert sorted(before.keys()) == sorted(after.keys())
        for name in before.keys():  # noqa: SIM118 of uproot
            assert before[name].typename == after[name].typename
            assert ak.array_equal(before[name].array(), after[name].array())
    with uproot.open(tmp_path / "tuple.root") as file:
        assert file["Events"].num_entries == 100
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("Jet_pt").type == pa.list_(pa.float32())
    with open_compressed(small) as file:
        assert file.head.about["tree"] == "Events"


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """A file like NanoAOD: events, runs and luminosity blocks, a histogram and a word; and it compressed."""
    ak, uproot = pytest.importorskip("awkward"), pytest.importorskip("uproot")
    folder = tmp_path_factory.mktemp("production")
    jets = ak.unflatten(np.float32([50.5, 40.25, 30.125]), [2, 0, 1])
    with uproot.recreate(folder / "in.root") as file:
        for name, columns in {
            "Events": {"Jet": ak.zip({"pt": jets}), "event": np.arange(3), "MET_pt": np.float32([1.1, 2.2, 3.3])},
            "Runs": {"run": np.uint32([1]), "genEventSumw": np.float64([0.1])},
            "LuminosityBlocks": {"run": np.uint32([1]), "luminosityBlock": np.uint32([7])},
        }.items():
            file.mktree(
                name, {k: v.dtype if isinstance(v, np.ndarray) else ak.type(v).content for k, v in columns.items()}
            )
            file[name].extend(columns)
        file["cutflow"] = np.histogram([1.0, 2.0])
        file["tag"] = "production"
    done = compress_columns(folder / "in.root", folder / "in.akc")
    assert done.trees == {"Events": 3, "LuminosityBlocks": 1, "Runs": 1}
    assert set(done.others) == {"cutflow (TH1D)", "tag (TObjString)"}
    return folder


def test_runs_and_luminosity_blocks_stay_with_the_events_bit_for_bit(production, tmp_path, capsys):
    uproot = pytest.importorskip("uproot")
    with open_compressed(production / "in.akc") as file:
        assert file.trees == ["Events", "Runs", "LuminosityBlocks"]
        assert file.bounds()["MET_pt"] == "relative 0.001"
        runs = file.tree("Runs")
        assert runs.bounds()["genEventSumw"] == "exact"
        assert runs.to_pandas().genEventSumw.tolist() == [0.1]
        file.check()
    assert main(["decompress", str(production / "in.akc"), str(tmp_path / "back.root")]) == 0
    with uproot.open(production / "in.root") as a, uproot.open(tmp_path / "back.root") as b:
        for tree in ("Events", "Runs", "LuminosityBlocks"):
            assert sorted(a[tree].keys()) == sorted(b[tree].keys())
        assert b["Runs"]["genEventSumw"].array().tolist() == [0.1]
    assert main(["decompress", str(production / "in.akc"), str(tmp_path / "runs.parquet"), "--tree", "Runs"]) == 0
    assert pq.read_table(tmp_path / "runs.parquet").to_pydict() == {"run": [1], "genEventSumw": [0.1]}
    capsys.readouterr()
    assert main(["decompress", str(production / "in.akc"), str(tmp_path / "events.parquet")]) == 0
    assert "left out trees, each of which --tree writes: Runs, LuminosityBlocks" in capsys.readouterr().err
    assert main(["info", str(production / "in.akc")]) == 0
    assert "tree Runs: 1 rows, 2 columns" in capsys.readouterr().out


def test_patterns_name_columns_of_any_tree_and_one_tree_can_be_chosen(production, tmp_path, capsys):
    source = str(production / "in.root")
    small = str(tmp_path / "small.akc")
    assert main(["compress", source, small, "--bound", "genEventSumw=rel 1e-2", "*pt=rel 1e-2"]) == 0
    said = capsys.readouterr()
    assert "2 further trees: Runs (1), LuminosityBlocks (1)" in said.out
    assert "left out what is not in the largest tree: " not in said.out
    assert "cutflow (TH1D)" in said.err
    with open_compressed(small) as file:
        assert file.tree("Runs").bounds()["genEventSumw"] == "relative 0.01"
        assert file.bounds()["MET_pt"] == "relative 0.01"
    for arguments, trees in ((["--columns", "Jet_*"], ["Events"]), (["--tree", "Runs"], ["Runs"])):
        assert main(["compress", source, small, "--force", *arguments]) == 0
        with open_compressed(small) as file:
            assert file.trees == trees
    assert main(["compress", source, small, "--force", "--bound", "genEvent=exact"]) == 2


def test_text_goes_in_and_comes_out(folder, tmp_path):
    """A row an object of one collection, with the number of its event; or a row an event."""
    small, text = str(folder / "text.akc"), tmp_path / "jets.csv.gz"
    assert main(["compress", str(folder / "0.parquet"), small, "--bound", "*=exact"]) == 0
    assert main(["decompress", small, str(text), "--columns", "Jet_pt,Jet_phi", "genWeight"]) == 0
    back, table = pd.read_csv(text), collision_events(200)
    counts = pc.list_value_length(table["Jet_pt"]).to_numpy()
    assert back.columns.tolist() == ["entry", "Jet_pt", "Jet_phi", "genWeight"]
    assert back.entry.tolist() == np.repeat(np.arange(200), counts).tolist()
    assert back.Jet_phi.to_numpy(np.float32).tolist() == pc.list_flatten(table["Jet_phi"]).to_pylist()
    assert back.genWeight.tolist() == np.repeat(table["genWeight"].to_numpy(), counts).tolist()
    assert main(["compress", str(text), str(tmp_path / "again.akc"), "--bound", "*=exact"]) == 0
    assert main(["decompress", str(tmp_path / "again.akc"), str(tmp_path / "again.csv")]) == 0
    assert pd.read_csv(tmp_path / "again.csv").equals(back)
    assert main(["decompress", small, str(tmp_path / "events.csv"), "--columns", "run", "event", "HLT*"]) == 0
    events = pd.read_csv(tmp_path / "events.csv", dtype={"event": "uint64"})
    assert events.event.tolist() == table["event"].to_pylist()
    assert events.HLT_PFJet40.tolist() == table["HLT_PFJet40"].to_pylist()


@pytest.mark.parametrize("name", ["sample", "a.csv", "a.h5", "a.npz"])
def test_files_of_other_formats_go_in(name, tmp_path, capsys):
    if name == "sample":
        (tmp_path / "in.csv").write_bytes(SAMPLE.read_bytes())
        assert main(["compress", str(tmp_path / "in.csv"), str(tmp_path / "x.akc")]) == 2
        assert "RUN IN OUT" in capsys.readouterr().err
        return
    source = tmp_path / name
    WRITE[name](source, FRAME)
    assert main(["compress", str(source), str(tmp_path / "x.akc")]) == 0
    with open_compressed(tmp_path / "x.akc") as file:
        assert file.num_entries == len(FRAME)


def test_urls_go_in_and_are_decompressed(folder):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://events.parquet", "wb") as file:
        file.write((folder / "0.parquet").read_bytes())
    small = folder / "far.akc"
    assert main(["compress", "memory://events.parquet", str(small)]) == 0
    with fsspec.open("memory://far.akc", "wb") as file:
        file.write(small.read_bytes())
    assert main(["decompress", "memory://far.akc", str(folder / "far.parquet")]) == 0
    assert main(["info", "memory://far.akc"]) == 0
    assert pq.read_table(folder / "far.parquet").num_rows == 200
