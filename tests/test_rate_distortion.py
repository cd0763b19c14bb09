"""The measured sizes in docs/rate_distortion.json keep the limits that the file format was designed for."""

import json
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
FILES = json.loads((DOCS / "rate_distortion.json").read_text())["files"]
REFERENCE = "monojet_Zp2000.0_DM_50.0_chan3.csv"
LIMITS = {  # bits per jet
    "ours, parquet, zstd-19": {"1e-2": 30, "1e-3": 41.5, "1e-4": 55},
    "ours, entropy": {"1e-2": 25.5, "1e-3": 37, "1e-4": 50, "1e-3,mass=1e-2": 41},
}
BOUNDS = ("1e-2", "1e-3", "1e-4")


def reference():
    return next(file for file in FILES if file["file"] == REFERENCE)


def bits(file):
    return {(result["method"], result["bound"]): result["bits"] for result in file["results"]}


@pytest.mark.parametrize(
    ("method", "bound", "limit"), [(method, b, n) for method, limits in LIMITS.items() for b, n in limits.items()]
)
def test_files_are_as_small_as_promised(method, bound, limit):
    assert reference()["n_jets"] == 22_661
    assert bits(reference())[method, bound] <= limit


@pytest.mark.parametrize("bound", BOUNDS)
def test_entropy_coding_is_smallest_and_parquet_smaller_than_all_peers(bound):
    for file in FILES:
        found = bits(file)
        peers = [size for (method, b), size in found.items() if b == bound and not method.startswith("ours")]
        assert len(peers) == 6
        assert found["ours, entropy", bound] < found["ours, parquet, zstd-19", bound] < min(peers)


def test_no_method_exceeds_the_bound():
    for file in FILES:
        for result in file["results"]:
            if result["bound"] != "lossless":
                bound = float(result["bound"].partition(",")[0])
                assert all(result["errors"][name]["max_abs"] <= bound for name in ("E", "pt", "eta", "phi"))


def test_side_information_of_a_small_file_is_below_two_bits():
    few = next(few for few in reference()["few_jets"] if few["n_jets"] > 1900)
    assert few["ours, entropy: container"] < 2


def test_the_page_shows_the_measured_sizes():
    page = (DOCS / "rate_distortion.md").read_text()
    for method, limits in LIMITS.items():
        found = [f"{bits(reference())[method, bound]:.2f}" for bound in limits if bound in BOUNDS]
        assert f"| {method} | {' | '.join(found)} |" in page
