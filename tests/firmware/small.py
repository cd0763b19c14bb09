"""A small hardware format, whose every value takes 256 vectors, and jets for it; what looks for simulators."""

import shutil

import pytest

SMALL = """
title = "Small jet"
source = "these tests"
fields = [
    {name = "pt", bits = 8, lsb = 2.0, unit = "GeV", minimum = 20.0, bound = "relative 0.1"},
    {name = "phi", bits = 6, lsb = 0.09817477042468103, unit = "rad", signed = true, wrap = true, bound = "angle 0.3"},
    {name = "mass2", variable = "mass", square = true, bits = 7, lsb = 4.0, unit = "GeV^2", bound = "relative 0.2"},
    {name = "tag", bits = 1},
]
"""
JETS = "0;0;1;50000;1;" + "".join(
    f"j,{1.1e3 * pt * (1 + eta * eta / 2)},{1e3 * pt},{eta},{phi};"
    for pt, eta, phi in [(30, 0.1, 0.5), (45, -1.2, 3.1), (80, 2.0, -3.14), (200, 0.0, -0.7), (505, -0.4, 1.9)]
)

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
needs_yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed")


def write_small(folder):
    """Write the hardware format and a file of jets, and return their paths."""
    hardware, jets = folder / "small.toml", folder / "jets.csv"
    hardware.write_text(SMALL)
    jets.write_text(JETS + "\n")
    return hardware, jets
