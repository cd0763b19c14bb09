"""A transform for each column, so that all of them spread evenly: logarithms, fractions, angles, or nothing at all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer

TRANSFORMS = ("identity", "angle", "log", "signed_log", "logit")
TINY = 1e-30  # what is not positive counts as this in a logarithm
MARGIN = 1e-3  # by which a fraction may be 0 or 1 before its logit ends
MAX_LOGIT = 30.0  # beyond it a fraction is 0 or 1
MAX_LOGARITHM = 40.0  # e^40 = 2e17 units: what a network gives for rows unlike all others is still a number


@keras.saving.register_keras_serializable(package=PACKAGE)
class ColumnTransforms(InvertibleLayer):
    """Transform each column x by itself; with `invert`, undo it.

    `identity` is x / scale; `angle` too, and its inverse wraps to [-pi, pi); `log` is ln(x / scale); `signed_log` is
    sgn(x) ln(1 + |x| / scale); `logit` is ln((f + m) / (1 - f + m)) of the fraction f = x / scale, with the margin
    m = 0.001 so that 0 and 1 have values.

    A filler, such as the -999 of a jet without a secondary vertex, is a value and no number near others: it gets a
    place of its own below all of them, and what comes back from below the edge of that place is the filler.

    Args:
        transforms: of each column, of `TRANSFORMS`.
        scales: of each column, positive.
        fillers: of each column, any number of `(value, place, edge)`: the value in x, and its place and edge among
            what is transformed; places fall, and lie below their edges.
        invert: undo it.

    Raises:
        ValueError: an unknown transform, a scale that is not positive, not as many of all, or places that do not fall.

    Example:
        >>> layer = ColumnTransforms(["log", "identity"], [1.0, 2.0], [[], [(-1.0, -3.0, -2.0)]])
        >>> keras.ops.convert_to_numpy(layer(keras.ops.array([[1.0, 4.0], [1.0, -1.0]]))).tolist()
        [[0.0, 2.0], [0.0, -3.0]]
    """

    def __init__(
        self,
        transforms: Sequence[str],
        scales: Sequence[float],
        fillers: Sequence[Sequence[Sequence[float]]] = (),
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.transforms, self.scales, self.invert = list(transforms), [float(s) for s in scales], invert
        given = fillers or [[]] * len(self.scales)
        self.fillers = [[[float(number) for number in one] for one in column] for column in given]
        if len({len(self.transforms), len(self.scales), len(self.fillers)}) > 1:
            raise ValueError(f"Each column has a transform, a scale and fillers. Received: {transforms}, {scales}")
        if not all(0 < s < math.inf for s in self.scales):
            raise ValueError(f"Scales are positive. Received: {scales}")
        for transform in self.transforms:
            if transform not in TRANSFORMS:
                raise ValueError(f"A transform is one of {', '.join(TRANSFORMS)}. Received: {transform!r}")
        for column in self.fillers:
            levels = [level for _, place, edge in column for level in (edge, place)]
            if not all(a > b for a, b in itertools.pairwise(levels)):
                raise ValueError(f"Places of fillers fall, each below its edge. Received: {column}")

    def call(self, x: Any) -> Any:
        """Transform x, shape `(n_jets, n_columns)`, or undo it."""
        x = ops.transpose(x)  # columns of one kind are computed together
        groups = list(_groups(self.transforms))
        one = _undo if self.invert else _apply
        scales = np.array(self.scales)[:, None]
        done = [one(_take(x, at), transform, _constant(x, scales[at])) for transform, at in groups]
        order = np.argsort(np.concatenate([at for _, at in groups]))
        y = _take(ops.concatenate(done, axis=0) if len(done) > 1 else done[0], order)
        for value, place, edge in self._levels():
            if self.invert:
                y = ops.where(ops.less(x, _constant(x, edge)), _constant(x, value), y)
            else:
                y = ops.where(ops.equal(x, _constant(x, value)), _constant(x, place), y)
        return ops.transpose(y)

    def _levels(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the first filler of all columns, then the second: values, places, edges; NaN where there is none."""
        none = [math.nan] * 3
        for level in range(max(map(len, self.fillers), default=0)):
            table = np.array([column[level] if level < len(column) else none for column in self.fillers])
            value, place, edge = table.T[:, :, None]
            yield value, place, edge

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        own = {"transforms": self.transforms, "scales": self.scales, "fillers": self.fillers, "invert": self.invert}
        return {**super().get_config(), **own}


def _groups(transforms: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the columns of each transform."""
    for transform in dict.fromkeys(transforms):
        yield transform, np.flatnonzero([name == transform for name in transforms])


def _take(x: Any, rows: np.ndarray) -> Any:
    """Take rows, where they are not all rows in order."""
    if x.shape[0] == len(rows) and np.all(rows == np.arange(len(rows))):
        return x
    return ops.take(x, rows.astype(np.int32), axis=0)


def _constant(like: Any, values: np.ndarray) -> Any:
    """Make a constant of the values that float32 has, in every precision."""
    return ops.convert_to_tensor(values.astype(np.float32), dtype=like.dtype)


def _apply(x: Any, transform: str, scale: Any) -> Any:
    x = x / scale
    if transform == "log":
        return ops.log(ops.maximum(x, TINY))
    if transform == "signed_log":
        return ops.sign(x) * ops.log(1 + ops.abs(x))
    if transform == "logit":
        return ops.log(ops.maximum(x + MARGIN, TINY)) - ops.log(ops.maximum(1 - x + MARGIN, TINY))
    return x


def _undo(y: Any, transform: str, scale: Any) -> Any:
    if transform == "log":
        return ops.exp(ops.minimum(y, MAX_LOGARITHM)) * scale
    if transform == "signed_log":
        return ops.sign(y) * (ops.exp(ops.minimum(ops.abs(y), MAX_LOGARITHM)) - 1) * scale
    if transform == "logit":
        odds = ops.exp(ops.minimum(y, MAX_LOGIT))
        return (odds * (1 + MARGIN) - MARGIN) / (1 + odds) * scale
    if transform == "angle":
        angle = y * scale
        return angle - 2 * math.pi * ops.floor((angle + math.pi) / (2 * math.pi))
    return y * scale
