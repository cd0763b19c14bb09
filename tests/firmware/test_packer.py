"""The golden model: bits, proofs, words and back; and a decoder that knows nothing but decoder.json."""

import json
import math
from functools import cache

import numpy as np
import pytest

from atlas_keras import Packer, load_jets
from atlas_keras.errors import ConfigError, ExportError
from atlas_keras.firmware.hardware_format import Field, Hardware, read_hardware
from atlas_keras.firmware.minifloat import Minifloat
from atlas_keras.firmware.planning import choose, prove, truncated
from atlas_keras.firmware.steps import Steps
from atlas_keras.firmware.variables import to_hardware
from atlas_keras.schema import Bound

BOUNDS = {"1e-2,mass=1e-1": (35, 32, 49), "1e-3,mass=1e-2": (46, 44, 57)}


@cache
def planned(bound, radix):
    return Packer.plan(read_hardware("cms-phase2").bounded(bound), radix)


def random_rows(hardware, n=5000):
    rng = np.random.default_rng(1)
    dropped = [rng.integers(0, 1 if field.signed else field.bits, n) for field in hardware.fields]
    columns = [(rng.integers(0, 1 << f.bits, n) >> d) + f.low for f, d in zip(hardware.fields, dropped, strict=True)]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("bound", BOUNDS)
def test_bits_at_equal_bounds(bound):
    hardware = read_hardware("cms-phase2").bounded(bound)
    bits = planned(bound, "bits").word_bits, planned(bound, "mixed").word_bits
    assert (*bits, sum(truncated(field).code_bits for field in hardware.fields)) == BOUNDS[bound]


@pytest.mark.parametrize("radix", ["bits", "mixed"])
@pytest.mark.parametrize("bound", BOUNDS)
def test_every_jet_comes_back_within_its_bounds(bound, radix):
    """By formulas that stand here, in physical units, for jets of any size and for corners."""
    packer = planned(bound, radix)
    size, of_mass = (float(part.rpartition("=")[2]) for part in bound.split(","))
    rows = np.concatenate([random_rows(packer.hardware), [[0, -4096, -8192, 0], [65535, 4095, 8191, 131071]]])
    words = packer.encode(rows)
    assert words.dtype == np.uint64
    assert int(words.max()) < 1 << packer.word_bits
    pt, phi, eta, m = packer.decode(words).T
    lsb = math.pi / 4096
    x = rows[rows[:, 0] > 0, 0] / 32
    assert (abs(pt[rows[:, 0] > 0] / x - 1) <= size).all()
    assert (abs((phi - rows[:, 1] * lsb + math.pi) % (2 * math.pi) - math.pi) <= size).all()
    assert (abs(eta - rows[:, 2] * lsb) <= size).all()
    assert (abs(m - np.sqrt(rows[:, 3] / 4)) <= of_mass * np.sqrt(rows[:, 3] / 4)).all()
    near = packer.decode_integers(words)
    assert (abs(near[:, 2] * lsb - eta) <= lsb / 2 + 1e-12).all()
    assert (packer.encode(near) == words).all()


@pytest.mark.parametrize("radix", ["bits", "mixed"])
def test_a_proof_tries_every_value(radix):
    for field, code in zip(planned("1e-2", radix).hardware.fields, planned("1e-2", radix).codes, strict=True):
        proof = prove(field, code)
        assert proof.kept
        assert proof.largest_error <= 0.01
        assert proof.n_values == (65536 - 640 if field.name == "pt" else 1 << field.bits)


def test_a_proof_fails_where_a_code_is_too_coarse():
    pt = read_hardware("cms-phase2").fields[0]
    proof = prove(pt, Minifloat(16, 5))
    assert not proof.kept
    assert proof.largest_error == pytest.approx(511.5 / 32768)
    assert prove(pt, Minifloat(16, 6)).kept_below
    assert not prove(pt, Steps(16, 8)).kept_below  # of 20 GeV: that is why truncation has a minimum


def test_no_code_in_front_would_have_done():
    """The choice is the coarsest of its kind."""
    pt, phi, *_ = read_hardware("cms-phase2").bounded("1e-3").fields
    assert choose(pt, "bits") == Minifloat(16, 9)
    assert not prove(pt, Minifloat(16, 8)).kept
    assert choose(phi, "mixed") == Steps(13, 3)
    assert not prove(phi, Steps(13, 4)).kept
    assert choose(Field("id", 5), "mixed") == choose(Field("id", 5), "bits") == Steps(5, 1)
    narrow = Field("eta", 5, bound=Bound("absolute", 0.5))  # half an LSB: two values in a cell would do, and do
    assert choose(narrow, "bits") == choose(narrow, "mixed") == truncated(narrow) == Steps(5, 2)
    narrow = Field("mass2", 5, square=True, bound=Bound("relative", 1e-9))
    assert choose(narrow, "bits") == choose(narrow, "mixed") == truncated(narrow) == Steps(5, 1)


