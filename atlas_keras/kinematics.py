"""Kinematics of jets on NumPy arrays, float64 inside: the one place of each formula."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def momentum(pt: ArrayLike, eta: ArrayLike) -> Array:
    """Compute |p| = pt cosh(eta), in the unit of pt."""
    return np.asarray(pt, np.float64) * np.cosh(np.asarray(eta, np.float64))


def energy(pt: ArrayLike, eta: ArrayLike, mass: ArrayLike) -> Array:
    """Compute E = sqrt(p^2 + m |m|): a negative mass stands for a spacelike jet, as ROOT stores it.

    The result is NaN where p^2 + m |m| < 0, which no four-momentum has.
    """
    p, m = momentum(pt, eta), np.asarray(mass, np.float64)
    with np.errstate(invalid="ignore"):
        return np.sqrt(p * p + m * np.abs(m))


def mass(E: ArrayLike, pt: ArrayLike, eta: ArrayLike) -> Array:
    """Compute the signed mass sgn(E - p) sqrt(|(E - p)(E + p)|): negative for a spacelike jet.

    The product keeps the digits that the difference of the squares would lose.
    """
    e, p = np.asarray(E, np.float64), momentum(pt, eta)
    m2 = (e - p) * (e + p)
    return np.sign(m2) * np.sqrt(np.abs(m2))


def delta_phi(phi_1: ArrayLike, phi_2: ArrayLike) -> Array:
    """Compute phi_1 - phi_2, wrapped to [-pi, pi) [rad]."""
    difference = np.asarray(phi_1, np.float64) - np.asarray(phi_2, np.float64)
    return np.mod(difference + np.pi, 2 * np.pi) - np.pi
