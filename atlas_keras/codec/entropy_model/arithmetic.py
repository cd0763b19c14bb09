"""Logarithm, exponential and angles that give the same bits on every machine.

A decoder has to repeat the encoder's contexts exactly, and libraries differ in the last bit of exp, log or atan2. The
functions here use small integer tables and the operations that IEEE 754 defines exactly (+, -, *, /, rounding). They
are coarse: contexts need a thousandth, not an ulp.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]
Int = NDArray[np.int64]

TURN = 1 << 16  # an angle is an integer in units of 2 pi / TURN
TABLE = 1 << 10
PER_RADIAN = TURN / (2 * math.pi)

# Rounded to integers far coarser than a double, so that every machine makes the same tables (a test pins them).
EXP2 = np.array([round(2**20 * 2.0 ** (i / TABLE)) for i in range(TABLE)], np.float64) / 2**20
LOG2 = np.array([round(2**12 * math.log2(1 + (i + 0.5) / TABLE)) for i in range(TABLE)], np.float64) / 2**12
COS = np.array([round(2**20 * math.cos((i + 0.5) * math.pi / 2048)) for i in range(4096)], np.float64) / 2**20
ATAN = np.array([round(math.atan(i / TABLE) * PER_RADIAN) for i in range(TABLE + 1)], np.int64)
LOG2_E = round(math.log2(math.e) * 2**40) / 2**40


def to_turn(angle: Float) -> Int:
    """Convert an angle [rad] to an integer in [0, TURN)."""
    return np.floor(angle * PER_RADIAN).astype(np.int64) & (TURN - 1)


def signed_turn(angle: Int) -> Int:
    """Wrap an integer angle to [-TURN / 2, TURN / 2)."""
    return ((angle + TURN // 2) & (TURN - 1)) - TURN // 2


def cosine(angle: Int) -> Float:
    """Compute the cosine of an integer angle, within 2e-3."""
    return COS[(angle >> 4) & 4095]


def sine(angle: Int) -> Float:
    """Compute the sine of an integer angle, within 2e-3."""
    return COS[((angle - TURN // 4) >> 4) & 4095]


def exponential(x: Float) -> Float:
    """Compute e^x within 1e-3 of itself."""
    y = x * LOG2_E
    whole = np.floor(y)
    part = np.minimum((y - whole) * TABLE, TABLE - 1)  # just below a whole number the difference rounds to 1
    return np.ldexp(EXP2[part.astype(np.int64)], whole.astype(np.int32))


def log2(x: Float) -> Float:
    """Compute the binary logarithm within 1e-3; what is not positive counts as 2^-1074."""
    mantissa, exponent = np.frexp(np.maximum(x, 5e-324))
    return exponent + (LOG2[((2 * mantissa - 1) * TABLE).astype(np.int64)] - 1)


def direction(x: Float, y: Float) -> Int:
    """Compute the azimuth of (x, y) as an integer angle in [0, TURN), within 1e-3 rad; of (0, 0) it is 0."""
    a, b = np.abs(x), np.abs(y)
    steep = b > a
    large = np.maximum(np.maximum(a, b), 5e-324)
    angle = ATAN[np.floor(np.minimum(a, b) / large * TABLE).astype(np.int64)]
    angle = np.where(steep, TURN // 4 - angle, angle)
    angle = np.where(x < 0, TURN // 2 - angle, angle)
    return np.where(y < 0, -angle, angle) & (TURN - 1)
