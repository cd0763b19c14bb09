"""Rows on disk give an epoch every row once, in an order that follows from seed and epoch alone."""

import numpy as np
import pytest

from atlas_keras.data import streamed_rows
from atlas_keras.data.pipeline import make_dataset, whole_dataset
from atlas_keras.data.streamed_rows import StreamedRows


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """Return 1003 rows on disk, whose normalized form is their double."""
    monkeypatch.setattr(streamed_rows, "BLOCK", 16)
    monkeypatch.setattr(streamed_rows, "SHARD_BLOCKS", 8)
    monkeypatch.setattr(streamed_rows, "WHOLE_BATCH", 300)
    stored = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(1003, 2))
    stored[:] = np.arange(1003)[:, None]
    return StreamedRows(stored, lambda x: 2 * x)


def epochs(rows, n, **how):
    batches = [x.numpy() for x, y in make_dataset(rows, 10, **how).take(n) if (x.numpy() == y.numpy()).all()]
    return np.array(batches)[:, :, 0]


def test_an_epoch_has_every_row_once(rows):
    batches = epochs(rows, 200, seed=1)
    for epoch in (batches[:100], batches[100:]):
        assert len(np.unique(epoch)) == 1000
        assert set(epoch.ravel()) <= set(np.arange(1003) * 2)
        order = epoch.ravel() / 2
        assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.3  # of all over the file
        assert np.mean(np.abs(np.diff(order)) < 2) < 0.1
    assert (batches[:100] != batches[100:]).any()


def test_the_order_follows_from_seed_and_epoch(rows):
    batches = epochs(rows, 200, seed=1)
    np.testing.assert_array_equal(epochs(rows, 100, seed=1, first_epoch=1), batches[100:])
    assert (epochs(rows, 100, seed=2) != batches[:100]).any()
    fewer = epochs(rows, 180, seed=1, steps=90)  # of each epoch the first ones
    np.testing.assert_array_equal(fewer, np.concatenate([batches[:90], batches[100:190]]))
    memory, how = np.array(rows.stored), {"seed": 1, "steps": 90}
    np.testing.assert_array_equal(epochs(memory, 90, first_epoch=1, **how), epochs(memory, 180, **how)[90:])


def test_all_rows_in_order(rows):
    parts = [x.numpy() for x, _ in whole_dataset(rows)]
    assert [len(part) for part in parts] == [300, 300, 300, 103]
    np.testing.assert_array_equal(np.concatenate(parts), 2 * rows.stored)
