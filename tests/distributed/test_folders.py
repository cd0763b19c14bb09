"""Many files to a folder: a loop and a cluster give the same bytes, and a second start does only what is missing."""

import json
import runpy
import sys
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from atlas_keras.__main__ import main
from atlas_keras.distributed import conversions, scheduling
from atlas_keras.distributed.manifest import MANIFEST, read_manifest
from atlas_keras.errors import BusyError
from atlas_keras.system import locked
from tests.codec.columns.tables import collision_events


def compress(*arguments):
    return main(["compress", "--jobs", "1", *map(str, arguments)])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != MANIFEST}


@pytest.fixture
def done(monkeypatch):
    """Return a list that grows by the name of every file that is compressed."""
    names, original = [], conversions.CONVERSIONS["compress_columns"]

    def counted(source, *others):
        names.append(source.name)
        return original(source, *others)

    monkeypatch.setitem(conversions.CONVERSIONS, "compress_columns", counted)
    return names


def test_a_cluster_writes_what_a_loop_writes(sources, tmp_path, cluster, capsys):
    """A bad file is told, and does not stop the others."""
    (sources / "bad.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    assert compress(sources, sources / "absent.root", tmp_path / "loop") == 1
    assert compress(sources, sources / "absent.root", tmp_path / "dask", "--scheduler", cluster) == 1
    said = capsys.readouterr()
    assert said.err.count("bad.parquet: the Parquet file is truncated") == 2
    assert "absent.root: No such file" in said.err
    assert "loop: 3 of 5 files, 90 rows" in said.out
    assert contents(tmp_path / "loop") == contents(tmp_path / "dask")
    assert set(contents(tmp_path / "loop")) == {"0.akc", "1.akc", "2.akc"}  # and nothing half-written
    loop, dask = (read_manifest(tmp_path / name) for name in ("loop", "dask"))
    assert [record.state for record in loop.values()] == ["done", "done", "done", "failed", "failed"]
    for one, other in zip(loop.values(), dask.values(), strict=True):
        assert (one.input, one.sha256, one.output_bytes) == (other.input, other.sha256, other.output_bytes)
    assert main(["info", str(tmp_path / "dask"), "--check", "--json", "--scheduler", cluster]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["n_events"] for line in lines] == [30, 30, 30]


def test_a_file_whose_workers_are_lost_is_told_by_its_name(sources, tmp_path, cluster, monkeypatch, capsys):
    """As one that needs more memory than any worker has; the others go on."""
    killed = pytest.importorskip("distributed").KilledWorker
    attempt = scheduling.attempt

    def lost(job, task, content):
        if task["source"].endswith("1.parquet"):
            raise killed("task", SimpleNamespace(address="tcp://gone"), 3)
        return attempt(job, task, content)

    monkeypatch.setattr(scheduling, "attempt", lost)
    assert compress(sources, tmp_path / "out", "--scheduler", cluster) == 1
    told = f"{sources / '1.parquet'}: 4 workers were lost with this file, perhaps for want of memory"
    assert f"failed: {told}\n" in capsys.readouterr().err
    records = read_manifest(tmp_path / "out")
    assert [record.state for record in records.values()] == ["done", "failed", "done"]
    assert records[str(sources / "1.parquet")].error == told


def test_a_command_that_python_runs_as_a_module_sends_no_code(sources, cluster, monkeypatch, capsys):
    """Its functions are those of `__main__`, which is another module on a worker."""
    monkeypatch.setattr(sys, "argv", ["info", str(sources), "--json", "--scheduler", cluster])
    monkeypatch.delitem(sys.modules, "atlas_keras.info", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("atlas_keras.info", run_name="__main__", alter_sys=True)
    assert ended.value.code == 0, capsys.readouterr().err


def test_a_second_start_does_what_is_missing_or_changed(sources, tmp_path, done, capsys):
    out = tmp_path / "out"
    assert compress(sources, out) == 0
    assert done == ["0.parquet", "1.parquet", "2.parquet"]
    first, manifest = contents(out), (out / MANIFEST).read_bytes()
    done.clear()
    assert compress(sources, out) == 0
    assert (done, contents(out), (out / MANIFEST).read_bytes()) == ([], first, manifest)

    (out / "1.akc").unlink()
    pq.write_table(collision_events(30, 7), sources / "2.parquet")
    pq.write_table(collision_events(30, 8), sources / "3.parquet")
    assert compress(sources, out) == 0
    assert done == ["1.parquet", "2.parquet", "3.parquet"]
    assert contents(out)["0.akc"] == first["0.akc"]
    assert contents(out)["1.akc"] == first["1.akc"]
    assert contents(out)["2.akc"] != first["2.akc"]

    done.clear()
    assert compress(sources, out, "--bound", "*=exact") == 0  # other options
    assert len(done) == 4

    schema = tmp_path / "bounds.toml"  # what travels beside the files, as a model does
    assert main(["info", str(sources / "0.parquet"), "--schema", str(schema), "--source-unit", "GeV"]) == 0
    for expected in (4, 0, 4):
        done.clear()
        assert compress(sources, out, "--schema", schema) == 0
        assert len(done) == expected
        if not expected:
            schema.write_text(schema.read_text() + "# changed\n")


def test_what_a_killed_command_leaves_is_done_again(sources, tmp_path, done):
    out = tmp_path / "out"
    assert compress(sources, out) == 0
    first, lines = contents(out), (out / MANIFEST).read_text().splitlines(keepends=True)
    waiting = json.dumps({**json.loads(lines[1]), "state": "waiting"}) + "\n"
    (out / MANIFEST).write_text(lines[0] + waiting + lines[2] + lines[1][:40])  # its file is there, its line is cut
    (out / "1.akc").write_bytes(b"half")
    (out / ".1.akc.unfinished").write_bytes(b"half")
    done.clear()
    assert compress(sources, out) == 0
    assert (done, contents(out)) == (["1.parquet"], first)


def test_what_is_not_ours_stays(sources, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "1.akc").write_bytes(b"mine")
    assert compress(sources, out) == 1
    assert "does not know it; choose another folder, or --force" in capsys.readouterr().err
    assert contents(out) == {"1.akc": b"mine"}
    (out / MANIFEST).write_text("{}\n{}\n")
    assert compress(sources, out, "--force") == 1
    assert "manifest.jsonl: line 1 is damaged (Configuration key 'input' is missing)" in capsys.readouterr().err
    (out / MANIFEST).unlink()
    assert compress(sources, out, "--force") == 0
    with locked(out / f".{MANIFEST}.lock", out, "writing files into it"):
        assert compress(sources, out) == 1
    assert f"{out}: another process is writing files into it" in capsys.readouterr().err
    (sources / "1.root").write_bytes(b"")
    assert compress(sources / "1.root", sources / "1.parquet", out) == 2
    assert "would both become 1.akc" in capsys.readouterr().err


def test_a_worker_waits_for_one_that_was_given_up(sources, tmp_path, monkeypatch):
    """Its file is locked until it has ended."""
    slept, original = [], conversions.CONVERSIONS["compress_columns"]

    def busy(*arguments):
        if len(slept) < 2:
            raise BusyError("another process is writing it")
        return original(*arguments)

    monkeypatch.setitem(conversions.CONVERSIONS, "compress_columns", busy)
    monkeypatch.setattr(conversions.time, "sleep", slept.append)
    assert compress(sources / "0.parquet", sources / "1.parquet", tmp_path / "out") == 0
    assert slept == [1, 1]
    monkeypatch.setattr(conversions, "PATIENCE", -1)
    slept.clear()
    assert compress(sources / "2.parquet", sources / "1.parquet", tmp_path / "out") == 1


def test_jets_without_loss_and_back(small_file, tmp_path, cluster, capsys):
    other = tmp_path / "other.csv"
    other.write_text("".join(small_file.read_text().splitlines(keepends=True)[:50]))
    out, back = tmp_path / "out", tmp_path / "back"
    assert compress("--lossless", "--scheduler", cluster, small_file, other, out) == 0
    assert sorted(contents(out)) == ["other.jets.parquet", "small.jets.parquet"]
    assert compress("--lossless", other, tmp_path / "alone") == 0
    assert contents(out)["other.jets.parquet"] == (tmp_path / "alone").read_bytes()
    rows = {name: record.rows for name, record in read_manifest(out).items()}
    assert 0 < rows[str(other)] < rows[str(small_file)]
    (out / "cut.parquet").write_bytes((tmp_path / "alone").read_bytes()[:-9])
    assert main(["decompress", "--jobs", "1", str(out), str(back), "--ending", ".csv"]) == 1
    assert "cut.parquet: " in capsys.readouterr().err
    assert (back / "other.jets.csv").read_text().count("\n") == 50
    assert main(["decompress", str(out), str(back), "--columns", "MET"]) == 1
    assert "--ntuple, --columns and --tree are for files of columns" in capsys.readouterr().err
    assert main(["decompress", str(back), str(tmp_path / "no")]) == 1
    assert "back: is a folder without a file of compress" in capsys.readouterr().err


def test_an_entropy_model_of_many_files(sources, tmp_path, cluster, capsys):
    models = [tmp_path / "loop.akc", tmp_path / "dask.akc"]
    (sources / "bad.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    assert main(["fit-entropy", "--jobs", "1", str(sources), str(models[0])]) == 1
    assert main(["fit-entropy", "--jobs", "1", str(sources), str(models[1]), "--scheduler", cluster]) == 1
    said = capsys.readouterr()
    assert said.out.count("learned from 90 events") == said.err.count("failed: ") == 2
    assert models[0].read_bytes() == models[1].read_bytes()
    assert main(["fit-entropy", str(sources / "bad.parquet"), str(tmp_path / "none.akc")]) == 1
    assert not (tmp_path / "none.akc").exists()
