"""Hardware formats: those that ship, what a field makes of a value, bounds as text, and nonsense in one sentence."""

import math

import numpy as np
import pytest

from atlas_keras.errors import ConfigError
from atlas_keras.firmware.hardware_format import Field, Hardware, read_hardware, shipped
from atlas_keras.firmware.variables import VARIABLES, to_hardware
from atlas_keras.schema import Bound
from atlas_keras.schema_files import from_toml, to_toml
from tests.firmware.small import SMALL

PHI = Field("phi", 6, 2 * math.pi / 64, "rad", signed=True, wrap=True, bound=Bound("angle", 0.1))


@pytest.mark.parametrize("name", shipped())
def test_what_ships_is_sound(name):
    hardware = read_hardware(name)
    assert hardware.source.startswith("https://")
    assert from_toml(to_toml(hardware), Hardware) == hardware
    assert any(field.variable.removesuffix("_1") in VARIABLES for field in hardware.fields)


def test_the_wide_jet_has_sixty_bits():
    assert [(f.name, f.bits) for f in read_hardware("cms-phase2").fields] == [
        ("pt", 16), ("phi", 13), ("eta", 14), ("mass2", 17),
    ]  # fmt: skip


def test_angles_wrap_and_all_else_saturates():
    assert PHI.integers([math.pi, -math.pi, 3 * math.pi, 0.0]).tolist() == [-32, -32, -32, 0]
    mass2 = Field("mass2", 7, 4.0, "GeV^2", square=True, variable="mass", bound=Bound("relative", 0.1))
    assert mass2.integers([-3.0, 0.0, 6.0, 1e6]).tolist() == [0, 0, 9, 127]
    assert mass2.values([9, 127]).tolist() == [6.0, math.sqrt(508)]
    assert mass2.unit_of_variable == "GeV"
    eta = Field("eta", 4, 0.5, signed=True)
    assert eta.integers([-9.0, 0.74, 9.0]).tolist() == [-8, 1, 7]


def test_errors_count_as_bounds_do():
    assert PHI.errors([31, 0], [-32, 8]) == pytest.approx([2 * math.pi / 64, math.pi / 4])
    pt = Field("pt", 8, 2.0, bound=Bound("relative", 0.1))
    assert pt.errors([0, 0, 10, 10], [0, 1, 12, 8]) == pytest.approx([0, math.inf, 0.2, 0.2])


def test_jets_become_whole_numbers():
    hardware = from_toml(SMALL, Hardware)
    jets = np.array([[250.0, 100.0, 1.5, -1.0], [1e6, 1e5, 0.0, math.pi]])
    rows = to_hardware(hardware, jets, seed=3)
    m2 = 250.0**2 - (100 * math.cosh(1.5)) ** 2
    assert rows[:, :3].tolist() == [[50, round(-1.0 / 0.09817477), min(round(m2 / 4), 127)], [255, -32, 127]]
    assert set(rows[:, 3]) <= {0, 1}


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("8e-2", ["relative 0.08", "angle 0.08", "relative 0.08", "exact"]),
        ("mass=0.3, 0.2", ["relative 0.2", "angle 0.2", "relative 0.3", "exact"]),
        ("phi=exact,tag=1", ["relative 0.1", "exact", "relative 0.2", "absolute 1.0"]),
    ],
)
def test_bounds_as_text(text, bounds):
    assert [str(field.bound) for field in from_toml(SMALL, Hardware).bounded(text).fields] == bounds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "--bound: 'x' is no number"),
        ("mas=1e-1", "--bound: unknown variable 'mas'; did you mean 'mass'?"),
        ("mass2=1e-1", "--bound: unknown variable 'mass2'; did you mean 'mass'?"),
        ("1e-1,2e-1", "--bound: 1e-1 and 2e-1 are both for all; name the variable of one"),
        ("pt=1e-1,pt=2e-1", "--bound: pt has two bounds"),
        ("0", "A bound 'relative' has a positive size. Received: 0.0"),
        ("1", "A relative bound is below 1. Received: 1.0"),
        (
            "1e-2",
            "The bound of pt cannot be kept: half an LSB, which the hardware itself may be off by, is 0.05. Received: "
            "relative 0.01; give a wider one, or exact",
        ),
    ],
)
def test_bounds_that_cannot_be(text, message):
    with pytest.raises(ConfigError) as raised:
        from_toml(SMALL, Hardware).bounded(text)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bits = 8", "bits = 21", "Field 'pt' has 1 to 20 bits. Received: 21"),
        ("bits = 8", "bits = 'x'", "has the wrong type. Received: 'x'"),
        ("lsb = 2.0", "lsb = -1.0", "Field 'pt' has a positive LSB. Received: -1.0"),
        ("lsb = 2.0", "lbs = 2.0", "'fields.lbs'; did you mean 'lsb'?"),
        ("minimum = 20.0", "minimum = 1000.0", "The minimum of field 'pt' is 0 to 510, its largest value"),
        (
            '"pt"',
            '"wire"',
            "no word of Verilog or C++, and no name of a signal, such as pt_1 or",
        ),
        ('"pt"', '"pt_1"', "Received: 'pt_1'"),
        ('"Small jet"', '"Small\\njet"', "have one line each"),
        ('"GeV"', '"G\\neV"', "Field 'pt' has a variable and a unit of one line"),
        ('"pt"', '"p t"', "lower case letters, digits and underscores"),
        ('"pt"', '"phi"', "Two fields are called 'phi'"),
        ('"tag"', '"tag", variable = "pt"', "Two fields are called 'pt'"),
        ("0.09817477042468103", "0.1", "Field 'phi' wraps after 2^6 LSB = 6.4 rad, and a turn is 6.28319"),
        ("angle 0.3", "absolute 0.3", "a bound of kind 'angle' is of fields that wrap, and of no other"),
        ("square = true", "signed = true", "Field 'mass2' is signed, so it is no square and has no relative bound"),
        ("relative 0.1", "drop", "Field 'pt' cannot be dropped; leave it out of the file"),
        ("relative 0.1", "rel x", "A bound is a word and a number"),
        ("fields = [", "fields = 3\nothers = [", "has the wrong type. Received: 3"),
        ("title", "titel", "'titel'; did you mean 'title'?"),
        ("[", "(", "is no TOML"),
    ],
)
def test_nonsense_in_a_file_is_one_sentence(tmp_path, old, new, message):
    path = tmp_path / "own.toml"
    assert old in SMALL
    path.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(ConfigError) as raised:
        read_hardware(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)


def test_too_much_and_too_little():
    with pytest.raises(ConfigError, match="at least one field"):
        Hardware("none", "", ())
    with pytest.raises(ConfigError, match=r"A jet has at most 1024 bits\. Received: 1040"):
        Hardware("long", "", tuple(Field(f"f{i}", 20) for i in range(52)))


def test_an_unknown_name():
    with pytest.raises(
        ConfigError, match=r"--hardware: unknown format 'cms-phase1', no FILE\.toml; did you mean 'cms-phase2'"
    ):
        read_hardware("cms-phase1")
    with pytest.raises(ConfigError, match=r"gone\.toml: No such file"):
        read_hardware("gone.toml")
