"""Shared fixtures: the real data files, where they are at hand, and helpers that write small files."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL_DATA = Path(os.environ.get("ATLAS_KERAS_DATA", BESIDE))


@pytest.fixture
def real_file():
    """Give the path of a real data file, or skip: a fresh machine does not have them."""

    def find(name: str) -> Path:
        path = REAL_DATA / name
        if not path.exists():
            pytest.skip(f"the real data file {name} is not at hand")
        return path

    return find
