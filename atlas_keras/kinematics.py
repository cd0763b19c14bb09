"""Kinematics of jets on NumPy arrays, float64 inside: the one place of each formula."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def momentum(pt: ArrayLike, eta: ArrayLike) -> Array:
    """Compute |p| = pt cosh(eta), in the unit of pt."""
    return np.asarray(pt, np.float64) * np.cosh(np.asarray(eta, np.float64))


def energy(pt: ArrayLike, eta: ArrayLike, mass: ArrayLike) -> Array:
    """Compute E = sqrt(p^2 + m |m|): a negative mass stands for a spacelike jet, as ROOT stores it.

    The result is NaN where p^2 + m |m| < 0, which no four-momentum has, and infinite where it is too large a number.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return _energy(momentum(pt, eta), mass)


def _energy(p: ArrayLike, mass: ArrayLike) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        p, m = np.asarray(p, np.float64), np.asarray(mass, np.float64)
        return np.sqrt(p * p + m * np.abs(m))


def mass(E: ArrayLike, pt: ArrayLike, eta: ArrayLike) -> Array:
    """Compute the signed mass sgn(E - p) sqrt(|(E - p)(E + p)|): negative for a spacelike jet.

    The product keeps the digits that the difference of the squares would lose.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return _mass(E, momentum(pt, eta))


def _mass(E: ArrayLike, p: ArrayLike) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        e, p = np.asarray(E, np.float64), np.asarray(p, np.float64)
        m2 = (e - p) * (e + p)
        return np.sign(m2) * np.sqrt(np.abs(m2))


class Computed(NamedTuple):
    """A column that follows from others where a file does not store it.

    Args:
        sources: names of the others; the function takes them in this order.
        function: of arrays.
    """

    sources: tuple[str, ...]
    function: Callable[..., Array]


def transverse(px: ArrayLike, py: ArrayLike) -> Array:
    """Compute pt = sqrt(px^2 + py^2), in their unit."""
    return np.hypot(np.asarray(px, np.float64), np.asarray(py, np.float64))


def magnitude(px: ArrayLike, py: ArrayLike, pz: ArrayLike) -> Array:
    """Compute |p| = sqrt(px^2 + py^2 + pz^2), in their unit; along the beam, too, where eta is infinite."""
    return np.hypot(transverse(px, py), np.asarray(pz, np.float64))


def azimuth(px: ArrayLike, py: ArrayLike) -> Array:
    """Compute phi of a momentum [rad], in [-pi, pi]."""
    return np.arctan2(np.asarray(py, np.float64), np.asarray(px, np.float64))


def pseudorapidity(px: ArrayLike, py: ArrayLike, pz: ArrayLike) -> Array:
    """Compute eta = arcsinh(pz / pt); infinite along the beam, NaN of no momentum at all."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.arcsinh(np.asarray(pz, np.float64) / transverse(px, py))


# Ways to a column, in the order in which they are tried.
COMPUTED: dict[str, tuple[Computed, ...]] = {
    "E": (
        Computed(("pt", "eta", "mass"), energy),
        Computed(("px", "py", "pz", "mass"), lambda x, y, z, m: _energy(magnitude(x, y, z), m)),
    ),
    "pt": (Computed(("px", "py"), transverse),),
    "eta": (Computed(("px", "py", "pz"), pseudorapidity),),
    "phi": (Computed(("px", "py"), azimuth),),
    "mass": (
        Computed(("E", "pt", "eta"), mass),
        Computed(("E", "px", "py", "pz"), lambda e, x, y, z: _mass(e, magnitude(x, y, z))),
    ),
}


def way_to(column: str, known: Container[str]) -> Computed | None:
    """Choose how a column is computed from known ones: None where it is known itself, or nothing leads to it.

    Where no way has all of its sources, it is the one that has most, so that a message can name what is missing.
    """
    ways = () if column in known else COMPUTED.get(column, ())
    missing = [sum(source not in known for source in way.sources) for way in ways]
    if not ways or min(missing) == len(ways[missing.index(min(missing))].sources):
        return None
    return ways[missing.index(min(missing))]


# Names of columns of a jet that have the unit of an energy wherever they stand.
ENERGIES = ("E", "pt", "mass", "px", "py", "pz")


def delta_phi(phi_1: ArrayLike, phi_2: ArrayLike) -> Array:
    """Compute phi_1 - phi_2, wrapped to [-pi, pi) [rad]."""
    difference = np.asarray(phi_1, np.float64) - np.asarray(phi_2, np.float64)
    return np.mod(difference + np.pi, 2 * np.pi) - np.pi


def leading_pairs(pt: ArrayLike, event: ArrayLike) -> NDArray[np.int64]:
    """Find the two jets of highest pt in every event that has at least two.

    Args:
        pt: shape `(n_jets,)`.
        event: which event each jet belongs to, shape `(n_jets,)`.

    Returns:
        Indices of the leading and the subleading jet, shape `(n_pairs, 2)`, by ascending event.
    """
    pt, event = np.asarray(pt), np.asarray(event)
    order = np.lexsort((-pt, event))
    starts = np.flatnonzero(np.diff(event[order], prepend=event[order][:1] - 1)) if len(event) else np.zeros(0, int)
    sizes = np.diff(np.append(starts, len(event)))
    first = starts[sizes >= 2]
    return order[np.stack([first, first + 1], axis=1)]


def dijet_mass(E: ArrayLike, pt: ArrayLike, eta: ArrayLike, phi: ArrayLike, pairs: NDArray[np.int64]) -> Array:
    """Compute the invariant mass of pairs of jets.

    Args:
        E, pt, eta, phi: of all jets, shape `(n_jets,)`.
        pairs: indices, shape `(n_pairs, 2)`.

    Returns:
        Shape `(n_pairs,)`, in the unit of E; negative for a spacelike sum.
    """
    import vector  # takes most of a second (it imports sympy), and most commands have no pairs of jets

    columns = {"pt": pt, "eta": eta, "phi": phi, "E": E}
    leading, subleading = (
        vector.array({name: np.asarray(values, np.float64)[chosen] for name, values in columns.items()})
        for chosen in (pairs[:, 0], pairs[:, 1])
    )
    pair: Any = leading.add(subleading)
    return np.asarray(pair.mass)
