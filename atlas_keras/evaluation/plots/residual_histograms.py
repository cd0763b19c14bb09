"""Plots of residuals: the core as a histogram, and how many jets err by more than so much."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from atlas_keras.evaluation.baselines import changing
from atlas_keras.evaluation.observables import counted
from atlas_keras.evaluation.plots.style import (
    METHOD_STYLE,
    SMALLEST,
    bins_of,
    panels,
    residual_label,
    scale_counts,
    scale_log,
    styled,
)
from atlas_keras.schema import Column


@styled
def plot_residual(
    residuals: pd.DataFrame, summary: pd.DataFrame, column: Column, labels: Mapping[str, str], word: str
) -> Figure:
    """Plot the histogram of a residual, relative or absolute as the errors of the quantity count.

    Args:
        residuals: of `atlas_keras.evaluation.tables.residual_histograms`.
        summary: of `Evaluation.summary`, for the numbers in the picture.
        column: the observable.
        labels: of the methods; those without a residual are left out.
        word: what the collection calls its objects.
    """
    (part, edges), name = bins_of(residuals, column), column.name
    figure, (axes,) = panels()
    shown = changing(labels, name)
    for key in reversed(shown):
        filled = {"fill": True, "alpha": 0.25} if key == "model" else {}
        axes.stairs(part[key], edges, **METHOD_STYLE[key] | {"label": None if filled else labels[key]} | filled)
        if filled:
            axes.stairs(part[key], edges, label=labels[key], **METHOD_STYLE[key])
    scale_counts(axes, part[shown].to_numpy().max(), room=0.16 + 0.1 * np.ceil(len(shown) / 2))
    axes.set(xlabel=residual_label(column), ylabel=counted(column, word))
    axes.set_xlim(edges[0], edges[-1])
    axes.ticklabel_format(axis="x", scilimits=(-2, 3), useMathText=True)
    kind = "relative" if column.is_relative else column.unit("")
    rows = summary[(summary["variable"] == name) & (summary["unit"] == kind)]
    notes = []
    for key in ("model", "against"):
        if key in labels:
            row = rows[rows["key"] == key].iloc[0]
            bias = f", bias {row['bias']:.1g}, max {row['max']:.2g}" if "against" not in labels else ""
            notes.append(f"{labels[key]}: RMS {row['rms']:.2g}{bias}")
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], ncols=2, loc="upper left", columnspacing=1)
    axes.text(0.985, 1.015, "   ".join(notes), transform=axes.transAxes, ha="right", va="bottom", fontsize=9.5)
    return figure


@styled
def plot_tail(tails: pd.DataFrame, column: Column, labels: Mapping[str, str]) -> Figure:
    """Plot the fraction of the jets that err by more than so much, both axes logarithmic.

    Args:
        tails: of `atlas_keras.evaluation.tables.tails`.
        column: the observable.
        labels: of the methods; one that keeps the variable exactly has its place in the legend and no line.
    """
    part = tails[tails["variable"] == column.name]
    figure, (axes,) = panels(top=0.32 + 0.22 * np.ceil(len(labels) / 2))
    fraction, starts, largest = part["fraction"].to_numpy(), [], SMALLEST
    for key in reversed(list(labels)):
        size = part[key].to_numpy()
        visible = (size > SMALLEST) & np.isfinite(size)
        text = labels[key] if visible.any() else f"{labels[key]}: exact"
        axes.plot(size[visible], fraction[visible], label=text, **METHOD_STYLE[key])
        if visible.any():
            starts.append(np.quantile(size[visible], 0.05))
            largest = max(largest, size[visible].max())
    low = 10 ** np.floor(np.log10(min(starts))) if starts else 1e-9
    largest = largest if starts else 0.1
    scale_log(axes.xaxis)
    scale_log(axes.yaxis)
    axes.set_ylabel("fraction that errs more")
    label, _, unit = residual_label(column).partition(" [")
    axes.set_xlabel(f"|{label}|" + (f" [{unit}" if unit else ""))
    axes.set_xlim(low, 10 ** np.ceil(np.log10(largest) + 0.05))
    axes.set_ylim(fraction.min() * 0.7, 1.4)
    if not starts:
        axes.text(0.5, 0.6, "no error", transform=axes.transAxes, ha="center")
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    return figure
