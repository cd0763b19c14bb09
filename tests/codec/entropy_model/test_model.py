"""EntropyModel: what they learn, how they are stored, and what a hostile file cannot do."""

import io

import numpy as np
import pytest

from atlas_keras.codec.entropy_model.context import MissingMomentum, count_features
from atlas_keras.codec.entropy_model.fitting import EventTable, Observations, collect_events, fit_entropy_model
from atlas_keras.codec.entropy_model.model import VARIABLES, EntropyModel, quantile_edges
from atlas_keras.codec.entropy_model.tree import TOTAL
from atlas_keras.config import DataConfig
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import split_of_events
from atlas_keras.errors import RunError


def bits(histogram, values, features):
    """Compute the mean bits of values under a histogram, per unit of the variable."""
    bins = np.clip(np.searchsorted(histogram.edges, values, side="right") - 1, 0, len(histogram.edges) - 2)
    total = 0.0
    for leaf, rows in histogram.tree.partition(features):
        total -= np.log2(histogram.tree.counts[leaf, bins[rows]] / TOTAL / np.diff(histogram.edges)[bins[rows]]).sum()
    return total / len(values)


def test_contexts_save_bits_on_events_that_were_not_seen(entropy_model):
    test = collect_events(read_events(), split_of_events(4097, DataConfig(), 0) == 2)
    seen = Observations.of(test, test.missing)
    saved = {}
    for name in ("pt", "eta", "phi", "rho"):
        histogram, x = getattr(entropy_model, name), seen.values[name]
        edges = histogram.edges
        marginal = np.histogram(x, edges)[0] / len(x)
        entropy = -np.sum(marginal[marginal > 0] * np.log2((marginal / np.diff(edges))[marginal > 0]))
        if name == "phi":
            entropy = np.log2(2 * np.pi)
        saved[name] = entropy - bits(histogram, x, seen.features[name])
    assert saved["pt"] > 1
    assert saved["phi"] > 0.7  # a jet recoils against the rest
    assert saved["rho"] > 0.3
    assert saved["eta"] > -0.02  # it has next to no context
    without = Observations.of(test, MissingMomentum.none(len(test.n_jets)))
    assert bits(entropy_model.phi, without.values["phi"], without.features["phi"]) < np.log2(2 * np.pi)


def test_the_number_of_jets_has_a_density(entropy_model):
    test = collect_events(read_events(), split_of_events(4097, DataConfig(), 0) == 2)
    assert bits(entropy_model.n_jets, test.n_jets.astype(float), count_features(test.missing)) < 3


def test_storing_changes_nothing_and_the_fingerprint_tells_all_apart(entropy_model):
    again = EntropyModel.from_bytes(entropy_model.to_bytes(), "here")
    assert again.fingerprint == entropy_model.fingerprint
    seen = {entropy_model.fingerprint}
    for array in (again.pt.edges, again.phi.tree.counts, again.eta.tree.threshold, again.excess_edges):
        array.setflags(write=True)
        array.flat[1] += 1
        seen.add(again.fingerprint)
    assert len(seen) == 5


def test_a_damaged_or_foreign_file_is_told(entropy_model, tmp_path):
    content = entropy_model.to_bytes()
    for broken in (b"", b"PK", content[:1000], content[:-200], b"\x93NUMPY" + content):
        with pytest.raises(RunError, match="here: a damaged entropy model"):
            EntropyModel.from_bytes(broken, "here")
    with pytest.raises(RunError, match=r"entropy_model.npz: no such file; give a run folder"):
        EntropyModel.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pt.child", lambda a: np.where(np.arange(len(a)) == 0, 0, a).astype(a.dtype)),  # a tree without an end
        ("pt.child", lambda a: np.where(a == a.max(), 999, a).astype(a.dtype)),
        ("pt.feature", lambda a: np.where(a >= 0, 7, a).astype(a.dtype)),
        ("eta.counts", lambda a: a * 2),
        ("eta.counts", lambda a: a[:, :-1]),
        ("phi.edges", lambda a: a[::-1]),
        ("rho.edges", lambda a: np.where(a > 0, np.nan, a)),
        ("excess_edges", lambda a: a[:-1]),
        ("n_jets.threshold", lambda a: a.astype(np.int64)),
        ("version", lambda a: a + 1),
    ],
)
def test_a_hostile_file_is_refused(entropy_model, name, change):
    arrays = entropy_model.arrays()
    arrays[name] = change(arrays[name])
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    with pytest.raises(RunError, match="here"):
        EntropyModel.from_bytes(stream.getvalue(), "here")


def test_cumulative_is_a_distribution_function(entropy_model):
    for name in VARIABLES:
        histogram = getattr(entropy_model, name)
        x = np.concatenate([[-1e9], np.sort(np.random.default_rng(0).uniform(*histogram.edges[[0, -1]], 500)), [1e9]])
        values = histogram.cumulative(x)
        assert np.all(np.diff(values, axis=1) >= 0)
        assert np.all(values[:, 0] == 0)
        assert np.all(values[:, -1] == TOTAL)


@pytest.mark.parametrize("data", [np.full(10, 3.0), np.array([1.0, 2.0]), np.linspace(-20, 20, 99)])
def test_edges_cover_the_data_and_ascend(data):
    edges = quantile_edges(data, 32, np.arange(-5.0, 6.0))
    assert np.all(np.diff(edges) > 0)
    assert edges[0] < data.min()
    assert edges[-1] > data.max()


def test_a_single_jet_is_enough_to_learn_from():
    events = EventTable(np.array([1]), np.array([[2e5, 1e5, 1.0, 0.5]]), MissingMomentum.none(1))
    assert len(fit_entropy_model(events).fingerprint) == 32
