"""Plots of the observables themselves: the jets as they are beside the training, and before beside after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atlas_keras.evaluation.baselines import changing
from atlas_keras.evaluation.observables import counted
from atlas_keras.evaluation.plots.style import (
    BEFORE,
    METHOD_STYLE,
    axis_label,
    bins_of,
    panels,
    scale_counts,
    scale_x,
    styled,
)
from atlas_keras.schema import Column

RATIO = (0.5, 1.5)


@styled
def plot_input(histograms: pd.DataFrame, column: Column, unit: str, word: str) -> Figure:
    """Plot the histogram of an observable before, and that of the training split scaled to as many jets.

    Args:
        histograms: of `atlas_keras.evaluation.tables.histograms`.
        column: the observable.
        unit: of energies.
        word: what the collection calls its objects.
    """
    part, edges = bins_of(histograms, column)
    figure, (axes,) = panels()
    axes.stairs(part["before"], edges, fill=True, color=BEFORE, alpha=0.45, label=f"these {word}s")
    axes.stairs(part["training"], edges, color="black", linewidth=1.4, label="training, scaled")
    scale_counts(axes, max(part["before"].max(), part["training"].max()), room=0.17)
    scale_x([axes], column, edges[0], edges[-1])
    axes.set(xlabel=axis_label(column, unit), ylabel=f"{word}s")
    axes.legend(ncols=2, loc="upper right")
    return figure


@styled
def plot_distribution(
    histograms: pd.DataFrame, column: Column, labels: Mapping[str, str], unit: str, word: str
) -> Figure:
    """Plot an observable before and after on top of each other, with the ratio beneath.

    Args:
        histograms: of `atlas_keras.evaluation.tables.histograms`.
        column: the observable.
        labels: of the methods; those that change nothing are left out.
        unit: of energies.
        word: what the collection calls its objects.
    """
    part, edges = bins_of(histograms, column)
    figure, (main, ratio) = panels((2.35, 0.85))
    before = part["before"].to_numpy()
    main.stairs(before, edges, fill=True, color=BEFORE, alpha=0.45, label="before")
    largest = before.max()
    shown = changing(labels, column.name)
    _ratio_band(ratio, before, edges)
    for key in reversed(shown):  # the model is drawn last, on top
        after = part[key].to_numpy()
        largest = max(largest, after.max())
        main.stairs(after, edges, label=labels[key], **METHOD_STYLE[key])
        _ratio(ratio, before, after, edges, key)
    scale_counts(main, largest, room=0.06 + 0.11 * np.ceil((len(shown) + 1) / 2))
    scale_x([main, ratio], column, edges[0], edges[-1])
    main.set_ylabel(counted(column, word))
    ratio.set(xlabel=axis_label(column, unit), ylabel="ratio", ylim=RATIO)
    handles, texts = main.get_legend_handles_labels()
    main.legend([handles[0], *handles[:0:-1]], [texts[0], *texts[:0:-1]], ncols=2, loc="upper right", columnspacing=1)
    return figure


def _ratio_band(axes: Axes, before: Any, edges: Any) -> None:
    """Shade the statistical error of the counts before."""
    error = np.divide(1, np.sqrt(before), out=np.full(len(before), np.nan), where=before > 0)
    low, high = (np.append(1 + s * error, np.nan) for s in (-1, 1))
    axes.fill_between(edges, low, high, step="post", color="0.85", linewidth=0)
    axes.axhline(1, color="0.4", linewidth=1)


def _ratio(axes: Axes, before: Any, after: Any, edges: Any, key: str) -> None:
    """Draw after/before: points for models, a line for formulas; an arrow where it is beyond the panel."""
    quotient = np.divide(after, before, out=np.full(len(before), np.nan), where=before > 0)
    if key not in ("model", "against"):
        axes.stairs(np.clip(quotient, -1, 9), edges, baseline=None, **METHOD_STYLE[key])
        return
    logarithmic = edges[0] > 0 and not np.allclose(np.diff(edges), edges[1] - edges[0])
    middle = np.sqrt(edges[1:] * edges[:-1]) if logarithmic else (edges[1:] + edges[:-1]) / 2
    color = METHOD_STYLE[key]["color"]
    axes.plot(middle, quotient, ".", ms=5, color=color)
    for marker, beyond, place in (("^", quotient > RATIO[1], 1.44), ("v", quotient < RATIO[0], 0.56)):
        axes.plot(middle[beyond], np.full(beyond.sum(), place), marker, ms=4, color=color)
