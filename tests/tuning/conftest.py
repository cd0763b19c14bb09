"""A small file of jets: some 2,000 of the shipped sample."""

import gzip
from importlib.resources import files

import pytest


@pytest.fixture(scope="session")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("jets") / "small.csv"
    with gzip.open(str(files("atlas_keras") / "data" / "sample" / "qcd_jets.csv.gz"), "rt") as stream:
        path.write_text("".join(line for _, line in zip(range(400), stream, strict=False)))
    return path
