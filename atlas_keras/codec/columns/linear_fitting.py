"""Fit predictions: which terms, and their weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.linear import (
    MAX_OFFSET,
    MAX_TERMS,
    MAX_WEIGHT,
    SCALE,
    UNIT_BITS,
    Predictor,
    Term,
    raw_term,
    short,
)  # fmt: skip
from atlas_keras.codec.columns.ordered import to_ordered

ROUNDS = 2  # of fits with outliers weighed less
TERM_BITS = 32.0  # of a term of a prediction, whose center and scale the file has once

Offer = tuple[int, str]  # number of a feature, and the kind of its quantizer


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


def terms_of(feature: int, kind: str, known: Known) -> list[Term]:
    """Return the terms of a feature that are tried, the same for all columns.

    Args:
        feature: its number.
        kind: of its quantizer.
        known: its values.
    """
    values, usable = known.values(feature)
    found = []
    for form in forms_of(values, kind):
        x, defined = raw_term(form, values)
        x = x[usable & defined]
        spread = float(np.std(x)) if len(x) else 0.0
        if 1e-20 < spread < 1e20:
            found.append(Term(feature, form, _shortest(float(np.mean(x))), _shortest(SCALE / spread)))
    if 0.01 < np.mean(usable) < 0.99:
        found.append(Term(feature, "spike", 0.0, 0.0))
    return found


def fit_predictor(
    cells: NDArray[np.int64], usable: NDArray[np.bool_], offered: Sequence[Offer], known: Known
) -> Predictor | None:
    """Fit a predictor of at most 32 terms, which outliers do not draw away.

    Args:
        cells: shape `(n,)`.
        usable: rows that are predicted.
        offered: features that it may be made of.
        known: their values.
    """
    rows = np.flatnonzero(usable)
    y = cells[rows].astype(np.float64)
    if len(y) < 400:
        return None
    low, high = np.quantile(y, [0.002, 0.998])
    y = np.clip(y, low, high)
    terms, columns = [], []
    for feature, kind in offered:
        for term in terms_of(feature, kind, known):
            terms.append(term)
            columns.append(known.term(term)[rows])
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
    return short(int(to_ordered(np.array([x], np.float32))[0]) >> 12 << 12)
