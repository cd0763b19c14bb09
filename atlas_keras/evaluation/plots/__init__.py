"""The plots of an evaluation and of a training, each a matplotlib Figure in the style of mplhep, drawn from tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from atlas_keras.evaluation.observables import ALL, OF_JETS
from atlas_keras.evaluation.plots.before_after import plot_distribution, plot_input
from atlas_keras.evaluation.plots.correlation import plot_correlation, plot_residual_pairs
from atlas_keras.evaluation.plots.profiles import PROFILED, plot_profile, plot_relative_error
from atlas_keras.evaluation.plots.residuals import plot_residual, plot_tail
from atlas_keras.evaluation.plots.training import plot_learning_rates, plot_loss
from atlas_keras.evaluation.tables import PROFILE_AGAINST
from atlas_keras.schema import FOUR_MOMENTUM

__all__ = [
    "PROFILED",
    "plot_correlation",
    "plot_distribution",
    "plot_evaluation",
    "plot_input",
    "plot_learning_rates",
    "plot_loss",
    "plot_profile",
    "plot_relative_error",
    "plot_residual",
    "plot_residual_pairs",
    "plot_tail",
]


def plot_evaluation(tables: Mapping[str, pd.DataFrame], labels: Mapping[str, str], unit: str) -> dict[str, Figure]:
    """Draw all plots of an evaluation.

    Args:
        tables: of an `Evaluation`.
        labels: of its methods.
        unit: of energies.

    Returns:
        Figures by the names of their files. What there is nothing of, such as dijets of events with one jet, has none.
    """
    figures = {f"input_{v.name}": plot_input(tables["histograms"], v.name, unit) for v in OF_JETS}
    for jets in ("before", "after"):
        figures[f"correlation_{jets}"] = plot_correlation(tables["correlation"], jets)
    for name in ALL:
        if (tables["histograms"]["variable"] == name).any():
            figures[f"distribution_{name}"] = plot_distribution(tables["histograms"], name, labels, unit)
        if (tables["residuals"]["variable"] == name).any():
            figures[f"residual_{name}"] = plot_residual(tables["residuals"], tables["summary"], name, labels)
            figures[f"tail_{name}"] = plot_tail(tables["tails"], name, labels)
    figures["residual_pairs"] = plot_residual_pairs(tables["residual_pairs"], tables["residual_correlation"])
    for against in PROFILE_AGAINST:
        figures[f"profile_{against}"] = plot_profile(tables["profiles"], against, labels, unit)
    for name in FOUR_MOMENTUM.names:
        figures[f"relative_error_{name}"] = plot_relative_error(tables["relative_errors"], name, labels, unit)
    return figures
