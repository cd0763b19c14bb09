import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras.config import DataConfig
from atlas_keras.data.pipeline import make_dataset
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import collect, split_events
from atlas_keras.errors import JetDataError
from tests.data.small_files import nano_parquet, write_parquet


@pytest.fixture(scope="module")
def table():
    return collect(read_events())


def test_split_is_by_event_and_loses_nothing(table):
    parts = split_events(table, DataConfig(), seed=4)
    events = [set(part.event.tolist()) for part in parts.values()]
    assert events[0].isdisjoint(events[1] | events[2])
    assert events[1].isdisjoint(events[2])
    assert sum(part.n_jets for part in parts.values()) == table.n_jets
    assert [part.n_events for part in parts.values()] == [3279, 409, 409]
    both = np.concatenate([np.column_stack([part.event, part.jets]) for part in parts.values()])
    whole = np.column_stack([table.event, table.jets])
    np.testing.assert_array_equal(both[np.lexsort(both.T)], whole[np.lexsort(whole.T)])


def test_split_follows_from_the_seed(table):
    first, again, other = (split_events(table, DataConfig(), seed=s)["test"].event for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_too_few_events_to_split(table):
    few = dataclasses.replace(table, jets=table.jets[:3], event=np.zeros(3, int), n_events=1)
    with pytest.raises(JetDataError, match="too few"):
        split_events(few, DataConfig(), seed=0)


def batches(rows, n, **kwargs):
    return np.stack([x.numpy() for x, _ in make_dataset(rows, 10, **kwargs).take(n)])


def test_each_epoch_is_another_order_of_the_same_rows():
    rows = np.arange(120, dtype=np.float32).reshape(30, 4)
    epochs = batches(rows, 6, seed=1).reshape(2, 30, 4)
    for epoch in epochs:
        np.testing.assert_array_equal(epoch[np.argsort(epoch[:, 0])], rows)
    assert not np.array_equal(epochs[0], epochs[1])


def test_a_later_epoch_is_reached_without_the_ones_before():
    rows = np.random.default_rng(0).normal(size=(35, 4)).astype(np.float32)
    np.testing.assert_array_equal(batches(rows, 9, seed=5)[6:], batches(rows, 3, seed=5, first_epoch=2))


def test_batches_have_static_shapes():
    spec = make_dataset(np.zeros((35, 4), np.float32), 10, seed=0).element_spec
    assert [tuple(s.shape) for s in spec] == [(10, 4), (10, 4)]


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="larger"):
        make_dataset(np.zeros((5, 4), np.float32), 10, seed=0)


def test_tfds_builder_holds_the_sample(table, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    import atlas_keras.data.dark_machines_jets  # noqa: F401

    builder = tfds.builder("dark_machines_jets/sample", data_dir=tmp_path)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(verify_ssl=False))
    test = split_events(table, DataConfig(), seed=0)["test"]
    examples = sorted(builder.as_dataset(split="test").as_numpy_iterator(), key=lambda e: e["event"])
    assert len(examples) == test.n_events
    for index, name in enumerate(("E", "pt", "eta", "phi")):
        np.testing.assert_array_equal(np.concatenate([e["jets"][name] for e in examples]), test.jets[:, index])


def test_tfds_builder_of_any_collection_holds_it(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    from atlas_keras.data.event_collections import EventCollections, collection_config

    path = nano_parquet(tmp_path / "nano.parquet")
    few = EventCollections(config=collection_config(path, "Muon", features=("pt",)), data_dir=tmp_path)
    with pytest.raises(JetDataError, match="3 events are too few for three splits"):
        few.download_and_prepare()
    write_parquet(path, pa.concat_tables([pq.read_table(path)] * 4))
    config = collection_config(path, "Muon", features=("pt", "charge"), unit="MeV", seed=3)
    builder = EventCollections(config=config, data_dir=tmp_path / "data")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(verify_ssl=False))
    assert [builder.info.splits[split].num_examples for split in ("train", "validation", "test")] == [10, 1, 1]
    found = {e["event"]: e["Muon"] for s in builder.info.splits for e in tfds.as_numpy(builder.as_dataset(split=s))}
    kinds = [([9e3], [1.0]), ([8e3, 7e3], [-1.0, 1.0]), ([], [])]
    assert {event: (m["pt"].tolist(), m["charge"].tolist()) for event, m in found.items()} == {
        event: kinds[event % 3] for event in range(12)
    }
    # Another file, or another word, is another data set.
    assert collection_config(path, "Muon", features=("pt", "charge"), unit="MeV", seed=3).name == config.name
    assert collection_config(path, "Muon", features=("pt",), unit="MeV", seed=3).name != config.name
    write_parquet(path, pq.read_table(path).slice(1))
    assert collection_config(path, "Muon", features=("pt", "charge"), unit="MeV", seed=3).name != config.name


def test_tfds_builder_of_any_collection_knows_the_sample(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    import atlas_keras.data.event_collections  # noqa: F401

    builder = tfds.builder("event_collections/substructure", data_dir=tmp_path)
    assert "30 variables" in builder.info.description
    assert len(builder.info.features["Jet"].feature) > 25


def test_tfds_builder_says_what_it_is(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    import atlas_keras.data.dark_machines_jets  # noqa: F401

    info = tfds.builder("dark_machines_jets/sample", data_dir=tmp_path).info
    assert "four-momenta" in info.description
    assert "Aarrestad" in info.citation
    assert "2105.14027" in info.citation
    assert "zenodo" in info.homepage


def test_tfds_builder_refuses_another_file(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    from atlas_keras.data.dark_machines_jets.builder import KNOWN_FILE

    (tmp_path / KNOWN_FILE).write_text("0;p;1;2;3;j,1,1,0,0;\n")
    builder = tfds.builder("dark_machines_jets/channel3", data_dir=tmp_path / "data")
    with pytest.raises(ValueError, match="sha256"):
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=tmp_path))
