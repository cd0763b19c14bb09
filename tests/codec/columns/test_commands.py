"""compress, decompress and info as a user calls them on whole files."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import open_compressed
from atlas_keras.__main__ import main
from tests.codec.columns.tables import collision_events


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
    assert lines[-1] == "every value of 14 columns was decoded and is within its bound"


def test_several_files_go_to_a_folder(folder, capsys):
    assert main(["compress", *(str(folder / f"{k}.parquet") for k in range(2)), str(folder / "small")]) == 0
    assert sorted(path.name for path in (folder / "small").iterdir()) == ["0.akc", "1.akc"]


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
        (["compress", "0.parquet", "0.parquet"], 1, "exists already"),
        (["decompress", "there.akc", "x.csv"], 1, ".parquet or .root"),
        (["decompress", "0.parquet", "x.parquet", "--ntuple"], 2, "this one is of jets"),
        (["decompress", "there.akc", "x.parquet", "--columns", "Jett"], 1, "Jet_pt"),
    ],
)
def test_errors_are_one_sentence(folder, monkeypatch, capsys, arguments, code, message):
    monkeypatch.chdir(folder)
    if not (folder / "there.akc").exists():
        assert main(["compress", "0.parquet", "there.akc"]) == 0
        capsys.readouterr()
    assert main(arguments) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
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
