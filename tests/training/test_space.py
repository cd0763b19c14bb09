"""Spaces: JSON round trip, what values make of a configuration, what is refused."""

import json

import pytest

from atlas_keras.config import preset_config
from atlas_keras.errors import ConfigError
from atlas_keras.presets import PRESETS
from atlas_keras.training.space import (
    Choices,
    Range,
    Space,
    check_space,
    configure,
    default_space,
    read_space,
    start_values,
)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_default_space_is_legal_round_trips_and_holds_the_preset(preset):
    config = preset_config(preset)
    space = default_space(config)
    assert Space.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    check_space(space, config)
    start = start_values(config, space)
    assert configure(config, start) == config
    for name, dimension in space.dimensions.items():
        if isinstance(dimension, Choices):
            assert start[name] in dimension.values
        else:
            assert dimension.low <= start[name] <= dimension.high


@pytest.mark.parametrize(
    ("values", "widths"),
    [
        ({}, (200, 200, 20)),
        ({"width": 50}, (50, 50, 5)),
        ({"depth": 1}, (20,)),
        ({"depth": 5}, (200, 200, 200, 200, 20)),
        ({"width": 1, "depth": 2}, (1, 1)),
    ],
)
def test_width_and_depth_make_the_hidden_layers(values, widths):
    assert configure(preset_config("published"), values).model.widths == widths


def test_a_grid_takes_both_bounds_and_whole_numbers():
    assert Range(1e-3, 1e-1, "log", points=3).gridded() == Choices((0.001, 0.01, 0.1))
    assert Range(8, 10, points=9).gridded() == Choices((8, 9, 10))
    space = Space({"learning_rate": Range(1e-3, 1e-1), "width": Choices((8, 16))})
    assert space.size == float("inf")
    assert space.gridded().size == 10


@pytest.mark.parametrize(
    ("preset", "space", "message"),
    [
        ("folded", {"widht": {"values": [8]}}, "did you mean 'width'"),
        ("folded", {"n_latent": {"values": [2]}}, "n_latent is 3"),
        ("kinematic", {"rho_bins": {"values": [8]}}, "no hyperparameter 'rho_bins'"),
        ("kinematic", {"n_latent": {"values": [2, 5]}}, "n_latent is 1 to 4"),
        ("kinematic", {"width": {"values": [8.5]}}, "width is a whole number"),
        ("kinematic", {"depth": {"low": 0, "high": 2}}, "depth is a whole number"),
        ("kinematic", {"learning_rate": {"low": 0.1, "high": 0.01}}, "low below high"),
        ("kinematic", {"learning_rate": {"low": 0, "high": 0.01, "scale": "log"}}, "low > 0"),
        ("kinematic", {"learning_rate": {"low": 1, "high": 2, "step": 1}}, "'learning_rate'.*Received"),
        ("kinematic", {"activation": {"values": ["tanh", 3]}}, "different strings"),
        ("kinematic", {"width": {"values": [8, 8]}}, "different numbers"),
        ("kinematic", {"batch_size": {"values": ["large"]}}, "batch_size"),
        ("kinematic", [], "object of hyperparameters"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_a_sentence(preset, space, message):
    with pytest.raises(ConfigError, match=message):
        check_space(Space.from_dict(space), preset_config(preset))


def test_a_file_that_is_no_space_is_named(tmp_path):
    (tmp_path / "space.json").write_text('{"width": ')
    for name in ("space.json", "nowhere.json"):
        with pytest.raises(ConfigError, match=name):
            read_space(tmp_path / name)
