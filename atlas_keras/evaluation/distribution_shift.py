"""Whether jets look like those that a model was trained on: range and distribution of each variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.addable import Addable
from atlas_keras.evaluation.fine_histogram import FineHistogram, usable
from atlas_keras.evaluation.observables import TRANSVERSE, Observables, all_columns
from atlas_keras.evaluation.reference import FRACTIONS, Distribution, Reference
from atlas_keras.kinematics import delta_phi
from atlas_keras.schema import Collection, Column

OUTSIDE = 1e-3  # a larger fraction of jets outside of the range of the training is told loudly
FEW = 3  # but not that many jets: also of jets like those of the training some are a little outside
SHIFT = 0.1  # a larger distance between the cumulative distributions is told loudly
SIGNIFICANCE = 1.95  # of that distance, by Kolmogorov and Smirnov at 0.1 %: few jets prove nothing
UNIT_RATIO = 100.0  # a median so many times off is rather another unit than other physics


@dataclass(frozen=True)
class ShiftTally(Addable):
    """What is counted of jets beside a training split.

    Args:
        values: of the observables of the jets, by name.
        below, above: jets beyond the range of the training, by observable.
        n_outside: jets with at least one observable out of its range.
    """

    values: dict[str, FineHistogram]
    below: dict[str, int]
    above: dict[str, int]
    n_outside: int

    @classmethod
    def of(cls, observables: Observables, reference: Reference) -> ShiftTally:
        """Count jets.

        Args:
            observables: of the jets, in the unit of the reference.
            reference: of the run.
        """
        values, below, above = {}, {}, {}
        for name, seen in reference.distributions.items():
            found = observables[name]
            beyond = found[_outside(observables.all[name], found, seen)]
            values[name] = FineHistogram.of(usable(found))
            below[name] = int(np.sum(beyond < seen.quantiles[0]))
            above[name] = int(np.sum(beyond > seen.quantiles[-1]))
        return cls(values, below, above, int(np.sum(outside_of_range(observables, reference))))


def compare(tally: ShiftTally, reference: Reference, collection: Collection) -> dict[str, Any]:
    """Compare jets with the training split.

    Args:
        tally: of the jets.
        reference: of the run.
        collection: what the columns are.

    Returns:
        `alike`; `outside_fraction` of jets with at least one variable out of range; `maybe_unit` where the energies are
        off by orders of magnitude; `variables` -> for each `unit`, `verdict` (`alike`, `shifted`, `out of range`),
        `outside_fraction`, `below`, `above` (jets), `low`, `high` (their range), `training_low`, `training_high` and
        `distance` (the largest between both cumulative distributions).
    """
    columns = all_columns(collection)
    variables = {
        name: {"unit": columns[name].unit(reference.unit), **_compare_one(name, tally, seen, reference.n_jets)}
        for name, seen in reference.distributions.items()
    }
    n_jets = next(iter(tally.values.values())).n
    return {
        "alike": all(v["verdict"] == "alike" for v in variables.values()),
        "outside_fraction": tally.n_outside / n_jets,
        "maybe_unit": _maybe_unit(tally, reference),
        "variables": variables,
    }


def outside_of_range(observables: Observables, reference: Reference) -> NDArray[np.bool_]:
    """Mark the jets with at least one variable outside of its range in the training split, shape `(n_jets,)`."""
    outside = np.zeros(len(observables.jets), bool)
    for name, seen in reference.distributions.items():
        outside |= _outside(observables.all[name], observables[name], seen)
    return outside


def _outside(column: Column, values: NDArray[np.float64], seen: Distribution) -> NDArray[np.bool_]:
    """Mark values outside of the range of the training; an angle is inside if it is so in one way of writing it."""
    low, high = seen.quantiles[0], seen.quantiles[-1]
    outside = (values < low) | (values > high)
    if column.periodic:
        wrapped = delta_phi(values, 0.0)
        outside &= (wrapped < low) | (wrapped > high)
    return outside


def _compare_one(name: str, tally: ShiftTally, seen: Distribution, n_training: int) -> dict[str, Any]:
    values, below, above = tally.values[name], tally.below[name], tally.above[name]
    fraction = (below + above) / values.n
    distance = _distance(values, seen)
    noise = SIGNIFICANCE * np.sqrt(1 / values.n + 1 / n_training)
    out_of_range = fraction > OUTSIDE and below + above > FEW
    shifted = distance > max(SHIFT, noise)
    return {
        "verdict": "out of range" if out_of_range else "shifted" if shifted else "alike",
        "outside_fraction": fraction,
        "below": below,
        "above": above,
        "low": values.low,
        "high": values.high,
        "training_low": seen.quantiles[0],
        "training_high": seen.quantiles[-1],
        "distance": distance,
    }


def _distance(values: FineHistogram, seen: Distribution) -> float:
    """Compute the Kolmogorov-Smirnov distance at the stored quantiles: just below each, and at it."""
    points = np.asarray(seen.quantiles)
    below, up_to = (values.counts_below(points, side) / values.n for side in ("left", "right"))
    # Of equal quantiles the first one has the fraction below the value, the last one that up to and with it.
    first = FRACTIONS[np.searchsorted(points, points, "left")]
    last = FRACTIONS[np.searchsorted(points, points, "right") - 1]
    return float(max(np.max(np.abs(below - first)), np.max(np.abs(up_to - last))))


def _maybe_unit(tally: ShiftTally, reference: Reference) -> bool:
    if TRANSVERSE not in tally.values:
        return False
    seen = reference.distributions[TRANSVERSE].quantiles
    ratio = float(tally.values[TRANSVERSE].quantiles(0.5)) / seen[len(seen) // 2]
    return not 1 / UNIT_RATIO < ratio < UNIT_RATIO


def sentences(comparison: dict[str, Any]) -> list[str]:
    """Say where the jets do not look like those of the training, the most important first; nothing where they do."""
    said = []
    if comparison["maybe_unit"]:
        said.append(f"{TRANSVERSE} is off by orders of magnitude; is the unit of the file right?")
    for name, v in comparison["variables"].items():
        unit = "" if v["unit"] == "1" else f" {v['unit']}"
        if v["verdict"] == "out of range":
            said.append(
                f"{name}: {100 * v['outside_fraction']:.2g} % of them are outside of "
                f"{_plain(v['training_low'])} to {_plain(v['training_high'])}{unit} "
                f"({v['below']:,} below, {v['above']:,} above)"
            )
        elif v["verdict"] == "shifted":
            said.append(f"{name}: distributed differently, by {v['distance']:.2f} in the cumulative distribution")
    return said


def _plain(value: float) -> str:
    """Write a number with four digits and no power of ten."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:g}"
