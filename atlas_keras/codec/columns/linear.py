"""Predict the cells of a column from earlier columns of the same row: a sum of few terms, in whole numbers.

A term is a value, its logarithm, its square, its size, the logarithm of its cosh, or whether it is a spike. Each is
computed by operations that IEEE 754 rounds exactly, and becomes a whole number; so does the prediction, the same on
every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.compiled import COMPILES, compiled
from atlas_keras.codec.columns.ordered import exp2, from_ordered, log2, one_exp2, one_log2, to_ordered
from atlas_keras.errors import JetDataError

Float = NDArray[np.float64]
FORMS = ("value", "log", "square", "size", "cosh", "spike")
SCALE, CLIP = 1 << 12, 1 << 15  # a standard deviation of a term, and where it is cut
UNIT_BITS = 20
MAX_WEIGHT, MAX_OFFSET = 1 << 40, 1 << 60
MAX_TERMS = 32
_, LOG, SQUARE, SIZE, COSH, SPIKE = range(len(FORMS))
LARGEST = 1e30  # a value beyond is no term
LOG2_E = 1.4426950408889634
ROUNDS = 2  # of fits with outliers weighed less
TERM_BITS = 56.0


@dataclass(frozen=True)
class Term:
    """A term.

    Args:
        feature: number of the feature that it is computed from.
        form: of `FORMS`.
        center: what is taken off.
        scale: what is multiplied by then.
    """

    feature: int
    form: str
    center: float
    scale: float

    def of(self, values: NDArray, usable: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Compute the term of each row; where values are not usable it is 0."""
        if self.form == "spike":
            return np.where(usable, 0, SCALE)
        x, known = raw_term(self.form, values)
        with np.errstate(all="ignore"):
            scaled = np.clip(np.rint((x - self.center) * self.scale), -CLIP, CLIP)
        return np.where(usable & known & np.isfinite(scaled), scaled, 0).astype(np.int64)


@dataclass(frozen=True)
class Predictor:
    """A prediction: (sum of weight x term + offset) / 2^20, rounded down.

    Args:
        terms: what is summed up.
        weights: of the terms.
        offset: of the sum.
    """

    terms: tuple[Term, ...]
    weights: tuple[int, ...]
    offset: int

    def predict(self, values_of: Callable[[int], tuple[NDArray, NDArray[np.bool_]]], n: int) -> NDArray[np.int64]:
        """Predict cells, shape `(n,)`.

        Args:
            values_of: the values of a feature, and which of them are no spikes.
            n: number of rows.

        Raises:
            JetDataError: a feature has other rows.
        """
        total = np.full(n, self.offset, np.int64)
        for term, weight in zip(self.terms, self.weights, strict=True):
            values, usable = values_of(term.feature)
            if len(values) != n:
                raise JetDataError("a prediction depends on a column with other rows")
            if COMPILES:
                with np.errstate(invalid="ignore"):  # of NaN that signal
                    x = values.astype(np.float64, copy=False)
                one = 1.0 if values.dtype.kind in "iub" else 0.0
                add_term(total, x, usable, FORMS.index(term.form), one, term.center, term.scale, weight)
            else:
                total += weight * term.of(values, usable)
        return total >> UNIT_BITS

    def write(self, writer: ByteWriter) -> None:
        """Write the predictor."""
        writer.number(len(self.terms))
        writer.signed(self.offset)
        for term, weight in zip(self.terms, self.weights, strict=True):
            writer.number(term.feature * len(FORMS) + FORMS.index(term.form))
            writer.signed(weight)
            for x in (term.center, term.scale):
                writer.signed(int(to_ordered(np.array([x], np.float32))[0]) >> 12)

    @classmethod
    def read(cls, reader: ByteReader, n_features: int) -> Predictor:
        """Read what `write` wrote.

        Raises:
            JetDataError: a predictor that cannot be.
        """
        n = reader.number(MAX_TERMS)
        offset = reader.signed()
        terms, weights = [], []
        for _ in range(n):
            feature, form = divmod(reader.number(n_features * len(FORMS) - 1), len(FORMS))
            weights.append(reader.signed())
            bits = [reader.signed() for _ in range(2)]
            if max(map(abs, bits)) >= 1 << 20 or abs(weights[-1]) > MAX_WEIGHT or abs(offset) > MAX_OFFSET:
                raise JetDataError("a column has an impossible prediction")
            terms.append(Term(feature, FORMS[form], *(_short(b << 12) for b in bits)))
            if not (np.isfinite(terms[-1].center) and np.isfinite(terms[-1].scale)):
                raise JetDataError("a column has an impossible prediction")
        return cls(tuple(terms), tuple(weights), offset)


