"""The plots of an evaluation and of a training, each a matplotlib Figure in the style of mplhep, drawn from tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from atlas_keras.evaluation.observables import PROFILED_AGAINST, all_columns, columns_of_jets
from atlas_keras.evaluation.plots.before_after import plot_distribution, plot_input
from atlas_keras.evaluation.plots.correlation import plot_correlation, plot_residual_pairs
from atlas_keras.evaluation.plots.event_display import plot_event
from atlas_keras.evaluation.plots.history import plot_learning_rates, plot_loss
from atlas_keras.evaluation.plots.profiles import PROFILED, plot_profile, plot_relative_error
from atlas_keras.evaluation.plots.residual_histograms import plot_residual, plot_tail
from atlas_keras.evaluation.tables import MAX_PAIRED
from atlas_keras.schema import Collection

__all__ = ["PROFILED", "plot_evaluation", "plot_learning_rates", "plot_loss"]


def plot_evaluation(
    tables: Mapping[str, pd.DataFrame], collection: Collection, labels: Mapping[str, str], unit: str
) -> dict[str, Figure]:
    """Draw all plots of an evaluation.

    Args:
        tables: of an `Evaluation`.
        collection: what the columns of the jets are.
        labels: of its methods.
        unit: of energies.

    Returns:
        Figures by the names of their files. What there is nothing of, such as dijets of events with one jet, has none.
    """
    of_jets, everything, word = columns_of_jets(collection), all_columns(collection), collection.word
    figures = {f"input_{c.name}": plot_input(tables["histograms"], c, unit, word) for c in of_jets}
    for jets in ("before", "after"):
        figures[f"correlation_{jets}"] = plot_correlation(tables["correlation"], of_jets, jets)
    for name, column in everything.items():
        if (tables["histograms"]["variable"] == name).any():
            figures[f"distribution_{name}"] = plot_distribution(tables["histograms"], column, labels, unit, word)
        if (tables["residuals"]["variable"] == name).any():
            figures[f"residual_{name}"] = plot_residual(tables["residuals"], tables["summary"], column, labels, word)
            figures[f"tail_{name}"] = plot_tail(tables["tails"], column, labels)
    pairs, ranks, worst = tables["residual_pairs"], tables["residual_correlation"], of_jets
    if len(of_jets) > MAX_PAIRED:
        worst = tuple(c for c in of_jets if c.name in {*pairs["x"], *pairs["y"]})
    if len(worst) > 1:
        figures["residual_pairs"] = plot_residual_pairs(pairs, ranks, worst)
    for against in PROFILED_AGAINST:
        profiles = tables["profiles"][tables["profiles"]["variable"].isin([c.name for c in worst])]
        if (profiles["against"] == against).any():
            figures[f"profile_{against}"] = plot_profile(profiles, everything, against, labels, unit)
    for column in collection:
        figures[f"relative_error_{column.name}"] = plot_relative_error(tables["relative_errors"], column, labels, unit)
    for rank, event in tables["worst_events"].groupby("rank"):
        figures[f"event_{rank}"] = plot_event(event, everything, labels, unit)
    return figures
