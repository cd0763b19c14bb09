"""A fingerprint tells models apart, and nothing else."""

import keras
import numpy as np
import pytest

from atlas_keras import build_autoencoder, load_autoencoder, load_jets
from atlas_keras.models.fingerprint import fingerprint
from tests.architectures import OF_FLOATS

JETS = load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:2000]


def build(preset, **changes):
    keras.utils.set_random_seed(1)
    return build_autoencoder(preset, jets=JETS, **changes)


@pytest.mark.parametrize("preset", OF_FLOATS)
def test_saving_loading_and_building_again_change_nothing(preset, tmp_path):
    model = build(preset)
    model.save(tmp_path / "model.keras")
    assert fingerprint(model) == fingerprint(build(preset)) == fingerprint(load_autoencoder(tmp_path / "model.keras"))


@pytest.mark.parametrize("preset", OF_FLOATS)
def test_every_weight_and_constant_counts(preset):
    model = build(preset)
    seen = {fingerprint(model), fingerprint(build(preset, activation="relu"))}
    seen.add(fingerprint(build(preset, unit="GeV")))
    for weight in model.weights:
        value = keras.ops.convert_to_numpy(weight)
        weight.assign(np.nextafter(value, np.inf))
        seen.add(fingerprint(model))
        weight.assign(value)
    assert len(seen) == 3 + len(model.weights)


def test_constants_of_the_preprocessing_count():
    keras.utils.set_random_seed(1)
    other = build_autoencoder("folded", jets=JETS * np.float32([1.5, 1.5, 1, 1]))
    assert fingerprint(other) != fingerprint(build("folded"))


def model_of(wire, n_inputs=1, n_columns=2):
    """Build a functional model from a function of its inputs."""
    inputs = [keras.Input((n_columns,)) for _ in range(n_inputs)]
    return keras.Model(inputs, wire(*inputs))


def dense(value, name=None):
    """Build a layer whose weights all have this value."""
    return keras.layers.Dense(
        2, activation="tanh", name=name, kernel_initializer=keras.initializers.Constant(value), bias_initializer="ones"
    )


ADD, JOIN = keras.layers.Add, keras.layers.Concatenate


def _fork_first(x):
    a, b, c = dense(1), dense(2), dense(3)
    return ADD()([c(b(a(x))), x])


def _fork_second(x):
    a, b, c = dense(1), dense(2), dense(3)
    y = a(x)
    return ADD()([c(b(y)), y])


def _fork_third(x):
    a, b, c = dense(1), dense(2), dense(3)
    y = b(a(x))
    return ADD()([c(y), y])


TOPOLOGIES = {  # the same layers with the same weights, another function
    "fork at the input": model_of(_fork_first),
    "fork after one": model_of(_fork_second),
    "fork after two": model_of(_fork_third),
    "another order": model_of(lambda x: ADD()([dense(3)(dense(1)(dense(2)(x))), x])),
    "sum of twice the same": model_of(lambda x: ADD()([y := dense(3)(dense(2)(dense(1)(x))), y])),
    "outputs swapped": model_of(lambda x: [(y := dense(1)(x)), dense(2)(y)]),
    "outputs": model_of(lambda x: [dense(2)(y := dense(1)(x)), y]),
    "inputs": model_of(lambda x, y: JOIN()([dense(1)(x), y]), 2),
    "inputs swapped": model_of(lambda x, y: JOIN()([dense(1)(y), x]), 2),
    "parts swapped": model_of(lambda x, y: JOIN()([y, dense(1)(x)]), 2),
    "columns": model_of(lambda x: dense(1)(x[:, :2]), n_columns=4),
    "other columns": model_of(lambda x: dense(1)(x[:, 1:3]), n_columns=4),
    "axis": model_of(lambda x, y: JOIN(axis=0)([x, y]), 2),
    "other axis": model_of(lambda x, y: JOIN(axis=1)([x, y]), 2),
}


def test_the_topology_counts():
    found = {name: fingerprint(model) for name, model in TOPOLOGIES.items()}
    assert len(set(found.values())) == len(TOPOLOGIES)


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_topologies_survive_saving_renaming_and_nesting(name, tmp_path):
    model = TOPOLOGIES[name]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    inputs = [keras.Input(tensor.shape[1:]) for tensor in model.inputs]
    nested = keras.Model(inputs, model(inputs if len(inputs) > 1 else inputs[0]), name="another_name")
    assert fingerprint(model) == fingerprint(loaded) == fingerprint(nested)


def test_names_and_the_order_in_which_branches_are_made_do_not_count():
    def one(x):
        return ADD()([dense(1)(x), dense(2)(x)])

    def other(x):
        second = dense(2, "zzz")(x)
        return ADD(name="aaa")([dense(1, "mmm")(x), second])

    assert fingerprint(model_of(one)) == fingerprint(model_of(other))


def test_an_argument_without_a_description_is_refused():
    model = model_of(lambda x: x + keras.ops.convert_to_tensor(np.ones(2, np.float32)))
    with pytest.raises(ValueError, match="without a description"):
        fingerprint(model)
