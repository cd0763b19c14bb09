"""Hardware formats: which fields a jet has in a trigger, as TOML files; adding one is a file."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas_keras.errors import ConfigError
from atlas_keras.firmware.reserved import is_free
from atlas_keras.schema import Bound
from atlas_keras.schema_files import read_toml
from atlas_keras.sections import Section, require
from atlas_keras.suggestions import suggest

MAX_BITS = 20  # of a field: bounds are proved by its every value, and every value is simulated
MAX_INPUT = 1024  # bits of a jet, or of an event
EXACT = Bound("exact")
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Field(Section):
    """One number of a jet, as hardware has it: a whole number x, which stands for x times the LSB.

    Args:
        name: of its port in the firmware: lower case letters, digits and underscores.
        bits: how many it has, 1 to 20.
        lsb: what one unit of the whole number is worth, in `unit`.
        unit: of the LSB; `1` where it has none.
        signed: whether it is a two's complement number.
        wrap: whether it is an angle, whose largest value is followed by its smallest.
        square: whether it is the square of the variable that is meant, as m^2 is.
        variable: what it measures; by default its name. `variables.VARIABLES` are computed from jets.
        minimum: the smallest value of the variable for which its bound is promised; 0 means all of them.
        bound: how far the variable may be off: relative, absolute, angle or exact.

    Raises:
        ConfigError: a value that cannot be.
    """

    name: str
    bits: int
    lsb: float = 1.0
    unit: str = "1"
    signed: bool = False
    wrap: bool = False
    square: bool = False
    variable: str = ""
    minimum: float = 0.0
    bound: Bound = EXACT

    def __post_init__(self) -> None:
        name, kind = self.name, self.bound.kind
        require(
            is_free(name),
            "The name of a field is a port of the firmware: lower case letters, digits and underscores, no word of "
            f"Verilog or C++, and no name of a signal, such as pt_1 or pt_code. Received: {name!r}",
        )
        require((self.variable + self.unit).isprintable(), f"Field {name!r} has a variable and a unit of one line")
        require(1 <= self.bits <= MAX_BITS, f"Field {name!r} has 1 to {MAX_BITS} bits. Received: {self.bits}")
        require(0 < self.lsb < math.inf, f"Field {name!r} has a positive LSB. Received: {self.lsb}")
        require(kind != "drop", f"Field {name!r} cannot be dropped; leave it out of the file")
        require(
            not (self.signed and (self.square or kind == "relative")),
            f"Field {name!r} is signed, so it is no square and has no relative bound; give an absolute one",
        )
        require(
            kind == "exact" or self.wrap == (kind == "angle"),
            f"Field {name!r}: a bound of kind 'angle' is of fields that wrap, and of no other. Received: {self.bound}",
        )
        require(
            not self.wrap or self.unit != "rad" or math.isclose(self.period, 2 * math.pi, rel_tol=1e-6),
            f"Field {name!r} wraps after 2^{self.bits} LSB = {self.period:.6g} rad, and a turn is {2 * math.pi:.6g}",
        )
        largest = float(self.values(self.low + (1 << self.bits) - 1))
        require(
            0 <= self.minimum <= largest,
            f"The minimum of field {name!r} is 0 to {largest:.6g}, its largest value. Received: {self.minimum}",
        )
        object.__setattr__(self, "variable", self.variable or name)
        require(
            kind == "exact" or self.bound.size >= self.resolution,
            f"The bound of {self.variable} cannot be kept: half an LSB, which the hardware itself may be off by, is "
            f"{self.resolution:.3g}. Received: {self.bound}; give a wider one, or exact",
        )

    @property
    def low(self) -> int:
        """The smallest whole number."""
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def period(self) -> float:
        """After how much an angle comes back to itself."""
        return self.lsb * 2.0**self.bits

    @property
    def resolution(self) -> float:
        """How far the hardware may be off by its own rounding, as the bound counts; a relative one at the minimum."""
        if self.bound.kind != "relative":
            return self.lsb / 2
        lowest = self.integers(self.minimum)
        return float(self.errors(lowest, lowest + 0.5)) if lowest > 0 else 0.0

    @property
    def unit_of_variable(self) -> str:
        """Unit of the variable: of m, where the field is m^2."""
        return self.unit.removesuffix("^2") if self.square else self.unit

    def values(self, integers: ArrayLike) -> Floats:
        """Return what whole numbers, or numbers between them, stand for: values of the variable."""
        x = np.asarray(integers, np.float64) * self.lsb
        return np.sqrt(x) if self.square else x

    def integers(self, values: ArrayLike) -> Integers:
        """Return the nearest whole numbers, as hardware makes them: an angle wraps, all else saturates."""
        v = np.asarray(values, np.float64)
        x = np.rint((v * np.abs(v) if self.square else v) / self.lsb)
        if self.wrap:
            return (np.mod(x - self.low, 1 << self.bits) + self.low).astype(np.int64)
        return np.clip(x, self.low, self.low + (1 << self.bits) - 1).astype(np.int64)

    def errors(self, integers: ArrayLike, decoded: ArrayLike) -> Floats:
        """Return how far the variable is off, as its bound counts; of angles the shorter way.

        Args:
            integers: what the hardware had.
            decoded: what has come back, whole numbers or numbers between them.
        """
        before, after = self.values(integers), self.values(decoded)
        difference = np.abs(after - before)
        if self.wrap:
            return np.minimum(difference, self.period - difference)
        if self.bound.kind != "relative":
            return difference
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(difference == 0, 0.0, difference / before)


@dataclass(frozen=True)
class Hardware(Section):
    """A hardware format: the fields of a jet, the first one in the lowest bits.

    Args:
        title: what it is.
        source: where that is documented.
        fields: at least one.

    Raises:
        ConfigError: no field, two of one name or variable, or more than 128 bits.
    """

    title: str
    source: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        require(bool(self.fields), "A hardware format has at least one field")
        require((self.title + self.source).isprintable(), "Title and source of a hardware format have one line each")
        for names in ([field.name for field in self.fields], [field.variable for field in self.fields]):
            twice = [name for name in names if names.count(name) > 1]
            require(not twice, f"Two fields are called {twice[0] if twice else ''!r}")
        require(self.bits <= MAX_INPUT, f"A jet has at most {MAX_INPUT} bits. Received: {self.bits}")

    @property
    def bits(self) -> int:
        """Bits of a jet."""
        return sum(field.bits for field in self.fields)

    def bounded(self, text: str) -> Hardware:
        """Return the format with other bounds: `1e-3` for all that is not exact, `mass=1e-2` or `eta=exact` for one.

        Example:
            >>> [str(field.bound) for field in read_hardware("cms-phase2").bounded("1e-3,mass=1e-2").fields]
            ['relative 0.001', 'angle 0.001', 'absolute 0.001', 'relative 0.01']

        Raises:
            ConfigError: no number, an unknown variable, one with two bounds, or a bound that cannot be.
        """
        names = [field.variable for field in self.fields]
        usual, own = "", dict[str, str]()
        for item in text.split(","):
            name, equals, size = (part.strip() for part in item.rpartition("="))
            if not equals:
                require(not usual, f"--bound: {usual} and {size} are both for all; name the variable of one")
                usual = size
                continue
            require(name in names, f"--bound: unknown variable {name!r}; {suggest(name, names)}")
            require(name not in own, f"--bound: {name} has two bounds")
            own[name] = size
        sizes = [own.get(f.variable, usual if f.bound.kind != "exact" else "") for f in self.fields]
        return replace(self, fields=tuple(_with_bound(f, size) for f, size in zip(self.fields, sizes, strict=True)))


def _with_bound(field: Field, size: str) -> Field:
    """Return a field with a bound of another size; an empty text leaves it."""
    if size in ("", "exact"):
        return replace(field, bound=EXACT) if size else field
    usual = "relative" if field.square or field.minimum else "absolute"
    kind = field.bound.kind if field.bound.kind != "exact" else "angle" if field.wrap else usual
    try:
        number = float(size)
    except ValueError:
        raise ConfigError(f"--bound: {size!r} is no number") from None
    return replace(field, bound=Bound(kind, number))  # type: ignore[arg-type]


def shipped() -> list[str]:
    """Return the names of the formats that ship with the package."""
    return sorted(item.name.removesuffix(".toml") for item in _FOLDER.iterdir() if item.name.endswith(".toml"))


def read_hardware(name: str | Path) -> Hardware:
    """Read a hardware format.

    Args:
        name: of one that ships with the package, or the path of a TOML file.

    Raises:
        ConfigError: an unknown name, no such file, no TOML, or nonsense in it.
    """
    if str(name) in shipped():
        return read_toml(Path(str(_FOLDER / f"{name}.toml")), Hardware)
    if Path(name).suffix != ".toml":
        raise ConfigError(f"--hardware: unknown format {str(name)!r}, no FILE.toml; {suggest(str(name), shipped())}")
    return read_toml(name, Hardware)


_FOLDER = files("atlas_keras") / "firmware" / "hardware"
