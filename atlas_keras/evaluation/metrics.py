"""All figures of a method on a set of jets, as `metrics.json` holds them, from what was counted of them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from atlas_keras.evaluation.fine_histogram import FineHistogram
from atlas_keras.evaluation.method_tally import MethodTally
from atlas_keras.evaluation.observables import all_columns, can_be_spacelike, derived_of
from atlas_keras.evaluation.published_figures import published_means
from atlas_keras.evaluation.records import SUMMARY, DerivedSummary, Figures, Summary
from atlas_keras.schema import Collection


def figures_of(tally: MethodTally, collection: Collection, n_spacelike: int) -> Figures:
    """Compute the figures of one method.

    Args:
        tally: of its jets.
        collection: what the columns are.
        n_spacelike: jets that are spacelike before.
    """
    n = tally.n_jets
    has_momenta = can_be_spacelike(collection)
    return Figures(
        test={name: summarize(tally.residuals[name]) for name in collection.names},
        derived={d.column.name: _summary(tally, d.column.name) for d in derived_of(collection)},
        absolute={name: summarize(tally.absolute[name]) for name, c in all_columns(collection).items() if c.is_energy},
        spacelike_fraction=tally.n_spacelike / n if has_momenta else None,
        spacelike_fraction_before=n_spacelike / n if has_momenta else None,
        published=published_means(tally.published) if tally.published else None,
        normalized_mse=next((float(total / number) for total, number in tally.squares.values()), None),
        exact_fraction={name: n_exact / n for name, n_exact in tally.n_exact.items()} or None,
    )


def _summary(tally: MethodTally, name: str) -> DerivedSummary:
    """Summarize the residual of a derived observable, where it has one; count where it has none."""
    found = tally.residuals[name]
    return DerivedSummary(**asdict(summarize(found)), n=found.n, n_not_positive=tally.n_without[name])


def summarize(residual: FineHistogram) -> Summary:
    """Summarize a residual by moments and by quantiles of its absolute value; all None where it is empty."""
    n, size = residual.n, residual.sizes
    if n == 0:
        return Summary(*[None] * len(SUMMARY))
    p50, p68, p95, p99 = map(float, size.quantiles((0.5, 0.68, 0.95, 0.99)))
    rms = float(np.sqrt(residual.sum_squares / n))
    return Summary(size.total / n, p50, rms, p68, p95, p99, size.high, residual.total / n)
