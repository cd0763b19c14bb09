"""What is counted of files and of their ranges, by a model without batches, whose rounding would differ."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import load_jets
from atlas_keras.config import DataConfig
from atlas_keras.data import entry_ranges
from atlas_keras.evaluation import run_jets
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.run_tally import count_here, tasks_of, total_of
from atlas_keras.schema import FOUR_MOMENTUM


@pytest.fixture
def run(evaluation):
    """Return what is asked of a run; its model makes every number a little larger."""
    larger = lambda jets, unit: jets * np.float32(1 + 2**-10)  # noqa: E731
    return SimpleNamespace(reconstruct=larger, unit="MeV", reference=evaluation.reference, collection=FOUR_MOMENTUM)


@pytest.fixture
def paths(small_file, tmp_path):
    """Return text, rows of jets of which the second file has a bad one in its middle, and one without jets."""
    jets = load_jets(small_file)
    for name, pt in (("good", jets["pt"]), ("wrong", jets["pt"].where(jets.index != len(jets) // 2, -1.0))):
        table = pa.Table.from_pandas(jets.assign(pt=pt), preserve_index=False)
        pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / f"{name}.parquet", row_group_size=300)
    pq.write_table(table.slice(0, 0).replace_schema_metadata({"unit": "MeV"}), tmp_path / "none.parquet")
    return (small_file, *(tmp_path / f"{name}.parquet" for name in ("good", "wrong", "none")))


def count(run, paths, order=list):
    jets = run_jets.TestJets(DataConfig(paths=tuple(map(str, paths))), paths, {}, None, False)
    tasks = tasks_of(jets)
    return tasks, total_of(tasks, order(count_here(run, None)(tasks)))


def test_ranges_of_large_files_are_counted_as_the_files(run, paths, monkeypatch):
    """A file of which a range cannot be read is left out as a whole, and told once, as it is in one piece."""
    tasks, whole = count(run, paths)
    assert len(tasks) == len(paths)
    monkeypatch.setattr(entry_ranges, "LARGE_BYTES", 10_000)
    monkeypatch.setattr(entry_ranges, "RANGE_BYTES", paths[1].stat().st_size / 4)
    tasks, parts = count(run, paths, lambda counted: reversed(list(counted)))
    assert len(tasks) == 4 + 4 + 2
    (error,) = parts.errors.values()
    assert list(whole.errors.values()) == [error]
    assert "wrong.parquet: row " in error
    assert "column pt: -1 has to be positive" in error
    one, other = (
        Evaluation(found.tallies["jets"], FOUR_MOMENTUM, {"model": "a model"}, run.reference)
        for found in (whole, parts)
    )
    assert one.metrics["events"] == other.metrics["events"]
    for name, expected in one.tables.items():
        pd.testing.assert_frame_equal(other.tables[name], expected, rtol=1e-9, atol=1e-15, obj=name)
    pd.testing.assert_frame_equal(other.jets(), one.jets())


def test_very_many_files_are_some_a_task(run, paths, monkeypatch):
    monkeypatch.setattr("atlas_keras.evaluation.run_tally.MAX_TASKS", 2)
    tasks, found = count(run, (*paths, *paths[:1]))
    assert [[part["number"] for part in task["parts"]] for task in tasks] == [[0, 1, 2], [3, 4]]
    assert set(found.errors) == {2}
    jets = run_jets.TestJets(DataConfig(), paths, {}, 30, False)
    (task,) = tasks_of(jets)
    assert sum(replace(found, errors={}).tallies["jets"].n_events.values()) > 400
    assert sum(total_of([task], count_here(run, None)([task])).tallies["jets"].n_events.values()) == 30
