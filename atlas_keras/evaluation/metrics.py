"""All figures of an evaluation in one dictionary: what `metrics.json` holds about a set of jets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.baselines import Baseline
from atlas_keras.evaluation.method_tally import MethodTally
from atlas_keras.evaluation.observables import Observables, all_columns, can_be_spacelike, derived_of
from atlas_keras.evaluation.published_figures import PublishedSpace, published_means
from atlas_keras.evaluation.records import DerivedSummary, Figures
from atlas_keras.evaluation.residuals import summarize
from atlas_keras.schema import Collection


def evaluate_jets(
    x: NDArray,
    x_hat: NDArray,
    collection: Collection,
    event: NDArray[np.int64],
    space: PublishedSpace | None,
    baselines: Iterable[Baseline],
) -> dict[str, Any]:
    """Compute the figures of jets that went through a model, and of the baselines on the same jets.

    Args:
        x, x_hat: jets before and after, shape `(n_jets, n_columns)`.
        collection: what the columns are.
        event: which event each jet belongs to, shape `(n_jets,)`.
        space: in which the published figures are measured; None where the columns are others than theirs.
        baselines: fitted on the training split.

    Returns:
        The dictionary form of `Figures`, and `baselines` with the same for each baseline and its `formula`.
    """
    before = Observables.of_events(x, collection, event)
    n_spacelike = before.n_spacelike()

    def figures(jets: NDArray) -> dict[str, Any]:
        after = Observables(jets, collection, before.pairs)
        return figures_of(MethodTally.of(before, after, space), collection, n_spacelike).to_dict()

    others = {b.name: {"formula": b.formula, **figures(b(x))} for b in baselines}
    return {**figures(x_hat), "baselines": others}


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
