"""Trainings on jets that stay on disk, and on several devices."""

import json

import numpy as np
import pandas as pd
import pytest

import atlas_keras
from atlas_keras.config import read_config
from atlas_keras.data import row_cache, streamed_rows
from atlas_keras.train import main
from atlas_keras.training import training_data
from atlas_keras.training.checkpoint import Checkpoint
from tests.moments import HANG, begin

FAST = ["--epochs", "2", "--batch-size", "256", "--seed", "7"]
TWO_DEVICES = """
import tensorflow as tf
from tests.quick import leave_out_finder, leave_out_plots
leave_out_plots()
leave_out_finder()
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
"""


def weights(run):
    return atlas_keras.load_autoencoder(run).get_weights()


def test_jets_on_disk_are_trained_on_and_a_killed_run_resumes(
    small_file, without_plots, without_finder, tmp_path, monkeypatch, capsys
):
    """Too many for the memory, or because a cache is named; the weights are the same, and those without a kill.

    Statistics are those of all rows, and not of the few that were drawn.
    """
    monkeypatch.setattr(row_cache, "MAX_DRAWN", 100)
    monkeypatch.setattr(streamed_rows, "BLOCK", 64)
    monkeypatch.setattr(streamed_rows, "SHARD_BLOCKS", 8)
    data = ["--data", str(small_file)]
    assert main([*FAST, *data, "--out", str(tmp_path / "named"), "--cache", str(tmp_path / "cache")]) == 0

    monkeypatch.setattr(training_data, "MAX_IN_MEMORY", 1000)
    save = Checkpoint.save

    def interrupted(self, history):
        save(self, history)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", interrupted)
    out, beside = tmp_path / "run", tmp_path / "run.cache"
    assert main([*FAST, *data, "--out", str(out)]) == 130
    assert beside.is_dir()
    monkeypatch.setattr(Checkpoint, "save", save)
    assert main([*FAST, *data, "--out", str(out)]) == 0
    assert not beside.exists()
    assert (tmp_path / "cache").is_dir()
    for a, b in zip(weights(out), weights(tmp_path / "named"), strict=True):
        np.testing.assert_array_equal(a, b)

    rows = np.fromfile(tmp_path / "cache" / "train.rows", np.float32).reshape(-1, 4)
    assert len(np.load(tmp_path / "cache" / "drawn.npy")) == 100 < len(rows) / 5
    encoder = atlas_keras.load_autoencoder(out).get_layer("encoder")
    known = np.float64(encoder.get_layer("kinematic")(rows))[:, :2]
    mean = encoder.get_layer("rho_network_standardization").mean
    np.testing.assert_allclose(mean, known.mean(axis=0), rtol=1e-9, atol=1e-9)

    config = read_config(out / "config.json")
    assert config.data.split == "lots"
    assert "splitmix64" in json.loads((out / "split.json").read_text())["rule"]
    metrics = json.loads((out / "metrics.json").read_text())
    assert sum(metrics["n_events"].values()) == 400
    again = atlas_keras.evaluate_run(out)  # the test split, read anew
    assert again.metrics["events"] == metrics["events"]
    assert again.metrics["test"]["phi"]["max"] == pytest.approx(metrics["test"]["phi"]["max"], rel=1e-5)
    places = [
        frame[["file", "position", "event", "jet"]].to_dict("records")
        for frame in (again.tables["worst"], pd.read_csv(out / "tables" / "worst.csv"))
    ]
    assert places[0] == places[1]
    assert "run: " in capsys.readouterr().out


@pytest.mark.slow
def test_two_devices_have_the_losses_of_one(small_file, without_plots, without_finder, tmp_path, capsys):
    how = [*FAST, "--data", str(small_file)]
    log = tmp_path / "log"
    process = begin("atlas_keras.train", [*how, "--out", tmp_path / "two", "--devices", "2"], log, setup=TWO_DEVICES)
    assert main([*how, "--out", str(tmp_path / "one"), "--devices", "1"]) == 0
    process.join(timeout=HANG)
    assert process.exitcode == 0, log.read_text()
    one, two = (pd.read_csv(tmp_path / name / "history.csv")[["loss", "val_loss"]] for name in ("one", "two"))
    np.testing.assert_allclose(two, one, rtol=1e-4)
    assert main([*how, "--out", str(tmp_path / "many"), "--devices", "99"]) == 2
    assert "--devices 99: TensorFlow has " in capsys.readouterr().err
    assert main([*how, "--out", str(tmp_path / "many"), "--devices", "0"]) == 2
