"""The architecture of any columns: what it chooses from the training split, and what it starts from."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from atlas_keras import build_autoencoder, load_jets
from atlas_keras.config import RunConfig, preset_config
from atlas_keras.data.look import choose_collection
from atlas_keras.data.readers import find_files
from atlas_keras.errors import ConfigError
from atlas_keras.layers import ColumnTransforms
from atlas_keras.layers.standardization import deviations
from atlas_keras.models.architectures import model_config
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.column_choices import choose_transform, choose_weight, find_fillers, place
from atlas_keras.models.columns import resolve_columns
from atlas_keras.models.prediction import predict
from atlas_keras.models.residual_map import principal_components
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.schema import Bound, Collection, Column
from atlas_keras.training.fit import fit
from tests.rounding import exact_and_spread

rng = np.random.default_rng(3)
N = 4000
NORMAL = rng.normal(size=N)
WITH_FILLER = np.where(rng.random(N) < 0.1, -1.0, rng.beta(1, 4, N))


@pytest.fixture(scope="module")
def sample():
    (path,) = find_files("sample:substructure")
    collection = choose_collection(path, "Jet", ["*"])
    return load_jets(path, "GeV", collection=collection)[list(collection.names)].to_numpy(np.float32), collection


@pytest.mark.parametrize(
    ("column", "values", "transform"),
    [
        (Column("pt", "energy"), np.exp(NORMAL), "log"),
        (Column("E", "energy"), 50 + NORMAL, "log"),
        (Column("eta", "eta"), NORMAL, "identity"),
        (Column("phi", "angle"), NORMAL, "angle"),
        (Column("chHEF", "fraction"), rng.beta(2, 3, N), "identity"),
        (Column("mass", "mass"), np.exp(2 * NORMAL), "log"),
        (Column("mass", "mass"), np.exp(2 * NORMAL) - 0.01, "signed_log"),
        (Column("width", "other"), NORMAL, "identity"),
        (Column("dxy", "other"), rng.standard_cauchy(N), "signed_log"),
        (Column("nTracks", "count", dtype="int32"), rng.poisson(9, N), "identity"),
        (Column("constant", "other"), np.ones(N), "identity"),
        (Column("nothing", "other"), np.empty(0), "identity"),
    ],
)
def test_the_transform_of_a_column_follows_from_its_values(column, values, transform):
    assert choose_transform(column, values.astype(np.float32)) == transform


@pytest.mark.parametrize(
    ("column", "values", "fillers"),
    [
        (Column("btag", "score"), WITH_FILLER, (-1.0,)),
        (Column("svMass", "mass"), np.where(NORMAL > 1, -999, np.abs(NORMAL)), (-999.0,)),
        (Column("both", "other"), np.select([NORMAL > 1, NORMAL < -1], [-999, 999], NORMAL), (-999.0, 999.0)),
        (Column("chHEF", "fraction"), np.where(NORMAL > 1, 0, rng.beta(2, 3, N)), ()),  # a spike among its neighbors
        (Column("width", "other"), NORMAL, ()),
        (Column("outlier", "other"), np.where(np.arange(N) == 7, 1e6, NORMAL), ()),  # far away, and only once
        (Column("nTracks", "count", dtype="int32"), np.arange(N) % 60, ()),
        (Column("nTracks", "count", dtype="int32"), np.where(NORMAL > 1, -999, np.arange(N) % 60), (-999.0,)),
        (Column("jetId", "id", dtype="int32"), np.where(NORMAL > 1, -999, np.arange(N)), ()),
    ],
)
def test_fillers_are_values_that_repeat_far_from_all_others(column, values, fillers):
    assert find_fillers(column, values.astype(np.float32)) == fillers


def test_an_error_counts_by_the_bound_of_its_column():
    """A tenth of the bound makes every error count ten times as much, whatever the transform."""
    values = np.exp(NORMAL).astype(np.float32)
    for kind in ("relative", "absolute"):
        columns = [Column("pt", "energy", bound=Bound(kind, size)) for size in (1e-2, 1e-3)]
        for transform in ("log", "identity", "signed_log"):
            loose, tight = (choose_weight(column, values, transform, ()) for column in columns)
            assert tight == pytest.approx(10 * loose)


@pytest.mark.parametrize("part", [1e-4, 0.1, 10])
@pytest.mark.parametrize(
    ("column", "transform", "middle"),
    [
        (Column("pt", "energy"), "log", 50.0),
        (Column("length", "other"), "identity", -1e-9),
        (Column("length", "other"), "signed_log", 3e6),
        (Column("eta", "eta"), "identity", 0.7),
        (Column("nTracks", "count", dtype="int32"), "identity", 9.0),
    ],
)
def test_values_that_hardly_differ_spread_by_their_bound(column, transform, middle, part):
    """A value that is off by the bound is one deviation away at most; a filler keeps its distance."""
    bound = column.usual_bound.size or 0.5
    step = bound * abs(middle) if column.usual_bound.kind == "relative" else bound
    values = (middle + part * step * NORMAL).astype(np.float32)
    placed = place(column, np.append(values, [-999.0]), transform, (-999.0,))
    spread, inside = float(deviations(placed.transformed[:-1], placed.least)), np.median(placed.transformed[:-1])
    moved = ColumnTransforms([transform], [placed.scale])(np.float32([[middle + step]]))
    assert abs(float(moved[0, 0]) - inside) < 1.02 * spread
    assert choose_weight(column, values, transform, ()) == pytest.approx(max(1, part * NORMAL.std()), rel=0.05)
    assert inside - placed.transformed[-1] > 1.9 * placed.least


def test_the_configuration_of_a_run_says_everything_and_can_be_changed(sample):
    jets, collection = sample
    config = preset_config("columns").model
    rows = TrainingRows.of(jets)
    resolved = resolve_columns(config, rows, collection)
    for part in (resolved.transforms, resolved.fillers, resolved.weights):
        assert list(part) == list(collection.names)
    assert resolved.fillers["btag"] == (-1.0,)
    assert resolve_columns(resolved, TrainingRows.of(jets[:100]), collection) == resolved  # nothing is chosen again
    assert model_config(resolved.to_dict()) == resolved
    changed = resolve_columns(replace(config, transforms={"girth": "log"}, weights={"pt": 5.0}), rows, collection)
    assert (changed.transforms["girth"], changed.weights["pt"]) == ("log", 5.0)
    assert {**changed.transforms, "girth": "identity"} == resolved.transforms


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transforms": {"girt": "log"}}, "no column 'girt'; did you mean 'girth'"),
        ({"fillers": {"girt": (0.0,)}}, "no column 'girt'"),
        ({"weights": {"girt": 1.0}}, "no column 'girt'"),
    ],
)
def test_columns_that_there_are_not_are_refused(sample, changes, message):
    with pytest.raises(ConfigError, match=message):
        resolve_columns(replace(preset_config("columns").model, **changes), TrainingRows.of(sample[0]), sample[1])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"transforms": {"pt": "logs"}}, "model.transforms.pt: did you mean 'log'"),
        ({"weights": {"pt": 0.0}}, "model.weights.pt"),
        ({"transforms": ["log"]}, "model.transforms"),
    ],
)
def test_a_bad_configuration_is_refused(model, message):
    with pytest.raises(ConfigError, match=message):
        RunConfig.from_dict({"model": {"preset": "columns", **model}})


def test_as_many_latents_as_columns_lose_nothing(sample):
    """Before any training, too: the linear maps are each other's inverse."""
    jets, collection = sample
    jets = jets[:300]
    model = build_autoencoder("columns", jets=jets, collection=collection, unit="GeV", n_latent=len(collection))
    exact, _ = exact_and_spread(model, jets)
    is_filler = jets[:, collection.index("btag")] == -1
    assert is_filler.any()
    np.testing.assert_array_equal(exact[is_filler, collection.index("btag")], -1)
    # Kernels of both maps are rounded to float32: 31 terms of some 10 standard deviations, and phi beside pi wraps.
    setup = set_up_training(replace(preset_config("columns").model, n_latent=len(collection)), jets, collection, "GeV")
    rows = predict(setup.normalize, jets)
    np.testing.assert_allclose(predict(setup.trained, rows), rows, atol=2e-4)


