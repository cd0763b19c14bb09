"""Truncation beside a packer: as many bits, shared as well as they can be; and what it needs for the same bounds."""

import itertools

import numpy as np
import pytest

from atlas_keras.firmware.comparison import compare, share
from atlas_keras.firmware.hardware_format import Hardware
from atlas_keras.firmware.packer import Packer
from atlas_keras.firmware.steps import Steps
from atlas_keras.schema_files import from_toml
from tests.firmware.small import SMALL


@pytest.fixture(scope="module")
def packer():
    return Packer.plan(from_toml(SMALL, Hardware))


@pytest.fixture(scope="module")
def jets():
    rng = np.random.default_rng(2)
    columns = [
        rng.integers(10, 256, 500),
        rng.integers(-32, 32, 500),
        rng.integers(0, 128, 500),
        rng.integers(0, 2, 500),
    ]
    return np.stack(columns, axis=1)


def worst(packer, codes, jets):
    """Compute the worst of the mean errors, measured in bounds, by formulas that stand here."""
    (pt, phi, m2, tag), (pt_code, phi_code, m2_code, tag_code) = jets.T, codes
    assert (tag_code.decode(tag_code.encode(tag)) == tag).all()
    of_phi = abs(phi_code.decode(phi_code.encode(phi + 32)) - 32 - phi) * packer.hardware.fields[1].lsb
    of_mass = abs(np.sqrt(m2_code.decode(m2_code.encode(m2[m2 > 0])) / m2[m2 > 0]) - 1)
    return max(
        (abs(pt_code.decode(pt_code.encode(pt)) / pt - 1)).mean() / 0.1, of_phi.mean() / 0.3, of_mass.mean() / 0.2
    )


def test_no_sharing_is_better(packer, jets):
    found = worst(packer, share(packer.hardware.fields, packer.word_bits, jets), jets)
    for dropped in itertools.product(range(8), range(6), range(7)):
        if sum(dropped) == packer.hardware.bits - packer.word_bits:
            codes = [Steps(f.bits, 1 << n) for f, n in zip(packer.hardware.fields, (*dropped, 0), strict=True)]
            assert worst(packer, codes, jets) >= found - 1e-12


def test_the_packer_is_better_at_equal_bits(packer, jets):
    comparison = compare(packer, jets)
    assert sum(comparison.truncation.field_bits.values()) == comparison.truncation.bits == packer.word_bits
    assert comparison.packer.max["pt"] <= 0.1
    assert comparison.truncation.max["mass"] > comparison.packer.max["mass"]
    assert comparison.truncation_bits > packer.word_bits
    assert comparison.packer.mean["tag"] == comparison.truncation.mean["tag"] == 0
