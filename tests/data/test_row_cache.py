"""Jets on disk: what is stored is what is read, once; draws and splits do not depend on how the data are read."""

from dataclasses import replace

import numpy as np
import pytest

from atlas_keras.config import DataConfig
from atlas_keras.data import row_cache
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.lots import draw_lots
from atlas_keras.data.row_cache import COUNTERS, open_cache
from atlas_keras.data.source import fingerprint, read_splits, read_table
from atlas_keras.data.splitting import SPLITS, lots_of_events
from atlas_keras.errors import JetDataError, RunError


@pytest.fixture
def opened(small_file, tmp_path):
    """Return a function that opens the cache of a small file."""
    data = DataConfig(paths=(str(small_file),), split="lots")

    def cache(seed=3, folder=tmp_path / "cache", **changes):
        config = replace(data, **changes)
        return open_cache(folder, config, seed, fingerprint(config.paths), InvalidPolicy(config.invalid))

    return cache


def test_lots_follow_from_the_place(opened):
    lots = draw_lots(np.arange(10_000), 1)
    assert len(np.unique(lots)) == 10_000
    assert np.mean(lots / 2.0**64) == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(lots[100:], draw_lots(np.arange(100, 10_000), 1))
    assert (draw_lots(np.arange(100), 2) != lots[:100]).all()


def test_a_cache_has_the_jets_of_every_split(opened, small_file):
    cache = opened()
    config = DataConfig(paths=(str(small_file),), split="lots")
    table = read_table(config, InvalidPolicy())
    split = lots_of_events(0, table.n_events, config, 3)
    halves = [lots_of_events(0, 150, config, 3), lots_of_events(150, table.n_events - 150, config, 3)]
    np.testing.assert_array_equal(split, np.concatenate(halves))
    assert np.mean(split == SPLITS.index("test")) == pytest.approx(0.1, abs=0.05)
    for index, name in enumerate(SPLITS):
        np.testing.assert_array_equal(cache.rows(name), table.jets[split[table.event] == index])
        assert cache.n_events[name] == np.sum(split == index)
    np.testing.assert_array_equal(cache.drawn, cache.rows("train"))
    assert [COUNTERS[place["counter"]] for place in cache.places] == ["line"] * cache.n_jets["test"]
    np.testing.assert_array_equal(cache.places["number"], cache.places["event"] + 1)  # no line is left out
    np.testing.assert_array_equal(np.unique(cache.places["event"]), np.flatnonzero(split == SPLITS.index("test")))
    splits = read_splits(config, 3, InvalidPolicy(), ("train", "test"))
    np.testing.assert_array_equal(splits["test"], cache.rows("test"))


def test_a_cache_is_made_once_for_the_same_data(opened, monkeypatch, small_file, tmp_path):
    opened()
    monkeypatch.setattr(row_cache, "read_configured", lambda *others: pytest.fail("read again"))
    opened()
    for changes in ({"seed": 4}, {"test_fraction": 0.3}, {"objects": ("b",)}):
        with pytest.raises(pytest.fail.Exception, match="read again"):
            opened(**changes)
    monkeypatch.undo()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("mine")
    with pytest.raises(RunError, match="exists and is no cache of rows"):
        opened(folder=tmp_path / "mine")
    few = tmp_path / "few.csv"
    few.write_text(small_file.read_text().splitlines()[0] + "\n")
    with pytest.raises(JetDataError, match="split has no jets: 1 events are too few"):
        opened(paths=(str(few),))
    with pytest.raises(JetDataError, match="no jets in 400 events"):
        opened(objects=("tau",))


def test_rows_are_drawn_alike_whatever_the_pieces(monkeypatch):
    rows = np.arange(5000, dtype=np.float32)[:, None]
    monkeypatch.setattr(row_cache, "MAX_DRAWN", 300)

    def drawn(*cuts):
        found, first = row_cache._Drawn(1, seed=5), 0
        for piece in np.split(rows, cuts):
            found.look_at(piece, first)
            first += len(piece)
        return found.rows

    np.testing.assert_array_equal(drawn(), drawn(10, 400, 401, 3000))
    assert len(drawn()) == 300
    assert drawn().mean() == pytest.approx(2500, rel=0.1)
    assert (np.diff(drawn()[:, 0]) > 0).all()