def decode_by_json(document, words):
    """Decode as the documentation says, without this package."""
    columns = []
    for cell, field in zip(document["codes"], document["hardware"]["fields"], strict=True):
        codes = [word // cell["divisor"] % cell["count"] for word in words]
        middles = [cell["middles"][c] if "middles" in cell else cell["first"] + c * cell["step"] for c in codes]
        values = [middle * field["lsb"] for middle in middles]
        columns.append([math.sqrt(v) if field["square"] else v for v in values])
    return np.array(columns).T


@pytest.mark.parametrize("radix", ["bits", "mixed"])
def test_decoder_json_has_all_that_another_program_needs(radix, tmp_path):
    packer = planned("1e-2,mass=1e-1", radix)
    path = tmp_path / "decoder.json"
    path.write_text(json.dumps(packer.to_dict()))
    assert Packer.read(path) == packer
    words = packer.encode(random_rows(packer.hardware, 200))
    assert decode_by_json(json.loads(path.read_text()), words.tolist()) == pytest.approx(packer.decode(words))


def test_real_jets(real_file):
    jets = load_jets(real_file("monojet_Zp2000.0_DM_50.0_chan3.csv"), unit="GeV")[["E", "pt", "eta", "phi"]].to_numpy()
    for radix in ("bits", "mixed"):
        packer = planned("1e-2,mass=1e-1", radix)
        rows = to_hardware(packer.hardware, jets)
        back = packer.decode(packer.encode(rows))
        assert (abs(back[:, 0] / (rows[:, 0] / 32) - 1) <= 1e-2).all()
        assert abs(back[:, 0] / jets[:, 1] - 1).mean() < 6e-3


@pytest.mark.parametrize(
    ("integers", "message"),
    [
        ([[1.5, 0, 0, 0]], "fields are whole numbers. Received: float64"),
        ([[1, 2, 3]], "jets have shape (n_jets, 4). Received: (1, 3)"),
        ([[0, 0, 0, 0], [0, 4096, 0, 0]], "phi is -4096 to 4095. Received: 4096 in row 1"),
        ([[-1, 0, 0, 0]], "pt is 0 to 65535. Received: -1 in row 0"),
    ],
)
def test_jets_that_hardware_cannot_hold(integers, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        planned("1e-2", "bits").encode(integers)
    assert str(raised.value) == message


def test_words_that_are_none():
    packer = planned("1e-2,mass=1e-1", "bits")
    wrong = {"35 bits": [1 << 35], "not negative": [-1], "whole": [0.5], "pt has 704 codes": [704]}
    for message, words in wrong.items():
        with pytest.raises(ValueError, match=message):
            packer.decode(words)
    assert packer.decode(np.zeros(0, np.uint64)).shape == (0, 4)
    assert packer.encode({name: [0] for name in packer.names}).shape == (1,)


def test_packers_that_cannot_be(tmp_path):
    with pytest.raises(ConfigError, match=r"at most 64 bits, and these bounds need 80; give wider ones with --bound"):
        Packer.plan(Hardware("long", "", tuple(Field(f"f{i}", 20) for i in range(4))))
    with pytest.raises(ConfigError, match="leave nothing of a jet"):
        Packer.plan(Hardware("short", "", (Field("eta", 4, bound=Bound("absolute", 99.0)),)))
    with pytest.raises(ConfigError, match=r"'bits' or 'mixed'\. Received: 'ternary'"):
        Packer.plan(read_hardware("cms-phase2"), "ternary")
    path = tmp_path / "decoder.json"
    with pytest.raises(ExportError, match=r"decoder\.json: No such file.*; give the decoder\.json of a packer"):
        Packer.read(path)
    whole = planned("1e-2", "bits").to_dict()
    for content in (
        {},
        {**whole, "codes": []},
        {**whole, "codes": [{}]},
        {**whole, "codes": 3},
        {**whole, "hardware": 3},
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(ExportError, match=r"decoder\.json: is no decoder\.json of a packer \("):
            Packer.read(path)
