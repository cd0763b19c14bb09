"""The command: results, SIGKILL in the middle of a trial, chief and workers, errors."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import atlas_keras.train
from tuning.search import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def begin(small_file):
    """Start a search as a process of its own."""

    def begin(out, *arguments):
        command = [sys.executable, "-m", "tuning.search", "--data", str(small_file), "--preset", "kinematic"]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}", "OMP_NUM_THREADS": "1"}
        log = out.with_suffix(f".{time.monotonic_ns()}.log").open("w")
        return subprocess.Popen([*command, "--out", str(out), *arguments], stderr=log, stdout=log, env=environment)

    return begin


def states(out):
    found = {}
    for file in sorted((out / "trials").glob("trial_*/trial.json")):
        found[json.loads(file.read_text())["trial_id"]] = file
    return found


@pytest.fixture(scope="module")
def searched(small_file, tmp_path_factory):
    """Give the folder of a grid search, in this process, with two sides and all of its results."""
    out = tmp_path_factory.mktemp("searches") / "grid"
    space = out.parent / "space.json"
    space.write_text('{"width": {"values": [2, 6]}}')
    arguments = ["--data", str(small_file), "--preset", "kinematic", "--tuner", "grid", "--epochs", "2"]
    arguments += ["--space", str(space), "--against", "latency", "--confirm", "1", "--out", str(out)]
    assert main(arguments) == 0
    return out, arguments


def test_a_search_leaves_its_results(searched):
    out, _ = searched
    trials = pd.read_csv(out / "trials.csv")
    assert trials["trial"].tolist() == ["start", "1", "2"]
    assert trials["width"].tolist() == [16, 2, 6]
    assert (trials[["val_loss", "val_mse", "val_mass", "n_parameters", "latency", "score"]] > -100).all(axis=None)
    document = json.loads((out / "results.json").read_text())
    assert document["best"]["score"] == pytest.approx(trials["score"].min())
    assert document["best"]["score"] <= document["start"]["score"]
    assert {row["trial"] for row in document["pareto"]} <= {"start", "1", "2"}
    assert {row["who"] for row in document["confirmation"]} >= {"start"}
    text = (out / "results.md").read_text()
    assert "Pareto front" in text
    assert "With other seeds" in text
    assert {p.name for p in (out / "plots").iterdir()} == {
        "objective.png", "parallel.png", "learning_curves.png", "pareto.png",
    }  # fmt: skip


def test_train_repeats_the_best_trial_from_best_json(searched, tmp_path):
    out, _ = searched
    assert atlas_keras.train.main(["--config", str(out / "best.json"), "--out", str(tmp_path / "run")]) == 0
    again = pd.read_csv(tmp_path / "run" / "history.csv")["val_loss"].iloc[-1]
    assert again == pytest.approx(json.loads((out / "results.json").read_text())["best"]["val_loss"], rel=1e-5)


def test_a_finished_search_is_not_repeated_and_another_is_not_mixed_in(searched, capsys):
    out, arguments = searched
    before = {file: file.stat().st_mtime_ns for file in [*states(out).values(), out / "best" / "model.keras"]}
    assert main(arguments) == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before
    capsys.readouterr()
    assert main([*arguments, "--epochs", "3"]) == 1
    assert "other settings" in capsys.readouterr().err
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_killed_in_the_middle_of_a_trial_it_goes_on_from_there(begin, tmp_path):
    """The default tuner, by real SIGKILL: the finished trial stays, the interrupted one goes on from its last epoch."""
    out = tmp_path / "search"
    arguments = ["--epochs", "40", "--tuner", "random", "--trials", "3", "--batch-size", "64"]
    process = begin(out, *arguments)
    checkpoint = out / "trials" / "trial_1" / "checkpoint.npz"
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    first = states(out)["0"]
    before, started = first.read_bytes(), first.stat().st_mtime_ns
    values = json.loads(states(out)["1"].read_text())["hyperparameters"]["values"]
    assert json.loads(before)["status"] == "COMPLETED"
    assert checkpoint.exists()
    assert not (out / "best.json").exists()
    assert begin(out, *arguments).wait() == 0
    assert first.stat().st_mtime_ns == started
    assert first.read_bytes() == before
    trial = json.loads(states(out)["1"].read_text())
    assert (trial["status"], trial["hyperparameters"]["values"]) == ("COMPLETED", values)
    assert len(states(out)) == 3
    assert len(pd.read_csv(out / "trials" / "trial_1" / "history.csv")) == 40
    log = "".join(file.read_text() for file in sorted(tmp_path.glob("*.log"))[1:])
    assert "trial 1/3" not in log
    assert "trial 2/3 ends" in log
    assert not list(out.rglob("checkpoint.npz"))


def test_a_chief_and_two_workers_share_the_trials(begin, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    out = tmp_path / "search"
    arguments = ["--epochs", "2", "--tuner", "random", "--trials", "6"]
    chief = begin(out, *arguments, "--chief", address)
    workers = [begin(out, *arguments, "--worker", f"w{index}@{address}") for index in range(2)]
    assert [process.wait(timeout=240) for process in (*workers, chief)] == [0, 0, 0]
    trials = pd.read_csv(out / "trials.csv")
    assert len(trials) == 7
    assert (trials["status"] == "COMPLETED").all()
    assert (out / "trials" / "w0.json").exists()
    assert (out / "trials" / "w1.json").exists()
    assert (out / "best" / "model.keras").exists()
    assert len(list(out.glob("trials/trial_*/history.csv"))) == 6


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--trials", "3"], 2, "Hyperband counts its own trials"),
        (["--search", "widht=3"], 2, "did you mean 'width'"),
        (["--search", "width"], 2, "NAME=a,b,c"),
        (["--search", "rho_bins=8,16"], 2, "val_density"),
        (["--space", "nowhere.json"], 2, "nowhere.json"),
        (["--trade", "0"], 2, "--trade is positive"),
        (["--chief", "here"], 2, "HOST:PORT"),
        (["--worker", "chief2@host:1"], 2, "without 'chief'"),
        (["--data", "nowhere.csv"], 1, "nowhere.csv: no such file"),
    ],
)
def test_errors_are_one_sentence(arguments, code, message, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "search")]) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_space_is_shown_and_a_folder_of_something_else_survives(tmp_path, capsys):
    assert main(["--print-space", "--search", "batch_size=64:512:log"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown) == {"learning_rate", "width", "batch_size"}
    (tmp_path / "space.json").write_text(json.dumps(shown))
    assert main(["--print-space", "--space", str(tmp_path / "space.json")]) == 0
    assert json.loads(capsys.readouterr().out) == shown
    assert main(["--epochs", "1", "--tuner", "random", "--out", str(tmp_path), "--force"]) == 1
    assert "no search folder" in capsys.readouterr().err
    assert (tmp_path / "space.json").exists()
