"""The run folder: complete, resumable after SIGKILL, never half-written; and the command that makes it."""

import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from atlas_keras import load_autoencoder
from atlas_keras.config import DataConfig, preset_config
from atlas_keras.errors import RunError
from atlas_keras.evaluation.run import load_run
from atlas_keras.train import main
from atlas_keras.training import fit, run
from atlas_keras.training.one_cycle import one_cycle_adamw
from atlas_keras.training.run import train_run
from atlas_keras.training.run_folder import run_folder
from tests.moments import run_killed
from tests.refusals import refused
from tests.reports import check_report
from tests.schemas import check_schema

FILES = [
    "config.json",
    "entropy_model.npz",
    "history.csv",
    "learning_rates.csv",
    "metrics.json",
    "model.keras",
    "reference.json",
    "report.html",
    "split.json",
]
FAST = ["--epochs", "3", "--batch-size", "1024", "--seed", "7"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main([*FAST, "--out", str(out), "--early-stop", "3"]) == 0
    return out


def weights(run):
    return load_autoencoder(run).get_weights()


def test_run_folder_is_as_promised(finished):
    assert sorted(p.name for p in finished.iterdir()) == sorted([*FILES, "plots", "tables"])
    plots = {p.stem for p in (finished / "plots").iterdir()}
    assert {"loss", "learning_rates", "input_E", "distribution_E", "residual_E", "tail_E", "correlation_before",
            "residual_pairs", "profile_pt", "relative_error_E", "distribution_mass",
            "distribution_dijet_mass"} <= plots  # fmt: skip
    metrics = json.loads((finished / "metrics.json").read_text())
    check_schema("metrics", metrics)
    assert set(metrics["test"]) == {"E", "pt", "eta", "phi"}
    assert {"mean_abs", "rms", "p68", "p95", "p99", "max", "bias"} <= set(metrics["test"]["E"])
    assert {"mass", "dijet_mass", "spacelike_fraction", "published", "baselines", "n_parameters", "train_seconds",
            "epochs", "n_jets", "n_events", "data_sha256", "versions", "seed"} <= set(metrics)  # fmt: skip
    assert sum(metrics["n_jets"].values()) == 20_002
    assert sum(metrics["n_events"].values()) == 4_097
    assert len(pd.read_csv(finished / "history.csv")) == metrics["epochs"] == 3
    report = check_report(finished / "report.html")
    assert report.count("data:image/png;base64,") == len(plots)
    assert "src='http" not in report
    assert (finished / "report.html").stat().st_size < 5e6


def test_a_run_reproduces_itself_from_its_configuration(finished, without_plots, tmp_path):
    out = tmp_path / "again"
    assert main(["--config", str(finished / "config.json"), "--out", str(out)]) == 0
    for before, after in zip(weights(finished), weights(out), strict=True):
        np.testing.assert_array_equal(before, after)
    a, b = (json.loads((run / "metrics.json").read_text()) for run in (finished, out))
    assert a["test"] == b["test"]


def test_a_killed_run_resumes_to_the_same_weights(small_file, without_plots, tmp_path):
    """SIGKILL before the first epoch is kept, in the middle of a checkpoint, between epochs, and among the results."""
    arguments = ["--data", str(small_file), "--epochs", "12", "--batch-size", "256", "--seed", "3"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main([*arguments, "--out", str(whole)]) == 0
    unfinished = tmp_path / "killed.unfinished"
    checkpoint, half = unfinished / "checkpoint.npz", unfinished / ".checkpoint.npz"

    def kill(moment):
        run_killed("atlas_keras.train", [*arguments, "--out", str(killed)], moment)
        assert not killed.exists()
        if not checkpoint.exists():
            return 0
        with np.load(checkpoint) as state:
            return len(json.loads(str(state["history"])))

    assert kill("before 1 atlas_keras.training.checkpoint:Checkpoint.save") == 0
    assert kill("before 3 zipfile:ZipFile._write_end_record") == 2  # the third checkpoint has no end
    assert half.exists()
    assert not zipfile.is_zipfile(half)
    assert kill("after 4 atlas_keras.training.checkpoint:Checkpoint.save") == 6
    assert not half.exists()
    assert kill("before 1 atlas_keras.training.run:write_evaluation") == 12
    assert (unfinished / "model.keras").exists()
    assert main([*arguments, "--out", str(killed)]) == 0
    for before, after in zip(weights(whole), weights(killed), strict=True):
        np.testing.assert_array_equal(before, after)
    losses = [pd.read_csv(run / "history.csv")["val_loss"] for run in (whole, killed)]
    pd.testing.assert_series_equal(*losses, check_exact=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed", "whole"]


def test_a_training_goes_on_from_a_run(finished, small_file, without_plots, without_finder, tmp_path, capsys):
    """On other jets with the statistics of the first, and on the same jets in the same split; both are told."""
    other, same = tmp_path / "other", tmp_path / "same"
    begun = ["--start-from", str(finished), "--epochs", "2"]
    assert main([*begun, "--data", str(small_file), "--out", str(other)]) == 0
    assert main([*begun, "--out", str(same)]) == 0
    first, metrics = (json.loads((run / "metrics.json").read_text()) for run in (finished, other))
    assert metrics["started_from"] == {
        "run": str(finished), "model_fingerprint": first["model_fingerprint"], "data_files": first["data_files"],
    }  # fmt: skip
    assert metrics["epochs"] == 2
    start, runs = load_autoencoder(finished), [load_autoencoder(run) for run in (other, same)]
    constants = start.get_layer("encoder").get_layer("kinematic").get_config()
    for model in runs:
        assert model.get_layer("encoder").get_layer("kinematic").get_config() == constants
        assert any(np.any(a != b) for a, b in zip(weights(finished), model.get_weights(), strict=True))
    losses = [pd.read_csv(run / "history.csv")["val_loss"] for run in (finished, same)]
    assert losses[1].iloc[-1] < losses[0].iloc[0]
    assert load_run(other).has_seen(first["data_files"]) == ["qcd_jets.csv.gz"]
    assert main([*begun, "--start-from", str(other), "--out", str(tmp_path / "third"), "--seed", "8"]) == 1
    assert "small.csv with another split" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "8"], "qcd_jets.csv.gz with another split"),
        (["--unit", "GeV"], "in MeV"),
        (["--preset", "published"], "--preset published contradicts"),
        (["--config", "wide.json"], "has another configuration"),
        (["--start-from", "nowhere"], "nowhere"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(finished, arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wide.json").write_text('{"model": {"widths": [32]}, "training": {"seed": 7}}')
    assert main(["--start-from", str(finished), *arguments, "--out", "run"]) != 0
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["wide.json"]


def test_an_existing_run_survives_without_force_and_is_replaced_with_it(
    finished, without_plots, without_finder, tmp_path, capsys
):
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    before = (out / "metrics.json").read_bytes()
    assert main([*FAST, "--out", str(out), "--epochs", "1"]) == 1
    assert "--force" in capsys.readouterr().err
    assert (out / "metrics.json").read_bytes() == before
    assert main([*FAST, "--out", str(out), "--epochs", "1", "--force"]) == 0
    assert len(pd.read_csv(out / "history.csv")) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_force_does_not_delete_what_is_no_run(tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    assert main([*FAST, "--out", str(tmp_path / "thesis"), "--force"]) == 1
    assert "no run folder" in capsys.readouterr().err
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_two_trainings_into_one_folder(small_file, without_plots, without_finder, tmp_path, monkeypatch, capsys):
    """The second one begins in the middle of the first, and a third when the first has ended."""
    arguments = [*FAST, "--data", str(small_file), "--epochs", "1", "--out", str(tmp_path / "run")]
    fit, codes = run.fit, []

    def begin_another(*args, **kwargs):
        codes.extend(main([*arguments, *options]) for options in ([], ["--seed", "8"], ["--force"]))
        return fit(*args, **kwargs)

    monkeypatch.setattr(run, "fit", begin_another)
    assert main(arguments) == 0
    assert codes == [1, 1, 1]
    told = capsys.readouterr().err.splitlines()
    assert [line for line in told if line.endswith("/run: another process is training into this folder")] == told[:3]
    metrics = (tmp_path / "run" / "metrics.json").read_bytes()
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "run" / "metrics.json").read_bytes() == metrics
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_run_that_appears_meanwhile_stays_and_ours_is_not_lost(tmp_path):
    """A program that knows of no lock puts a folder there: the unfinished one can still be given another name."""
    with pytest.raises(RunError, match="exists already"), run_folder(tmp_path / "run", {}, force=False) as unfinished:
        write(unfinished / "config.json", write(tmp_path / "run" / "theirs", "ours"))
    assert (tmp_path / "run.unfinished" / "config.json").read_text() == "ours"
    assert (tmp_path / "run" / "theirs").read_text() == "ours"


def test_a_folder_that_is_no_unfinished_run_is_not_emptied(tmp_path):
    thesis = tmp_path / "run.unfinished" / "chapter.tex"
    write(thesis, "years of work")
    for force in (False, True):
        with pytest.raises(RunError, match="is no unfinished run"):
            run_folder(tmp_path / "run", {}, force=force).__enter__()
    assert thesis.read_text() == "years of work"


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return text


def test_an_unfinished_run_of_another_configuration_is_not_mixed_in(
    small_file, without_plots, without_finder, tmp_path
):
    unfinished = tmp_path / "run.unfinished"
    unfinished.mkdir()
    (unfinished / "begun.json").write_text('{"config": "another"}')
    config = preset_config("published")
    config = replace(config, training=replace(config.training, epochs=1), data=DataConfig(paths=(str(small_file),)))
    with pytest.raises(RunError, match="unfinished run of another configuration"):
        train_run(config, tmp_path / "run")
    train_run(config, tmp_path / "run", force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_divergence_is_told_and_leaves_no_run(without_finder, tmp_path, capsys, monkeypatch):
    # The normalized loss keeps every learning rate that the configuration allows finite: a real one 1e27 times as high.
    monkeypatch.setattr(fit, "one_cycle_adamw", lambda rate, *rest: one_cycle_adamw(1e27 * rate, *rest))
    assert main([*FAST, "--learning-rate", "999", "--out", str(tmp_path / "run")]) == 1
    assert "smaller --learning-rate" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("--data nowhere.csv", 1, "nowhere.csv: no such file"),
        ("--objects tau", 1, "no jets"),
        ("--learning-rate fast", 2, "number or auto"),
        ("--epochs 0", 2, "at least 1"),
        ("--config nowhere.json", 2, "nowhere.json"),
    ],
)
def test_errors_are_one_sentence(arguments, code, message, tmp_path, capsys):
    assert message in refused(main, [*arguments.split(), "--out", tmp_path / "run"], capsys, code)
    assert list(tmp_path.iterdir()) == []


def test_learning_rate_auto_and_tensorboard(small_file, without_plots, tmp_path):
    out = tmp_path / "run"
    arguments = [*FAST, "--data", str(small_file), "--learning-rate", "auto", "--tensorboard", "--unit", "GeV"]
    assert main([*arguments, "--out", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    check_schema("metrics", metrics)
    assert metrics["learning_rate"]["peak"] == metrics["learning_rate"]["minimum"]
    assert metrics["unit"] == "GeV"
    assert list((out / "tensorboard").rglob("events.out*"))
