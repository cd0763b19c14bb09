"""What is chosen for a column from the training split: its transform, its fillers and their places, its weight."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray

from atlas_keras.layers.column_transforms import MARGIN, TINY, ColumnTransforms
from atlas_keras.layers.standardization import deviations
from atlas_keras.schema import Column

FEW_VALUES = 48  # a column of no more different values is one of kinds, and has no fillers
FILLERS = 3  # of a column, at most
SHARE = 0.005  # of the values that a filler has, at least
GAP = 2.0  # standard deviations of the other values between them and the place of a filler
WIDE = 30.0  # positive values that spread by more than this factor are taken by their logarithm
ROUNDING = 2.0**-20  # values that differ by this part of their size are the same: float32 has three bits more
SMALLEST = 1e-18  # whose square float32 still has
HEAVY = 8.0  # and others whose tails reach that many times further than most of them


def choose_transform(column: Column, values: NDArray[np.floating]) -> str:
    """Choose what makes the values of a column spread evenly.

    Args:
        column: what it measures.
        values: of the training split, without fillers, shape `(n_jets,)`.
    """
    if column.periodic:
        return "angle"
    if column.quantity in ("eta", "fraction", "score", "flag", "id") or not len(values):
        return "identity"
    low, middle, high = (float(q) for q in np.quantile(values, (0.01, 0.5, 0.99)))
    if values.min() > 0 and (column.is_logarithmic or high > WIDE * max(low, 1e-30)):
        return "log"
    most = float(np.quantile(np.abs(values - middle), 0.8))
    if most > 0 and float(np.quantile(np.abs(values - middle), 0.999)) > HEAVY * most:
        return "signed_log"
    return "identity"


def find_fillers(column: Column, values: NDArray[np.floating]) -> tuple[float, ...]:
    """Find values at an end of a column that repeat, and lie far from all others.

    Args:
        column: what it measures; kinds and flags have no fillers.
        values: of the training split, shape `(n_jets,)`.
    """
    found: list[float] = []
    if column.quantity in ("id", "flag") or column.periodic:
        return ()
    different, counts = np.unique(values, return_counts=True)
    while len(different) > FEW_VALUES and len(found) < FILLERS:
        gaps = different[1] - different[0], different[-1] - different[-2]
        at = 0 if gaps[0] >= gaps[1] else -1
        others = np.delete(different, at)
        # Floats lie close to each other; whole numbers do not, and one that is far away is far from all of them.
        far = np.ptp(others) if column.quantity == "count" else 0.1 * np.ptp(np.quantile(others, (0.01, 0.99)))
        if counts[at] < SHARE * len(values) or gaps[at] <= far:
            break
        found.append(float(different[at]))
        different, counts = others, np.delete(counts, at)
    return tuple(sorted(found))


def without(values: NDArray[np.float32], fillers: tuple[float, ...]) -> NDArray[np.float32]:
    """Return the values that are no fillers."""
    return values[~np.isin(values, np.asarray(fillers, np.float32))]


class Placed(NamedTuple):
    """How a column is transformed.

    Args:
        scale: of the transform.
        fillers: value, place and edge of each.
        transformed: the values, fillers in their places, shape `(n_jets,)`.
        least: how far transformed values are from each other that differ by the bound of the column: less is no spread.
    """

    scale: float
    fillers: list[tuple[float, float, float]]
    transformed: NDArray[np.float32]
    least: float


def place(column: Column, values: NDArray[np.float32], transform: str, fillers: tuple[float, ...]) -> Placed:
    """Transform a column, and give each of its fillers a place below all other values.

    Args:
        column: what it measures, and its bound.
        values: of the training split, shape `(n_jets,)`.
        transform: its name.
        fillers: values.
    """
    others = without(values, fillers)
    others = others if len(others) else np.zeros(1, np.float32)
    scale = 1.0
    if transform == "signed_log" and np.any(others):
        scale = float(np.quantile(np.abs(others[others != 0], dtype=np.float64), 0.1))
    alone = _transform(others, transform, scale, [])
    least = max(_bound_of(column, others, transform, scale), ROUNDING * float(np.abs(alone).max()), SMALLEST)
    low, step = float(alone.min()), GAP * float(deviations(alone, least))
    places = [(value, low - (at + 1) * step, low - (at + 0.5) * step) for at, value in enumerate(fillers)]
    return Placed(scale, places, _transform(values, transform, scale, places), least)


def _transform(
    values: NDArray[np.float32], transform: str, scale: float, fillers: list[tuple[float, float, float]]
) -> NDArray[np.float32]:
    layer = ColumnTransforms([transform], [scale], [fillers])
    return ops.convert_to_numpy(layer(values[:, None]))[:, 0]


def _bound_of(column: Column, values: NDArray[np.float32], transform: str, scale: float) -> float:
    """Compute the bound of a column in its transformed values, at a typical one."""
    bound = column.bound if column.bound is not None and column.bound.size else column.usual_bound
    size = bound.size or 0.5  # of whole numbers half of one is an error
    x = values.astype(np.float64)
    slope = {
        "log": np.abs(x),
        "signed_log": np.abs(x) + scale,
        "logit": np.maximum(x * (1 - x), MARGIN),
    }.get(transform, np.ones(len(x)))
    some = np.abs(x[x != 0])  # of a column that is mostly zero, such as an energy in muons, zero is not typical
    typical = float(np.median(some)) if len(some) else 1.0
    allowed = size * np.maximum(np.abs(x), 0.1 * typical) if bound.kind == "relative" else np.full(len(x), size)
    worth = (slope / np.maximum(allowed, TINY))[slope > 0]  # what is no logarithm has no slope
    return 1 / float(np.median(worth)) if len(worth) else 1.0


def choose_weight(column: Column, values: NDArray[np.float32], transform: str, fillers: tuple[float, ...]) -> float:
    """Compute how many bounds an error of one standard deviation of the transformed values is, at a typical value.

    Args:
        column: what it measures, and its bound.
        values: of the training split, shape `(n_jets,)`.
        transform: its name.
        fillers: values that are no numbers near others.
    """
    if not len(without(values, fillers)):
        return 1.0
    placed = place(column, values, transform, fillers)
    return float(deviations(placed.transformed, placed.least)) / placed.least
