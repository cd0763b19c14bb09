import pytest

from atlas_keras.config import DataConfig, ModelConfig, RunConfig, TrainingConfig, read_config
from atlas_keras.errors import ConfigError


def test_round_trip():
    config = RunConfig(
        DataConfig(paths=("a.csv",), unit="GeV"), ModelConfig(widths=(8, 8)), TrainingConfig(learning_rate=None, seed=7)
    )
    assert RunConfig.from_dict(config.to_dict()) == config


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
        {"model": {"n_latent": 5}},
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
