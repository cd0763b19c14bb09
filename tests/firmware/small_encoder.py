"""A small hardware format of jets, and an encoder for it that nobody has trained: it begins as principal components."""

import numpy as np

from atlas_keras import build_autoencoder, load_jets

HARDWARE = """
title = "Small jet"
source = "these tests"
fields = [
    {name = "pt", bits = 10, lsb = 2.0, unit = "GeV", bound = "relative 0.1"},
    {name = "phi", bits = 6, lsb = 0.09817477042468103, unit = "rad", signed = true, wrap = true, bound = "angle 0.1"},
    {name = "eta", bits = 6, lsb = 0.1, signed = true, bound = "absolute 0.1"},
    {name = "mass2", variable = "mass", square = true, bits = 8, lsb = 64.0, unit = "GeV^2", bound = "relative 0.2"},
]
"""
SMALL = {"widths": (4,), "n_latent": 2, "latent_bits": 8, "decoder_widths": (4,)}


def jets(n=1000):
    return load_jets()[["E", "pt", "eta", "phi"]].to_numpy(np.float32)[:n]


def build_small(folder, **changes):
    """Build the encoder with its decoder; the hardware format becomes a file in the folder."""
    path = folder / "small.toml"
    path.write_text(HARDWARE)
    return build_autoencoder("trigger", jets=jets(), **{"hardware": str(path), **SMALL, **changes})
