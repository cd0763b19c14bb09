"""The command: results, SIGKILL in the middle of a trial, chief and workers, errors."""

import json
import re
import signal
import socket
import time

import numpy as np
import pandas as pd
import pytest

from atlas_keras.config import read_config
from tests.moments import HANG, begin, run_killed
from tests.quick import leave_out_finder, leave_out_plots
from tests.refusals import refused
from tuning.search import main

SAVE = "atlas_keras.training.checkpoint:Checkpoint.save"  # at the end of every epoch
EPOCHS = 4
QUICK = """
from tests.quick import leave_out_finder, leave_out_plots
from tests.refusals import refused
from tests.refusals import refused
leave_out_plots()
leave_out_finder()
"""


def states(out):
    found = {}
    for file in sorted((out / "trials").glob("trial_*/trial.json")):
        found[json.loads(file.read_text())["trial_id"]] = file
    return found


@pytest.fixture(scope="module")
def searched(small_file, tmp_path_factory):
    """Return a search that was killed in the middle of its second trial and then ended, and what was there."""
    out = tmp_path_factory.mktemp("searches") / "search"
    (out.parent / "space.json").write_text('{"learning_rate": {"low": 1e-3, "high": 3e-3, "scale": "log"}}')
    arguments = ["--data", str(small_file), "--preset", "kinematic", "--out", str(out), "--confirm", "1"]
    arguments += ["--space", str(out.parent / "space.json"), "--tuner", "random", "--trials", "2"]
    arguments += ["--epochs", str(EPOCHS), "--against", "parameters"]
    run_killed("tuning.search", arguments, f"after {2 * EPOCHS + 3} {SAVE}")  # the start and the first trial are over
    with np.load(out / "trials" / "trial_1" / "checkpoint.npz") as state:
        n_epochs = len(json.loads(str(state["history"])))
    before = {name: (file.read_bytes(), file.stat().st_mtime_ns) for name, file in states(out).items()}
    assert not (out / "best.json").exists()
    with pytest.MonkeyPatch.context() as patch:
        leave_out_plots(patch.setattr)  # of the best run
        leave_out_finder(patch.setattr)
        assert main(arguments) == 0
    return out, arguments, before, n_epochs


def test_killed_in_the_middle_of_a_trial_it_goes_on_from_there(searched):
    """The finished trial stays as it is, the interrupted one goes on from its last epoch with its own values."""
    out, _, before, n_epochs = searched
    first, second = states(out)["0"], states(out)["1"]
    assert json.loads(before["0"][0])["status"] == "COMPLETED"
    assert (first.read_bytes(), first.stat().st_mtime_ns) == before["0"]
    interrupted, ended = json.loads(before["1"][0]), json.loads(second.read_text())
    assert (interrupted["status"], ended["status"]) == ("RUNNING", "COMPLETED")
    assert interrupted["hyperparameters"]["values"] == ended["hyperparameters"]["values"]
    assert list(states(out)) == ["0", "1"]
    history = pd.read_csv(out / "trials" / "trial_1" / "history.csv")
    assert len(history) == EPOCHS
    assert n_epochs == 3
    assert not list(out.rglob("checkpoint.npz"))


def test_a_search_leaves_its_results(searched):
    out, *_ = searched
    trials = pd.read_csv(out / "trials.csv")
    assert trials["trial"].tolist() == ["start", "1", "2"]
    assert trials["learning_rate"].between(1e-3, 3e-3).all()
    assert np.isfinite(trials[["val_loss", "val_mse", "val_mass", "n_parameters", "score"]]).all(axis=None)
    document = json.loads((out / "results.json").read_text())
    assert document["best"]["score"] == pytest.approx(trials["score"].min())
    assert document["best"]["score"] <= document["start"]["score"]
    assert len(document["pareto"]) == 1  # all have the same size
    assert {row["who"] for row in document["confirmation"]} >= {"start"}
    text = (out / "results.md").read_text()
    assert "Pareto front" in text
    assert "With other seeds" in text
    assert {p.name for p in (out / "plots").iterdir()} == {
        "objective.png", "parallel.png", "learning_curves.png", "pareto.png",
    }  # fmt: skip


def test_the_run_of_best_json_repeats_the_best_trial(searched):
    """`train --config best.json` reads the configuration and calls `train`, as the search did for this run."""
    out, *_ = searched
    assert read_config(out / "best.json") == read_config(out / "best" / "config.json")
    again = pd.read_csv(out / "best" / "history.csv")["val_loss"].iloc[-1]
    assert again == pytest.approx(json.loads((out / "results.json").read_text())["best"]["val_loss"], rel=1e-5)


def test_a_finished_search_is_not_repeated_and_another_is_not_mixed_in(searched, capsys):
    out, arguments, *_ = searched
    before = {file: file.stat().st_mtime_ns for file in [*states(out).values(), out / "best" / "model.keras"]}
    assert main(arguments) == 0
    assert {file: file.stat().st_mtime_ns for file in before} == before
    capsys.readouterr()
    assert main([*arguments, "--epochs", "3"]) == 1
    assert "other settings" in capsys.readouterr().err
    assert {file: file.stat().st_mtime_ns for file in before} == before


@pytest.fixture
def begin_search(small_file, tmp_path):
    """Return a function that begins a search as a process of its own, which may kill itself at a moment."""
    begun = []

    def begin_search(*arguments, moment=None):
        arguments = ["--data", small_file, "--preset", "kinematic", *arguments]
        log = tmp_path / f"{len(begun)}.log"
        begun.append(begin("tuning.search", arguments, log, moment, QUICK))
        return begun[-1], log

    yield begin_search
    for process in begun:
        process.kill()  # does nothing to one that has ended
        process.join()


def wait_for(begun):
    """Wait until all have ended well; where one fails, the others would wait for it for ever."""
    started = time.monotonic()
    while running := [process for process, _ in begun if process.exitcode is None]:
        for process, log in begun:
            assert not process.exitcode, log.read_text()
        assert time.monotonic() - started < HANG, running
        time.sleep(0.05)
    for process, log in begun:
        assert process.exitcode == 0, log.read_text()


@pytest.mark.slow
def test_a_chief_and_two_workers_share_the_trials(begin_search, tmp_path):
    """One of the workers is killed in its first trial, and gets that trial back when it comes again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    out = tmp_path / "search"
    arguments = ["--out", str(out), "--epochs", "1", "--tuner", "random", "--trials", "3"]
    chief = begin_search(*arguments, "--chief", address)
    killed, its_log = begin_search(*arguments, "--worker", f"w0@{address}", moment=f"before 1 {SAVE}")
    killed.join(timeout=HANG)
    assert killed.exitcode == -signal.SIGKILL, its_log.read_text()
    workers = [begin_search(*arguments, "--worker", f"w{index}@{address}") for index in range(2)]
    wait_for([chief, *workers])
    trials = pd.read_csv(out / "trials.csv")
    assert len(trials) == 4
    assert (trials["status"] == "COMPLETED").all()
    assert (out / "best" / "model.keras").exists()
    assert len(list(out.glob("trials/trial_*/history.csv"))) == 3
    logs = [chief[1], its_log, *(log for _, log in workers)]
    told = [sorted(set(re.findall(r"^trial (\d)", log.read_text(), re.M))) for log in logs]
    assert told[0] == ["1", "2", "3"]
    assert told[1] == ["1"]
    assert "1" in told[2]
    assert sorted([*told[2], *told[3]]) == ["1", "2", "3"]


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
    assert message in refused(main, [*arguments, "--out", tmp_path / "search"], capsys, code)
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