@compiled
def add_term(
    total: Any, values: Any, usable: Any, form: int, one: float, center: float, scale: float, weight: int
) -> None:
    """Add a weighted term to each row: what `Term.of` computes, by the same operations in the same order.

    Args:
        total: shape `(n,)`, changed.
        values, usable: of the feature, the same shape.
        form: place in `FORMS`.
        one: what is added to a size before its logarithm: 1 for whole numbers.
        center, scale: of the term.
        weight: of the term.
    """
    for row in range(len(total)):
        if form == SPIKE:
            if not usable[row]:
                total[row] += weight * SCALE
            continue
        x = values[row]
        size = abs(x)
        if not (usable[row] and size < LARGEST):
            continue
        if form == LOG:
            size += one
            if size <= 0:
                continue
            x = one_log2(size)
        elif form == SQUARE:
            x = x * x
        elif form == SIZE:
            x = size
        elif form == COSH:
            power = min(size, 100.0) * LOG2_E
            x = one_log2(one_exp2(power) + one_exp2(-power))
        scaled = min(max(np.rint((x - center) * scale), -CLIP), CLIP)
        total[row] += weight * int(scaled)


def raw_term(form: str, values: NDArray) -> tuple[Float, NDArray[np.bool_]]:
    """Compute a form of values, and where there is one."""
    with np.errstate(all="ignore"):
        x = values.astype(np.float64)
        known = np.abs(x) < LARGEST
        x = np.where(known, x, 0.0)
        if form == "square":
            return x * x, known
        if form == "size":
            return np.abs(x), known
        if form == "log":
            size = np.abs(x) + (1.0 if values.dtype.kind in "iub" else 0.0)
            return log2(np.where(size > 0, size, 1.0)), known & (size > 0)
        if form == "cosh":
            power = np.minimum(np.abs(x), 100.0) * LOG2_E
            return log2(exp2(power) + exp2(-power)), known
        return x, known


def forms_of(values: NDArray, kind: str) -> list[str]:
    """Return the forms that are tried of a column.

    Args:
        values: of a sample.
        kind: of its quantizer.
    """
    if values.dtype.kind == "b":
        return ["value"]
    if values.dtype.kind in "iu":
        return ["value", "log"]
    if kind in ("absolute", "angle"):
        return ["value", "square", "size", "cosh"]
    with np.errstate(invalid="ignore"):
        return ["value", "log"] if np.mean(values < 0) < 0.01 else ["value", "log", "size"]


def fit_predictor(
    cells: NDArray[np.int64], usable: NDArray[np.bool_], offered: Sequence[tuple[int, str, NDArray, NDArray[np.bool_]]]
) -> Predictor | None:
    """Fit a predictor of at most 32 terms, which outliers do not draw away.

    Args:
        cells: shape `(n,)`.
        usable: rows that are predicted.
        offered: number of a feature, kind of its quantizer, its values, and which of these are no spikes.
    """
    rows = np.flatnonzero(usable)
    y = cells[rows].astype(np.float64)
    if len(y) < 400:
        return None
    low, high = np.quantile(y, [0.002, 0.998])
    y = np.clip(y, low, high)
    terms, columns = [], []
    for feature, kind, values, known in offered:
        for form in forms_of(values, kind):
            x, defined = raw_term(form, values)
            x = x[known & defined]
            spread = float(np.std(x)) if len(x) else 0.0
            if not 1e-20 < spread < 1e20:
                continue
            term = Term(feature, form, _shortest(float(np.mean(x))), _shortest(SCALE / spread))
            terms.append(term)
            columns.append(term.of(values, known)[rows])
        if 0.01 < np.mean(known) < 0.99:
            terms.append(Term(feature, "spike", 0.0, 0.0))
            columns.append(terms[-1].of(values, known)[rows])
    if not terms:
        return None
    design = np.vstack([*(c.astype(np.float64) / SCALE for c in columns), np.ones(len(rows))])
    kept = np.arange(len(terms))
    weight = np.ones(len(rows))
    sizes = [len(kept)] * ROUNDS + [size for size in (64, 32) if size < len(kept)] + [MAX_TERMS] * 2
    w = np.zeros(len(kept) + 1)
    for size in sizes:
        if size < len(kept):
            kept = np.sort(kept[np.argsort(-np.abs(w[:-1]))[:size]])
        part = design[np.append(kept, len(terms))]
        gram = (part * weight) @ part.T
        w = np.linalg.solve(gram + 1e-6 * weight.sum() * np.eye(len(gram)), (part * weight) @ y)
        error = np.abs(y - w @ part)
        weight = 1 / (1 + (error / (3 * (np.median(error) + 1))) ** 2)
    whole = np.rint(w[:-1] / SCALE * (1 << UNIT_BITS))
    offset = np.rint((w[-1] + 0.5) * (1 << UNIT_BITS))
    if np.abs(whole).max() > MAX_WEIGHT or abs(offset) > MAX_OFFSET:
        return None
    return Predictor(tuple(terms[k] for k in kept), tuple(int(x) for x in whole), int(offset))


def _shortest(x: float) -> float:
    """Round to what takes few bytes: 20 bits of a float32."""
    return _short(int(to_ordered(np.array([x], np.float32))[0]) >> 12 << 12)


def _short(ordered: int) -> float:
    return float(from_ordered(np.array([ordered]), np.dtype(np.float32))[0])