def test_it_starts_from_principal_components_and_training_improves_on_them(sample):
    jets, collection = sample
    keras.utils.set_random_seed(0)
    config = preset_config("columns")
    train, test = jets[: len(jets) // 2], jets[len(jets) // 2 :]
    setup = set_up_training(replace(config.model, n_latent=12), train, collection, "GeV")
    rows = [predict(setup.normalize, part) for part in (train, test)]
    weights = np.asarray(setup.loss.weights)
    weighted = np.float64(rows[0]) * weights
    _, _, axes = np.linalg.svd(weighted, full_matrices=False)
    expected = weighted @ axes[:12].T @ axes[:12] / weights
    start = predict(setup.trained, rows[0])
    np.testing.assert_allclose(start, expected, atol=1e-3)

    def error(of):
        return float(np.mean(((predict(setup.trained, of) - of) * weights) ** 2))

    before = error(rows[1])
    short = replace(config.training, epochs=20)
    fit(setup, rows[0], rows[1], short, learning_rate=short.learning_rate)
    assert error(rows[1]) < 0.8 * before


def test_a_column_that_is_constant_or_a_filler_throughout_comes_back():
    columns = Collection("objects", (Column("pt", "energy"), Column("one", "other"), Column("void", "score")))
    jets = np.column_stack([np.exp(NORMAL), np.full(N, 7.0), np.full(N, -1.0)]).astype(np.float32)
    model = build_autoencoder("columns", jets=jets, collection=columns, unit="GeV", n_latent=1)
    np.testing.assert_allclose(predict(model, jets), jets, rtol=1e-4)


def test_one_value_like_none_before_does_not_spoil_its_row():
    """Such as what an experiment's program has written from memory that nobody had set."""
    names = ("a", "b", "c", "d")
    mixed = rng.normal(size=(N, 2)) @ rng.normal(size=(2, 4)) + 0.1 * rng.normal(size=(N, 4))
    jets = np.column_stack([mixed, np.full(N, 3.0)]).astype(np.float32)
    columns = Collection("objects", tuple(Column(name, "other") for name in (*names, "e")))
    setup = set_up_training(replace(preset_config("columns").model, n_latent=2), jets, columns, "GeV")
    bad = jets[:5].copy()
    bad[np.arange(5), np.arange(5)] = [1e25, -1e30, 1e10, np.inf, 1e7]
    assert np.abs(predict(setup.normalize, bad)).max() < 30
    assert np.abs(predict(setup.autoencoder, bad)[:, :4]).max() < 10 * np.abs(jets).max()
    np.testing.assert_array_equal(predict(setup.normalize, jets[:9]) != 0, [[True] * 4 + [False]] * 9)
    assert np.isnan(predict(setup.normalize, np.full((1, 5), np.nan, np.float32))).all()


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_a_column_that_is_mostly_zero_does_not_outweigh_all_others(unit):
    """Whatever the unit: an energy in muons, which few jets have, counts as that in all particles does."""
    energy = unit * np.exp(NORMAL)
    few = np.where(np.arange(N) % 10 == 0, energy, 0)
    all_of_it, some = (
        choose_weight(Column("E", "mass"), values.astype(np.float32), "identity", ()) for values in (energy, few)
    )
    assert 0.1 * all_of_it < some < 10 * all_of_it


def test_fewer_jets_than_components_are_enough():
    z, weights = rng.normal(size=(4, 9)).astype(np.float32), np.ones(9, np.float32)
    down, up = principal_components(z, weights, 6)
    assert (down.shape, up.shape) == ((9, 6), (6, 9))
    np.testing.assert_allclose(z @ down @ up, z, atol=1e-5)
