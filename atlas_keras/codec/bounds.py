"""The bounds that a compressed file guarantees, and the check that every jet keeps them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras import kinematics
from atlas_keras.errors import ConfigError
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.suggestions import suggest

MIN, MAX = 1e-7, 0.1
NAMES = (*FOUR_MOMENTUM.names, "mass")
# Another machine's exp and cosh may differ in the last digits of a double: a jet has to keep its bound by this part of
# it. Where bounds are near 1e-7, the steps of the grid, narrower by as much again, are what leaves the room.
RESERVE = 1e-9
MIN_DIGITS = 3  # of text whose precision is found
COARSEST = 0.5 * 10.0 ** (1 - MIN_DIGITS)  # precision of an input
DOUBLE = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Bounds:
    """The largest error of any jet.

    Args:
        E, pt: relative.
        eta, phi: absolute, phi wrapped [rad].
        mass: relative to the mass, or None. Where the input has few digits, its mass has an error of its own: the bound
            of m^2 is never smaller than that.

    Raises:
        ConfigError: a bound outside of 1e-7 to 0.1.
    """

    E: float
    pt: float
    eta: float
    phi: float
    mass: float | None = None

    def __post_init__(self) -> None:
        for name in NAMES:
            value = getattr(self, name)
            if value is not None and not MIN <= value <= MAX:
                raise ConfigError(f"a bound is {MIN:g} to {MAX:g} (--lossless has none). Received: {name}={value}")

    @classmethod
    def parse(cls, text: str) -> Bounds:
        """Read `1e-3`, or `E=1e-3,pt=1e-3,eta=5e-4,phi=5e-4`, each with an optional `mass=1e-2`.

        Example:
            >>> Bounds.parse("1e-3,mass=1e-2")
            Bounds(E=0.001, pt=0.001, eta=0.001, phi=0.001, mass=0.01)

        Raises:
            ConfigError: no number, an unknown name, a variable without a bound.
        """
        values: dict[str, float] = {}
        for item in text.split(","):
            name, equals, number = item.strip().rpartition("=")
            try:
                value = float(number)
            except ValueError:
                raise ConfigError(f"--bound: {number.strip()!r} is no number") from None
            names = (name.strip(),) if equals else FOUR_MOMENTUM.names
            if not set(names) <= set(NAMES):
                raise ConfigError(f"--bound: unknown variable {name.strip()!r}; {suggest(name.strip(), NAMES)}")
            if repeated := set(names) & set(values):
                raise ConfigError(f"--bound: {', '.join(sorted(repeated))} has two bounds")
            values.update(dict.fromkeys(names, value))
        if missing := [name for name in FOUR_MOMENTUM.names if name not in values]:
            raise ConfigError(f"--bound: {', '.join(missing)} has no bound; one number is for all four")
        return cls(**values)

    def to_dict(self) -> dict[str, float]:
        """Return the bounds by name; what is not bounded is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def to_list(self) -> list[float | None]:
        """Return the arguments in order, without a mass that is not bounded."""
        return list(self.to_dict().values())

    @classmethod
    def from_list(cls, values: list[float]) -> Bounds:
        """Read what `to_list` gave.

        Raises:
            ValueError: another number of values than four, or five with the mass.
            ConfigError: a bound that cannot be.
        """
        E, pt, eta, phi, *mass = values
        if len(mass) > 1:
            raise ValueError(f"there are 4 or 5 bounds. Received: {len(values)}")
        return cls(E, pt, eta, phi, mass[0] if mass else None)

    def kept(self, x: NDArray[np.float64], x_hat: NDArray[np.float64], precision: float = 0.0) -> NDArray[np.bool_]:
        """Tell for every jet whether all of its errors are within the bounds.

        Args:
            x, x_hat: jets before and after, shape `(n_jets, 4)`, in one unit. A jet keeps no bound where E or pt is not
                positive and finite before, or anything is not finite after.
            precision: of the input, as `input_precision` finds it; it matters where the mass is bounded.
        """
        part = 1 - RESERVE
        with np.errstate(invalid="ignore", over="ignore"):
            ok = np.ones(len(x), bool)
            for index, variable in enumerate(FOUR_MOMENTUM):
                before, after = x[:, index], x_hat[:, index]
                error = np.abs(kinematics.delta_phi(after, before) if variable.periodic else after - before)
                if variable.is_relative:
                    ok &= (before > 0) & (before < np.inf)
                limit = getattr(self, variable.name) * (before if variable.is_relative else 1.0)
                ok &= error <= limit * part
            if self.mass is not None:
                ok &= self._mass_kept(x, x_hat, precision)
        return ok

    def _mass_kept(self, x: NDArray[np.float64], x_hat: NDArray[np.float64], precision: float) -> NDArray[np.bool_]:
        """Compare the squares of the masses: |m' - m| <= bound m where |m'^2 - m^2| <= bound m (m' + m)."""
        assert self.mass is not None
        before, after = kinematics.mass(*x[:, :3].T), kinematics.mass(*x_hat[:, :3].T)
        difference = np.abs(after * np.abs(after) - before * np.abs(before))
        limit = self.mass * np.abs(before) * (np.abs(before) + np.abs(after))
        limit = np.maximum(limit, squared_mass_floor(x, precision))
        # p = pt cosh(eta) is computed within 1.5 units in the last place of a double, and so are both squares.
        computing = squared_mass_floor(x, DOUBLE) + squared_mass_floor(x_hat, DOUBLE)
        return difference + computing <= limit * (1 - RESERVE)


def squared_mass_floor(x: NDArray[np.float64], precision: float) -> NDArray[np.float64]:
    """Compute what the rounding of the input alone does to m^2 = E^2 - p^2 of each jet."""
    E, p = x[:, 0], kinematics.momentum(x[:, 1], x[:, 2])
    return 2 * precision * (E * E + p * p)


def input_precision(x: NDArray[np.float64]) -> float:
    """Find the relative precision of E and pt: of decimal text with few digits, of float32, or of float64.

    Args:
        x: jets, shape `(n_jets, 4)`.

    Returns:
        Relative to the number: half a unit of the last digit at most; of float32 two units in the last place, of
        float64 four, since what is written is rounded like what was read, and p is computed with them, too.
    """
    values = x[:, :2][np.isfinite(x[:, :2]) & (x[:, :2] > 0)]
    if not len(values):
        return 0.0
    ordinary = np.all((values > 1e-15) & (values < 1e15))
    for digits in range(MIN_DIGITS, 8) if ordinary else ():
        power = 10.0 ** (digits - 1 - np.floor(np.log10(values)))
        scaled = values * power
        if np.all(np.abs(scaled - np.rint(scaled)) <= 1e-14 * scaled):
            return 0.5 * 10.0 ** (1 - digits)
    with np.errstate(over="ignore"):
        single = np.all(values == values.astype(np.float32))
    return float(2 * np.finfo(np.float32).eps) if single else 4 * DOUBLE


def step(bound: float) -> float:
    """Compute the widest step of a logarithm whose cells keep a relative bound."""
    return math.log1p(bound) - math.log1p(-bound)
