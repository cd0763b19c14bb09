"""Every tuner, interrupted at any write to the disk: the search that goes on is the one that would have been."""

import json

import keras_tuner
import pytest
from keras_tuner.src.engine import oracle as oracle_module

import tuning.oracles
from atlas_keras.errors import ConfigError, RunError
from atlas_keras.training.space import Space
from tuning.oracles import make_oracle

SPACE = Space.from_dict({"learning_rate": {"low": 1e-3, "high": 1e-1, "scale": "log"}, "width": {"values": [4, 8, 16]}})
GRID = Space.from_dict({"learning_rate": {"values": [0.1, 0.2]}, "width": {"values": [4, 8]}})
STEP = {"bayesian": 7, "hyperband": 3}  # a trial has five writes: these meet all of them, in fewer runs
OBJECTIVE = keras_tuner.Objective("score", "min")


class Killed(BaseException):
    """What a SIGKILL is in this test: nothing runs after it."""


def declare(space):
    hp = keras_tuner.HyperParameters()
    for name, dimension in space.to_dict().items():
        if "values" in dimension:
            hp.Choice(name, dimension["values"])
        else:
            hp.Float(name, dimension["low"], dimension["high"], sampling=dimension["scale"])
    return hp


def drive(folder, tuner, ran):
    """Run a search with a formula for its objective; note every trial that begins in `ran`."""
    space = GRID if tuner == "grid" else SPACE
    trials = None if tuner in ("grid", "hyperband") else 4
    oracle = make_oracle(tuner, space, OBJECTIVE, trials=trials, epochs=4, factor=2, seed=0)
    oracle.verbose = 0
    oracle.update_space(declare(space))
    oracle._set_project_dir(str(folder.parent), folder.name)
    if (folder / "oracle.json").exists():
        oracle.reload()
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        values = trial.hyperparameters.values
        ran.append(trial.trial_id)
        score = (values["width"] - 8) ** 2 + values["learning_rate"] / values.get("tuner/epochs", 1)
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return {t.trial_id: (t.hyperparameters.values, t.score) for t in oracle.trials.values()}


def finished(folder):
    trials = [json.loads(file.read_text()) for file in folder.glob("trial_*/trial.json")]
    return {trial["trial_id"] for trial in trials if trial["status"] == "COMPLETED"}


@pytest.mark.parametrize("tuner", ["hyperband", "bayesian", "random", "grid"])
def test_killed_at_any_write_it_goes_on_as_if_nothing_had_been(tuner, tmp_path, monkeypatch):
    writes = []

    def write(path, value):  # as a whole, without waiting for the disk
        path.write_text(json.dumps(value))

    def counted(path, value):
        writes.append(path)
        write(path, value)

    monkeypatch.setattr(tuning.oracles, "write_json", counted)
    whole = drive(tmp_path / "whole", tuner, [])
    assert len(whole) >= 4
    n_writes = len(writes)
    for moment in range(0, n_writes, STEP.get(tuner, 1)):
        folder, left, ran = tmp_path / f"killed{moment}", [moment], []

        def until_killed(path, value, left=left):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            write(path, value)

        monkeypatch.setattr(tuning.oracles, "write_json", until_killed)
        with pytest.raises(Killed):
            drive(folder, tuner, ran)
        oracle_module.THREADS.clear()  # a process that is dead holds no lock
        oracle_module.LOCKS.clear()
        done, again = finished(folder), []
        monkeypatch.setattr(tuning.oracles, "write_json", write)
        assert drive(folder, tuner, again) == whole, moment
        assert not done & set(again), moment
        assert done | set(again) == set(whole)


@pytest.mark.parametrize("name", ["oracle.json", "trial_1/trial.json"])
@pytest.mark.parametrize("content", ["", "[" * 100_000, "[]", "{}", '{"trial_id": []}'])
def test_a_damaged_state_is_told_in_a_sentence(name, content, tmp_path):
    drive(tmp_path / "search", "random", [])
    (tmp_path / "search" / name).write_text(content)
    with pytest.raises(RunError, match=rf"^{tmp_path / 'search'}: damaged \(.*\); choose another --out$"):
        drive(tmp_path / "search", "random", [])


def test_hyperband_refuses_a_space_that_it_would_exhaust():
    with pytest.raises(ConfigError, match="--tuner grid"):
        make_oracle("hyperband", GRID, OBJECTIVE, trials=None, epochs=30, factor=3, seed=0)


def test_hyperband_counts_the_trials_that_it_will_run(tmp_path):
    oracle = make_oracle("hyperband", SPACE, OBJECTIVE, trials=None, epochs=4, factor=2, seed=0)
    assert len(drive(tmp_path / "search", "hyperband", [])) == oracle.n_trials()


def test_ten_failures_in_a_row_end_a_search(tmp_path):
    oracle = make_oracle("random", SPACE, OBJECTIVE, trials=30, epochs=1, factor=2, seed=0)
    oracle.verbose = 0
    oracle.update_space(declare(SPACE))
    oracle._set_project_dir(str(tmp_path), "search")
    n = 0
    while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
        trial.status = "COMPLETED" if n == 3 else "FAILED"
        oracle.update_trial(trial.trial_id, {"score": 1.0})
        oracle.end_trial(trial)
        n += 1
    assert n == 4 + tuning.oracles.FAILURES
    assert oracle.hopeless
    assert not oracle.tuner_ids


def test_seed_zero_is_a_seed():
    """keras-tuner draws a seed where it is given 0."""
    seeds = {make_oracle("random", SPACE, OBJECTIVE, trials=1, epochs=1, factor=2, seed=0).seed for _ in range(5)}
    assert len(seeds) == 1
