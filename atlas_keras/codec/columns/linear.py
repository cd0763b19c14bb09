"""Predict the cells of a column from earlier columns of the same row: a sum of few terms, in whole numbers.

A term is a value, its logarithm, its square, its size, the logarithm of its cosh, or whether it is a spike. Each is
computed by operations that IEEE 754 rounds exactly, and becomes a whole number; so does the prediction, the same on
every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.compiled import COMPILES, call, compiled
from atlas_keras.codec.columns.features import DISTANCE, PREDICTED
from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.ordered import exp2, from_ordered, log2, one_exp2, one_log2, to_ordered
from atlas_keras.errors import JetDataError

Float = NDArray[np.float64]
FORMS = ("value", "log", "square", "size", "cosh", "spike")
SCALE, CLIP = 1 << 12, (1 << 15) - 1  # a standard deviation of a term, and where it is cut
UNIT_BITS = 20
MAX_WEIGHT, MAX_OFFSET = 1 << 40, 1 << 60
MAX_TERMS = 32
_, LOG, SQUARE, SIZE, COSH, _ = range(len(FORMS))
LARGEST = 1e30  # a value beyond is no term
LOG2_E = 1.4426950408889634
ROWS = 1 << 12  # that fit into a fast memory


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

    def fill(self, found: NDArray[np.int16], values: NDArray, usable: NDArray[np.bool_]) -> None:
        """Compute the term of each row; where values are not usable it is 0.

        Args:
            found: shape `(n,)`, written.
            values, usable: of the feature, the same shape.
        """
        if self.form == "spike":
            found[:] = np.where(usable, 0, SCALE)
        elif COMPILES:
            with np.errstate(invalid="ignore"):  # of NaN that signal
                x = values.astype(np.float64, copy=False)
            one = 1.0 if values.dtype.kind in "iub" else 0.0
            call(fill_term, found, x, usable, FORMS.index(self.form), one, self.center, self.scale)
        else:
            x, defined = raw_term(self.form, values)
            with np.errstate(all="ignore"):
                scaled = np.clip(np.rint((x - self.center) * self.scale), -CLIP, CLIP)
            found[:] = np.where(usable & defined, scaled, 0)

    @property
    def key(self) -> tuple[int, int, float, float]:
        """What terms are sorted by in a file."""
        return self.feature, FORMS.index(self.form), self.center, self.scale

    def write(self, writer: ByteWriter) -> None:
        """Write the term."""
        writer.number(self.feature * len(FORMS) + FORMS.index(self.form))
        for x in (self.center, self.scale):
            writer.signed(int(to_ordered(np.array([x], np.float32))[0]) >> 12)

    @classmethod
    def read(cls, reader: ByteReader) -> Term:
        """Read what `write` wrote.

        Raises:
            JetDataError: a term that cannot be.
        """
        feature, form = divmod(reader.number(1 << 30), len(FORMS))
        bits = [reader.signed() for _ in range(2)]
        found = cls(feature, FORMS[form], *(short(b << 12) if abs(b) < 1 << 20 else math.nan for b in bits))
        if not (math.isfinite(found.center) and math.isfinite(found.scale)):
            raise JetDataError("a column has an impossible prediction")
        return found


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

    def predict(self, known: Known) -> NDArray[np.int64]:
        """Predict cells, shape `(n,)`.

        Raises:
            JetDataError: a feature has other rows.
        """
        total = np.full(known.rows.n, self.offset, np.int64)
        weights = np.array(self.weights, np.int64)
        fits = bool(np.all(np.abs(weights) < 1 << 31))
        for terms, places, chosen in known.terms(self.terms):
            if COMPILES:
                call(add_weighted, total, terms, places, weights[chosen].astype(np.int32 if fits else np.int64))
            else:
                total += weights[chosen] @ terms[places].astype(np.int64)
        return total >> UNIT_BITS

    def write(self, writer: ByteWriter, terms: Mapping[Term, int]) -> None:
        """Write the predictor.

        Args:
            writer: for the bytes.
            terms: the places of all terms in the file.
        """
        writer.number(len(self.terms))
        writer.signed(self.offset)
        before = -1
        for place, weight in sorted((terms[t], w) for t, w in zip(self.terms, self.weights, strict=True)):
            writer.number(place - before - 1)
            writer.signed(weight)
            before = place

    @classmethod
    def read(cls, reader: ByteReader, n_features: int, terms: Sequence[Term]) -> Predictor:
        """Read what `write` wrote.

        Args:
            reader: of the content.
            n_features: only these, the first ones, may be used.
            terms: of the file.

        Raises:
            JetDataError: a predictor that cannot be.
        """
        n = reader.number(MAX_TERMS)
        offset = reader.signed()
        chosen, weights, before = [], [], -1
        for _ in range(n):
            before += 1 + reader.number(len(terms))
            weights.append(reader.signed())
            sound = before < len(terms) and terms[before].feature < n_features and abs(weights[-1]) <= MAX_WEIGHT
            if not sound or terms[before].feature in (PREDICTED, DISTANCE) or abs(offset) > MAX_OFFSET:
                raise JetDataError("a column has an impossible prediction")
            chosen.append(terms[before])
        if abs(offset) > MAX_OFFSET:
            raise JetDataError("a column has an impossible prediction")
        return cls(tuple(chosen), tuple(weights), offset)


@compiled
def fill_term(found: Any, values: Any, usable: Any, form: int, one: float, center: float, scale: float) -> None:
    """Compute the term of each row: what `Term.of` computes by NumPy, by the same operations in the same order.

    Args:
        found: shape `(n,)`, written.
        values, usable: of the feature, the same shape.
        form: place in `FORMS`.
        one: what is added to a size before its logarithm: 1 for whole numbers.
        center, scale: of the term.
    """
    for row in range(len(found)):
        x = values[row]
        size = abs(x)
        found[row] = 0
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
        found[row] = int(min(max(np.rint((x - center) * scale), -CLIP), CLIP))


@compiled
def add_weighted(total: Any, terms: Any, places: Any, weights: Any) -> None:
    """Add terms times their weights to a total of each row; some rows at a time.

    Args:
        total: shape `(n,)`, changed.
        terms: shape `(n_terms, n)`.
        places: which of the terms.
        weights: of these, int32 where they are so small, which is faster.
    """
    for begin in range(0, len(total), ROWS):
        end = min(begin + ROWS, len(total))
        for k in range(len(weights)):
            weight, place = weights[k], places[k]
            for row in range(begin, end):
                total[row] += weight * terms[place, row]


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


def short(ordered: int) -> float:
    """Return the float32 with these bits, in order."""
    return float(from_ordered(np.array([ordered]), np.dtype(np.float32))[0])
