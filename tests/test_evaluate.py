"""`atlas-keras evaluate`: any jets through the model of a run, and what the user is told about them."""

import itertools
import json
import re
import shutil

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import atlas_keras
from atlas_keras.data import entry_ranges
from atlas_keras.data.samples import SAMPLE
from atlas_keras.errors import JetDataError, RunError
from atlas_keras.evaluate import main
from atlas_keras.evaluation import run_evaluation
from atlas_keras.evaluation.published_figures import PublishedSpace
from atlas_keras.evaluation.run import load_run
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.train import main as train
from tests.quick import leave_out_finder, leave_out_plots
from tests.refusals import refused
from tests.reports import check_report
from tests.schemas import check_schema

NAMES = ["E", "pt", "eta", "phi"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a short run on the sample, `first`."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        leave_out_plots(patch.setattr)
        leave_out_finder(patch.setattr)
        assert train(["--epochs", "3", "--out", str(folder / "first")]) == 0
    return folder


@pytest.fixture(scope="module")
def other_jets(tmp_path_factory):
    """A file of another origin: softer jets in GeV, events of no, one and three jets."""
    rng = np.random.default_rng(5)
    counts = np.tile([0, 1, 3, 3], 50)
    pt, eta = rng.uniform(1, 30, counts.sum()), rng.uniform(-2, 2, counts.sum())
    columns = {"pt": pt, "eta": eta, "phi": rng.uniform(-3, 3, counts.sum()), "E": 1.01 * pt * np.cosh(eta)}
    edges = np.concatenate([[0], np.cumsum(counts)])
    table = pa.table({k: [v[a:b] for a, b in itertools.pairwise(edges)] for k, v in columns.items()})
    table = table.append_column("eventNumber", pa.array(np.arange(200) + 7000))
    path = tmp_path_factory.mktemp("data") / "soft.parquet"
    pq.write_table(table.replace_schema_metadata({"unit": "GeV"}), path)
    return path


def test_nothing_is_not_the_data_of_the_run(runs):
    for empty in ([], ()):
        with pytest.raises(JetDataError, match="no files are given"):
            atlas_keras.evaluate_run(runs / "first", empty)
    with pytest.raises(SystemExit) as stop:
        main([str(runs / "first"), "--data"])
    assert stop.value.code == 2


def test_the_test_split_gives_the_figures_of_the_run(runs, without_plots, tmp_path, capsys):
    out = tmp_path / "again"
    assert main([str(runs / "first"), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "look like those of the training" in told.out
    assert "WARNING" not in told.err
    a, b = (json.loads((folder / "metrics.json").read_text()) for folder in (runs / "first", out))
    for key in ("mass", "dijet_mass", "absolute", "published", "baselines", "events", "distribution_shift"):
        assert a[key] == pytest.approx(b[key]) if isinstance(a[key], float) else a[key] == b[key]
    assert a["n_jets"]["test"] == b["n_jets"]["test"]
    assert b["model_fingerprint"] == a["model_fingerprint"]
    assert "worst" in check_report(out / "report.html")
    check_report(runs / "first" / "report.html")


def test_another_file_is_evaluated_and_told_to_be_other(runs, other_jets, without_plots, tmp_path, capsys):
    out = tmp_path / "soft"
    assert main([str(runs / "first"), "--data", str(other_jets), "--out", str(out)]) == 0
    error = capsys.readouterr().err
    assert "WARNING: the jets do NOT look like those of the training" in error
    assert re.search(r"WARNING: +pt: [\d.]+ % of them are outside of", error)
    metrics = json.loads((out / "metrics.json").read_text())
    check_schema("evaluation", metrics)
    assert not metrics["distribution_shift"]["alike"]
    assert metrics["events"] == {"n": 200, "without_jets": 50, "with_one_jet": 50, "with_a_dijet": 100}
    assert metrics["distribution_shift"]["errors"]["outside"]["n"] > 100
    assert metrics["n_jets"] == {"test": 350}
    report = check_report(out / "report.html")
    assert "do NOT look like" in report
    worst = pd.read_csv(out / "tables" / "worst.csv").iloc[0]
    number = int(worst["position"].removeprefix("event "))
    assert worst["id"] == f"eventNumber {6999 + number}"
    stored = pq.read_table(other_jets)["pt"][number - 1].as_py()[worst["jet"] - 1]
    assert worst["pt"] == pytest.approx(1000 * stored, rel=1e-6)


def test_figures_equal_an_independent_computation(runs, other_jets):
    """From file to figure with plain NumPy and Keras: units, published formula, residuals.

    Keras outside of a graph rounds some operations of float32 in another way, hence the tolerances.
    """
    figures = atlas_keras.evaluate_run(runs / "first", other_jets).metrics
    x = atlas_keras.load_jets(other_jets, unit="MeV")[NAMES].to_numpy("float32")
    x_hat = np.asarray(atlas_keras.load_autoencoder(runs / "first")(x), float)
    x = x.astype(float)
    assert figures["test"]["E"]["mean_abs"] == pytest.approx(np.mean(abs(x_hat[:, 0] / x[:, 0] - 1)), rel=1e-3)
    wrapped = np.angle(np.exp(1j * (x_hat[:, 3] - x[:, 3])))
    assert figures["test"]["phi"]["rms"] == pytest.approx(np.sqrt(np.mean(wrapped**2)), rel=1e-3)

    def scale(a):
        return np.column_stack([np.log10(a[:, 0]), np.log10(a[:, 1]), a[:, 2] / 5, a[:, 3] / 3])

    everything = scale(atlas_keras.load_jets(unit="MeV")[NAMES].to_numpy("float32").astype(float))
    low, high = everything.min(0), everything.max(0)
    u, v = (scale(x) - low) / (high - low), (scale(x_hat) - low) / (high - low)
    assert figures["published"]["mse"] == pytest.approx(np.mean((v - u) ** 2), rel=1e-4)


@pytest.fixture(scope="module")
def second(runs):
    """A run of another preset, in another unit, split with another seed."""
    other = ["--preset", "kinematic", "--unit", "GeV", "--seed", "4", "--batch-size", "1024", "--epochs", "3"]
    with pytest.MonkeyPatch.context() as patch:
        leave_out_plots(patch.setattr)
        leave_out_finder(patch.setattr)
        assert train([*other, "--out", str(runs / "second")]) == 0
    return runs / "second"


@pytest.mark.slow
def test_two_runs_side_by_side(runs, second, other_jets, tmp_path, capsys):
    out = tmp_path / "both"
    arguments = [str(runs / "first"), "--data", str(other_jets), "--against", str(second), "--out", str(out)]
    assert main(arguments) == 0
    assert "unlike the training of kinematic: pt" in capsys.readouterr().err
    metrics = json.loads((out / "metrics.json").read_text())
    check_schema("evaluation", metrics)
    alone = atlas_keras.evaluate_run(second, other_jets).metrics  # of a model in GeV
    assert metrics["against"]["preset"] == "kinematic"
    for name in NAMES:
        ours, theirs = metrics["against"]["test"][name], alone["test"][name]
        assert ours["p95"] == pytest.approx(theirs["p95"], rel=0.05, abs=2e-7)
    assert metrics["against"]["absolute"]["E"]["rms"] == pytest.approx(1000 * alone["absolute"]["E"]["rms"], rel=0.01)
    report = check_report(out / "report.html")
    assert "folded beside kinematic" in report


def test_a_second_run_that_was_trained_on_the_jets_is_told(runs, second, without_plots, tmp_path, capsys):
    """The test split of the first run, which the second one has split in another way."""
    assert main([str(runs / "first"), "--against", str(second), "--out", str(tmp_path / "own")]) == 0
    assert "qcd_jets.csv.gz: second was trained on jets of this file" in capsys.readouterr().err


def test_jets_of_the_training_are_not_sold_as_unseen(runs, without_plots, tmp_path, capsys):
    out = tmp_path / "seen"
    arguments = [str(runs / "first"), "--data", str(SAMPLE), "--max-events", "300", "--out", str(out)]
    assert main(arguments) == 0
    assert "was trained on jets of this file" in capsys.readouterr().err
    assert "was trained on jets of this file" in check_report(out / "report.html")
    metrics = json.loads((out / "metrics.json").read_text())
    check_schema("evaluation", metrics)
    assert metrics["n_events"] == {"test": 300}


def test_an_evaluation_survives_without_force(runs, other_jets, without_plots, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(runs / "first", run)
    arguments = [str(run), "--data", str(other_jets)]
    assert main(arguments) == 0
    report = run / "evaluations" / "soft" / "report.html"
    assert f"report: {report}" in capsys.readouterr().out
    before = report.read_bytes()
    assert main(arguments) == 1
    assert "--force" in capsys.readouterr().err
    broken = tmp_path / "soft.parquet"
    broken.write_bytes(other_jets.read_bytes()[:500])
    assert main([str(run), "--data", str(broken), "--force"]) == 1
    assert report.read_bytes() == before
    assert [p.name for p in (run / "evaluations").iterdir()] == ["soft"]


def test_of_two_evaluations_into_one_folder_the_second_is_told(
    runs, other_jets, without_plots, tmp_path, monkeypatch, capsys
):
    """The second one begins before the first has read its jets, and reads none."""
    arguments = [str(runs / "first"), "--data", str(other_jets), "--out", str(tmp_path / "out")]
    read, codes = run_evaluation.find_test_jets, []

    def begin_another(*args, **kwargs):
        codes.append(None)
        codes[-1] = main([*arguments, "--force"])
        return read(*args, **kwargs)

    monkeypatch.setattr(run_evaluation, "find_test_jets", begin_another)
    assert main(arguments) == 0
    assert codes == [1]
    told = capsys.readouterr().err.splitlines()
    assert f"atlas-keras evaluate: {tmp_path / 'out'}: another process is writing it" in told
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "nowhere.csv"], 1, "nowhere.csv: no such file"),
        (["--data", str(SAMPLE), "--objects", "tau"], 1, "no jets"),
        (["--data", str(SAMPLE), "--max-events", "0"], 2, "at least 1"),
        (["--objects", "j,b"], 2, "go with --data"),
        (["--against", "nowhere"], 1, "nowhere: no run folder"),
    ],
)
def test_errors_are_one_sentence(runs, arguments, code, message, tmp_path, capsys):
    assert message in refused(main, [runs / "first", *arguments, "--out", tmp_path / "out"], capsys, code)
    assert list(tmp_path.iterdir()) == []


