"""Shared fixtures: the real data files, where they are at hand, and helpers that write small files."""

import os
from pathlib import Path

import pytest

# As the commands have it: TensorFlow's notes about CPUs and GPUs would stand among what the commands say.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL_DATA = Path(os.environ.get("ATLAS_KERAS_DATA", BESIDE))


@pytest.fixture(scope="session")
def real_file():
    """Give the path of a real data file, or skip: a fresh machine does not have them."""

    def find(name: str) -> Path:
        path = REAL_DATA / name
        if not path.exists():
            pytest.skip(f"the real data file {name} is not at hand")
        return path

    return find


@pytest.fixture(scope="session")
def densities():
    """Learn the densities of the shipped sample's training split, as a run does."""
    from atlas_keras.config import DataConfig
    from atlas_keras.data.reading import read_events
    from atlas_keras.data.splitting import split_of_events
    from atlas_keras.density.learning import collect_events, learn_densities

    return learn_densities(collect_events(read_events(), split_of_events(4097, DataConfig(), 0) == 0))


@pytest.fixture(scope="session")
def run_folder(densities, tmp_path_factory):
    """Give a folder that holds what compress needs of a run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    (folder / "density.npz").write_bytes(densities.to_bytes())
    return folder
