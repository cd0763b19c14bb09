import dataclasses
import json

import pytest

from atlas_keras.config import DataConfig, RunConfig, preset_config, read_config
from atlas_keras.errors import ConfigError
from atlas_keras.models.architectures import model_config
from atlas_keras.presets import DEFAULT_PRESET, PRESETS
from atlas_keras.train import main


@pytest.mark.parametrize("preset", PRESETS)
def test_round_trip(preset):
    config = preset_config(preset)
    config = RunConfig(
        DataConfig(paths=("a.csv",), unit="GeV"),
        dataclasses.replace(config.model, widths=(8, 8)),
        dataclasses.replace(config.training, learning_rate="auto", seed=7),
    )
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def parts(config):
    """Return every part of a configuration that has one key, by section and key."""
    for section, values in config.to_dict().items():
        for key, value in values.items():
            yield section, key, {section: {key: value}}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_part_of_a_preset_is_that_preset(preset):
    """Whatever is left out of a configuration that names its preset comes from that preset."""
    whole = preset_config(preset)
    for section, key, part in parts(whole):
        named = {**part, "model": {"preset": preset, **part.get("model", {})}}
        assert RunConfig.from_dict(named) == whole, (section, key)


@pytest.mark.parametrize("preset", [*PRESETS, None])
def test_what_a_part_says_is_all_that_it_changes(preset, tmp_path):
    start = preset_config(preset or DEFAULT_PRESET)
    model = {"activation": "relu"} | ({"preset": preset} if preset else {})
    (tmp_path / "part.json").write_text(
        json.dumps({"model": model, "training": {"epochs": 3}, "data": {"unit": "GeV"}})
    )
    assert read_config(tmp_path / "part.json") == RunConfig(
        dataclasses.replace(start.data, unit="GeV"),
        dataclasses.replace(start.model, activation="relu"),
        dataclasses.replace(start.training, epochs=3),
    )


@pytest.mark.parametrize("values", [{}, {"training": {}}, {"model": {}}, {"data": {}}])
def test_nothing_said_is_the_default_preset(values):
    assert RunConfig.from_dict(values) == preset_config(DEFAULT_PRESET)


@pytest.mark.parametrize("preset", PRESETS)
def test_no_field_has_a_default_of_its_own_that_a_preset_decides(preset):
    """Two places for one value would be one too many."""
    for section, part in (("model", preset_config(preset).model), ("training", preset_config(preset).training)):
        missing = dataclasses.MISSING
        own = [field for field in dataclasses.fields(part) if field.default_factory is missing]
        required = {field.name for field in own if field.default is missing}
        assert required - {"preset"} == set(PRESETS[preset][section])


def test_a_section_alone_has_to_be_whole():
    with pytest.raises(ConfigError, match=r"'model.architecture' is missing"):
        model_config({"preset": "folded"}, "model.")
    with pytest.raises(ConfigError, match=r"'model.widths' is missing"):
        model_config({"preset": "folded", "architecture": "folded"}, "model.")


def test_another_architecture_keeps_what_both_have():
    """A file that names an architecture says what the preset's does not have, and gets the rest from the preset."""
    with pytest.raises(ConfigError, match=r"'model.latent_activation' is missing"):
        RunConfig.from_dict({"model": {"architecture": "published"}})
    own = {"latent_activation": "tanh", "standardization": "min-max"}
    model = RunConfig.from_dict({"model": {"architecture": "published", **own}}).model
    kept = {"preset": DEFAULT_PRESET, "widths": [16], "n_latent": 3, "activation": "tanh"}
    assert model.to_dict() == {**kept, "architecture": "published", **own}
    with pytest.raises(ConfigError, match=r"Unknown configuration key 'model\.phi_bits'"):
        RunConfig.from_dict({"model": {"preset": "kinematic", "phi_bits": 14}})


def test_the_preset_of_the_command_line_is_the_start_of_a_file_without_one(tmp_path):
    (tmp_path / "part.json").write_text(json.dumps({"training": {"epochs": 3}}))
    config = read_config(tmp_path / "part.json", "kinematic")
    assert config.model == preset_config("kinematic").model
    assert config.training == dataclasses.replace(preset_config("kinematic").training, epochs=3)


def test_another_preset_than_that_of_the_file_is_refused(tmp_path, capsys):
    (tmp_path / "part.json").write_text(json.dumps({"model": {"preset": "published"}}))
    assert read_config(tmp_path / "part.json", "kinematic") == preset_config("published")
    out = tmp_path / "run"
    assert main(["--config", str(tmp_path / "part.json"), "--preset", "kinematic", "--out", str(out)]) == 2
    assert "--preset kinematic contradicts" in capsys.readouterr().err
    assert not out.exists()


def test_unknown_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"'training.epoch'; did you mean 'epochs'"):
        RunConfig.from_dict({"training": {"epoch": 3}})


@pytest.mark.parametrize(
    "values",
    [
        {"training": {"epochs": "3"}},
        {"training": {"epochs": True}},
        {"training": {"epochs": 0}},
        {"training": 3},
        {"data": {"unit": "TeV"}},
        {"data": {"test_fraction": 0.95}},
        {"model": {"widths": [0]}},
        {"model": {"n_latent": 2}},
        {"model": {"preset": "kinematic", "n_latent": 5}},
        {"model": {"architecture": "foldet"}},
        {"model": {"architecture": ["folded"]}},
        {"model": 3},
        {"model": {"preset": 3}},
        {"model": {"preset": "publishd"}},
        [],
    ],
)
def test_refuses(values):
    with pytest.raises(ConfigError):
        RunConfig.from_dict(values)


def test_missing_and_broken_files_are_named(tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for path in (broken, tmp_path / "absent.json"):
        with pytest.raises(ConfigError, match=path.name):
            read_config(path)