def test_many_files_are_evaluated_on_a_cluster_as_in_a_loop(
    runs, other_jets, small_file, without_plots, tmp_path, cluster, capsys
):
    """One that cannot be read is told and left out; one without events has nothing to tell."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "b.parquet").write_bytes(other_jets.read_bytes())
    (folder / "bad.parquet").write_bytes(other_jets.read_bytes()[:900])
    pq.write_table(pq.read_table(other_jets).slice(0, 0), folder / "empty.parquet")
    found = []
    for scheduler in ("loop", cluster):
        out = tmp_path / scheduler.partition(":")[0]
        how = ["--data", str(small_file), str(folder), "--out", str(out), "--scheduler", scheduler]
        assert main([str(runs / "first"), *how, "--against", str(runs / "first")]) == 1
        assert "left out, it cannot be read: " in (said := capsys.readouterr().err)
        assert "bad.parquet: the Parquet file is truncated" in said
        found.append(json.loads((out / "metrics.json").read_text()))
        assert set(pd.read_csv(out / "tables" / "worst.csv")["file"]) <= {"b.parquet", "small.csv"}
    n_small = len(atlas_keras.load_jets(small_file))
    assert found[0]["n_jets"]["test"] == n_small + 350
    assert found[0]["events"]["n"] == found[0]["n_events"]["test"] == 600
    for key in ("test", "mass", "absolute", "events", "against", "distribution_shift", "data_files"):
        check_same(found[0][key], found[1][key])
    assert main([str(runs / "first"), "--data", str(folder / "empty.parquet"), "--out", str(tmp_path / "no")]) == 1
    assert "no jets in 0 events" in capsys.readouterr().err
    assert main([str(runs / "first"), "--scheduler", cluster]) == 2


@pytest.mark.slow
def test_a_large_file_is_evaluated_in_ranges_on_a_cluster(
    runs, other_jets, without_plots, tmp_path, cluster, monkeypatch
):
    monkeypatch.setattr(entry_ranges, "LARGE_BYTES", 0)
    monkeypatch.setattr(entry_ranges, "RANGE_BYTES", other_jets.stat().st_size / 3)
    how = ["--data", str(other_jets), "--out", str(tmp_path / "out"), "--scheduler", cluster]
    assert main([str(runs / "first"), *how]) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    expected = atlas_keras.evaluate_run(runs / "first", other_jets).metrics  # in the same ranges
    for key in ("test", "mass", "absolute", "events", "distribution_shift"):
        check_same(found[key], expected[key])


def check_same(a, b):
    """Compare figures but for the rounding of sums."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            check_same(a[key], b[key])
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-15)
    else:
        assert a == b


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", None), ("metrics.json", "{"), ("reference.json", None), ("model.keras", "no model")],
)
def test_a_damaged_run_is_named(runs, name, content, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(runs / "first", run)
    (run / name).unlink()
    if content:
        (run / name).write_text(content)
    assert str(run) in refused(main, [run, "--data", SAMPLE], capsys)


def test_files_of_other_experiments(runs, real_file, tmp_path, capsys):
    pytest.importorskip("uproot")
    out = tmp_path / "cms"
    path = real_file("nanoAOD_2015_CMS_Open_Data_ttbar.root")
    assert main([str(runs / "first"), "--data", str(path), "--out", str(out)]) == 0
    assert re.search(r"WARNING: +pt: [\d.]+ % of them are outside", capsys.readouterr().err)
    metrics = json.loads((out / "metrics.json").read_text())
    check_schema("evaluation", metrics)
    assert metrics["distribution_shift"]["variables"]["pt"]["verdict"] == "out of range"
    assert pd.read_csv(out / "tables" / "worst.csv")["id"].str.contains("run 1, luminosityBlock").all()
    assert "do NOT look like" in check_report(out / "report.html")


def test_published_space_of_a_run_is_that_of_its_whole_data(runs):
    jets = atlas_keras.load_jets(unit="MeV")[NAMES].to_numpy("float32")
    space = atlas_keras.evaluate_run(runs / "first").reference.space
    np.testing.assert_array_equal(space.low, PublishedSpace.of(jets, FOUR_MOMENTUM).low)


def test_a_run_with_another_model_is_refused(runs, tmp_path):
    run = shutil.copytree(runs / "first", tmp_path / "run")
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.layers.Dense(4)(inputs)).save(run / "model.keras")
    with pytest.raises(RunError, match=r"model\.keras: is not the autoencoder of this run"):
        load_run(run)
