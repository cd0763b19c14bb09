"""Floats as integers in the same order, and powers of two that are the same on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.compiled import COMPILES, call, compiled

Int = NDArray[np.int64]

# ln(2)^k / k!: 2^x on [-1/2, 1/2] within an ulp or two. Multiplications and additions alone, each of which IEEE 754
# rounds exactly: what a file decodes to depends on no library.
EXP2 = (
    1.0, 0.6931471805599453, 0.2402265069591007, 0.05550410866482158, 0.009618129107628477, 0.0013333558146428443,
    0.00015403530393381608, 1.525273380405984e-05, 1.3215486790144307e-06, 1.0178086009239699e-07,
    7.054911620801121e-09, 4.445538271870811e-10, 2.567843599348819e-11,
)  # fmt: skip

N_EXP2 = len(EXP2)
INVERSES = tuple(1 / k for k in range(15, 0, -2))
N_INVERSES = len(INVERSES)
SMALLEST, LIFTED, LIFT = 2.0**-1022, 54, 2.0**54  # numbers below have fewer bits of mantissa, and are lifted
HALF_ROOT, TWO_LOG2_E = 0.7071067811865476, 2.8853900817779268


def exp2(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute 2^x, the same bits everywhere."""
    if COMPILES:
        found = np.empty(x.shape)
        call(fill_exp2, np.ascontiguousarray(x).ravel(), found.ravel())
        return found
    whole = np.rint(np.clip(x, -2000, 2000))
    part = x - whole
    result = np.full(x.shape, EXP2[-1])
    for coefficient in EXP2[-2::-1]:
        result = result * part + coefficient
    return np.ldexp(result, whole.astype(np.int32))


def log2(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the binary logarithm of positive numbers, the same bits everywhere, within 1e-14."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < HALF_ROOT
    mantissa, exponent = np.where(low, 2 * mantissa, mantissa), exponent - low
    part = (mantissa - 1) / (mantissa + 1)  # log m = 2 atanh(part)
    square = part * part
    result = np.full(x.shape, 1 / 17)
    for inverse in INVERSES:
        result = result * square + inverse
    return exponent + result * part * TWO_LOG2_E


@compiled
def bits_of_double(x: float) -> int:
    """Return the bits of a double that is not negative: 52 of mantissa, and above them the exponent with 1023 added."""
    return int(np.float64(x).view(np.int64))


@compiled
def double_of_bits(bits: int) -> float:
    """Return the positive double that has these bits."""
    return np.int64(bits).view(np.float64)


@compiled
def one_exp2(x: float) -> float:
    """Compute 2^x as `exp2` does."""
    whole = np.rint(min(max(x, -2000.0), 2000.0))
    part = x - whole
    result = EXP2[N_EXP2 - 1]
    for k in range(N_EXP2 - 2, -1, -1):
        result = result * part + EXP2[k]
    half = int(whole) >> 1  # in two steps, of which the first one is exact, also to where numbers end
    return result * double_of_bits((half + 1023) << 52) * double_of_bits((int(whole) - half + 1023) << 52)


@compiled
def fill_exp2(x: Any, result: Any) -> None:
    """Compute 2^x of many numbers."""
    for k in range(len(x)):
        result[k] = one_exp2(x[k])


@compiled
def one_log2(x: float) -> float:
    """Compute the binary logarithm of a positive number as `log2` does."""
    bits = bits_of_double(x * (LIFT if x < SMALLEST else 1.0))
    exponent = (bits >> 52) - (1022 + LIFTED if x < SMALLEST else 1022)
    mantissa = double_of_bits((bits & ((1 << 52) - 1)) | (1022 << 52))
    low = mantissa < HALF_ROOT
    mantissa, exponent = 2 * mantissa if low else mantissa, exponent - low
    part = (mantissa - 1) / (mantissa + 1)
    square = part * part
    result = 1 / 17
    for k in range(N_INVERSES):
        result = result * square + INVERSES[k]
    return exponent + result * part * TWO_LOG2_E


def bits_of(x: NDArray) -> NDArray:
    """Return the bits of floats as unsigned integers of their size."""
    return np.ascontiguousarray(x).view(f"u{x.dtype.itemsize}")


def to_ordered(x: NDArray) -> Int:
    """Return an integer for each pattern of bits: in the order of the numbers, -0.0 below 0.0, NaN at the ends.

    Args:
        x: float16, float32 or float64.
    """
    bits = np.ascontiguousarray(x).view(f"i{x.dtype.itemsize}")
    n_bits = 8 * x.dtype.itemsize
    ordered: Int = (bits ^ ((bits >> (n_bits - 1)) & bits.dtype.type((1 << (n_bits - 1)) - 1))).astype(
        np.int64, copy=False
    )
    return ordered


def from_ordered(ordered: Int, dtype: np.dtype) -> NDArray:
    """Return the floats back, bit for bit; what is beyond the type's range loses its upper bits."""
    negative = ordered < 0
    bits = np.where(negative, ~ordered, ordered).astype(np.uint64)
    top = np.uint64(1 << (8 * dtype.itemsize - 1))
    bits = np.where(negative, bits | top, bits & (top - np.uint64(1)))
    return bits.astype(f"u{dtype.itemsize}").view(dtype)


def features_of(values: NDArray) -> NDArray[np.int16]:
    """Return what trees look at: the order of values, as the upper half of the bits of float32.

    Args:
        values: numbers or bools, decoded.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.ascontiguousarray(values, np.float32)
    bits = single.view(np.int32)
    return ((bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))) >> 16).astype(np.int16)
