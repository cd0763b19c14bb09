"""Plots of errors against the jet: residuals with their bands against pt, eta and mass, relative errors by bins."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from atlas_keras.evaluation.baselines import GUESSED
from atlas_keras.evaluation.plots.style import (
    METHOD_STYLE,
    SMALLEST,
    axis_label,
    bins_of,
    fitting,
    panels,
    power_label,
    power_of,
    scale_log,
    scale_x,
    styled,
)
from atlas_keras.evaluation.tables import BANDS
from atlas_keras.schema import Column

PROFILE_HEIGHT = 1.45  # of a panel, inches
PROFILED = ("model", "against", "constant_mass")  # the best formula alone: more bands would hide each other


@styled
def plot_profile(
    profiles: pd.DataFrame, columns: Mapping[str, Column], against: str, labels: Mapping[str, str], unit: str
) -> Figure:
    """Plot the residual of every variable against one of them: median, central 68 and 95 %.

    Args:
        profiles: of `atlas_keras.evaluation.tables.profiles`.
        columns: all observables by name.
        against: name of one of them.
        labels: of the methods.
        unit: of energies.
    """
    part = profiles[profiles["against"] == against]
    shown = [column for name, column in columns.items() if (part["variable"] == name).any()]
    figure, axes = panels([PROFILE_HEIGHT] * len(shown), gap=0.16)
    for axis, column in zip(axes, shown, strict=True):
        _profile(axis, part[part["variable"] == column.name], column, labels)
    scale_x(axes, columns[against], part["low"].min(), part["high"].max())
    axes[-1].set_xlabel(axis_label(columns[against], unit))
    drawn = [axis.get_legend_handles_labels() for axis in axes]
    handles, texts = max(drawn, key=lambda entry: len(entry[0]))
    figure.legend(handles[::-1], texts[::-1], ncols=3, loc="upper right", fontsize=9.5, columnspacing=1,
                  handlelength=1.4, borderpad=0.1, borderaxespad=0.3)  # fmt: skip
    return figure


def _profile(axis: Axes, part: pd.DataFrame, column: Column, labels: Mapping[str, str]) -> None:
    """Draw one variable, scaled to the bands of the models; a formula that is far beyond is left out, and said so."""
    rows = {key: part[part["method"] == key] for key in PROFILED if key in labels}
    formula = rows.pop("constant_mass", None)
    models = pd.concat(rows.values())
    edges = np.maximum(models["high95"].abs(), models["low95"].abs())
    largest = min(edges.max(), 3 * np.quantile(edges, 0.8))  # one bin of few jets does not hide all others
    reach = 1.15 * largest if largest > SMALLEST else 1.0
    exponent = power_of(reach)
    if formula is not None and column.name in GUESSED:
        edge = np.median(np.maximum(formula["high68"].abs(), formula["low68"].abs()))
        if edge < 2 * reach:
            rows["constant_mass"] = formula
        else:
            axis.text(0.98, 0.05, f"{labels['constant_mass']}: off scale", transform=axis.transAxes, ha="right",
                      fontsize=9, bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5})  # fmt: skip
    for key in reversed(rows):
        _bands(axis, rows[key], key, labels[key], 10.0**exponent)
    axis.axhline(0, color="0.4", linewidth=0.8)
    axis.set(ylabel=power_label(column, exponent), ylim=(-reach / 10.0**exponent, reach / 10.0**exponent))
    axis.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
    axis.yaxis.label.set_fontsize(fitting(axis.get_ylabel(), PROFILE_HEIGHT, 12))


def _bands(axis: Axes, rows: pd.DataFrame, key: str, label: str, scale: float) -> None:
    """Draw the bands of one method: filled for the model, lines for the others."""
    x = np.append(rows["low"].to_numpy(), rows["high"].iloc[-1])
    column = {name: np.append(rows[name].to_numpy(), rows[name].iloc[-1]) / scale for name in BANDS}
    style = METHOD_STYLE[key]
    if key == "model":
        for low, high, alpha in (("low95", "high95", 0.15), ("low68", "high68", 0.35)):
            axis.fill_between(x, column[low], column[high], step="post", color=style["color"], alpha=alpha, linewidth=0)
    else:
        for edge in ("low68", "high68"):
            axis.step(x, column[edge], where="post", color=style["color"], linewidth=0.9, linestyle="--")
    axis.step(x, column["median"], where="post", label=label, **style)


@styled
def plot_relative_error(errors: pd.DataFrame, column: Column, labels: Mapping[str, str], unit: str) -> Figure:
    """Plot the mean |relative error| of a variable in bins of itself, as the notebooks do.

    Args:
        errors: of `atlas_keras.evaluation.tables.relative_errors`.
        column: the variable.
        labels: of the methods; those without an error are left out.
        unit: of energies.
    """
    part, edges = bins_of(errors, column)
    figure, (axes,) = panels()
    for key in reversed(list(labels)):
        values = part[key].to_numpy()
        if np.nansum(values) > 0:
            axes.stairs(
                np.where(values > 0, values, np.nan), edges, baseline=None, label=labels[key], **METHOD_STYLE[key]
            )
    low, high = _positive_range(part[list(labels)].to_numpy())
    scale_log(axes.yaxis)
    axes.set(xlabel=axis_label(column, unit), ylabel="mean |relative error|")
    axes.set_ylim(low / 2, high * (high / low) ** 0.35 * 3)
    if not axes.get_legend_handles_labels()[0]:
        axes.text(0.5, 0.5, "no error", transform=axes.transAxes, ha="center")
    scale_x([axes], column, edges[0], edges[-1])
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], ncols=2, loc="upper right", columnspacing=1)
    return figure


def _positive_range(values: np.ndarray) -> tuple[float, float]:
    positive = values[np.nan_to_num(values) > 0]
    return (float(positive.min()), float(positive.max())) if positive.size else (1e-9, 1e-8)
