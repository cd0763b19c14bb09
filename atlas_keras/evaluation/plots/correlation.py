"""Plots of which variables, and which errors, go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from atlas_keras.evaluation.plots.style import Picture, fitting, power_label, power_of, styled
from atlas_keras.evaluation.tables import PAIR_BINS
from atlas_keras.schema import Column

PAIRS_SIZE, MATRIX_SIZE = 6.6, 4.8  # inches, of four columns; more columns have larger figures
MAX_GROWTH = 1.6
MAX_NUMBERS = 12  # columns whose correlations are written into the cells


@styled
def plot_correlation(correlation: pd.DataFrame, columns: Sequence[Column], jets: str) -> Figure:
    """Plot the matrix of linear correlations, with the numbers in its cells where there are few.

    Args:
        correlation: of `atlas_keras.evaluation.tables.correlation`.
        columns: what jets have, in the order of the table.
        jets: `before` or `after`.
    """
    names = [column.name for column in columns]
    matrix = correlation.loc[correlation["jets"] == jets, names].to_numpy()
    growth = _growth(len(columns), 4)
    figure = Picture(figsize=(growth * MATRIX_SIZE, growth * (MATRIX_SIZE - 0.2)))
    ticks = [column.symbol for column in columns]
    if len(columns) <= MAX_NUMBERS:
        axes = figure.add_axes((0.14, 0.09, 0.82, 0.84))
        axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
        for (row, column), value in np.ndenumerate(matrix):
            text = "–" if np.isnan(value) else f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.6 else "black")
        size = min(fitting(tick, 0.82 * growth * MATRIX_SIZE / len(columns), 12) for tick in ticks)
        axes.set_xticks(range(len(ticks)), ticks, fontsize=size)
    else:
        axes = figure.add_axes((0.2, 0.2, 0.66, 0.74))
        image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
        figure.colorbar(image, cax=figure.add_axes((0.88, 0.2, 0.025, 0.74))).ax.tick_params(labelsize=10)
        size = min(fitting(tick, 0.19 * growth * MATRIX_SIZE, 10) for tick in ticks)
        axes.set_xticks(range(len(ticks)), ticks, fontsize=size, rotation=90)
    axes.set_yticks(range(len(ticks)), ticks, fontsize=size)
    axes.minorticks_off()
    axes.tick_params(length=0)
    axes.set_title(f"linear correlation, {jets}", fontsize=13)
    return figure


@styled
def plot_residual_pairs(pairs: pd.DataFrame, correlation: pd.DataFrame, columns: Sequence[Column]) -> Figure:
    """Plot the residuals in pairs: densities below the diagonal, rank correlations above it.

    Args:
        pairs: of `atlas_keras.evaluation.tables.residual_pairs`.
        correlation: of `atlas_keras.evaluation.tables.residual_correlation`.
        columns: what jets have, at least two.
    """
    n, names = len(columns), [column.name for column in columns]
    growth = _growth(n - 1, 3)
    figure = Picture(figsize=(growth * PAIRS_SIZE, growth * PAIRS_SIZE))
    grid = figure.subplots(n - 1, n - 1, squeeze=False, gridspec_kw={"hspace": 0.06, "wspace": 0.06})
    figure.subplots_adjust(left=0.15 / growth, right=1 - 0.02 / growth, bottom=0.115 / growth, top=1 - 0.015 / growth)
    panel = 0.8 * growth * PAIRS_SIZE / (n - 1)
    ranks = correlation[names].to_numpy()
    largest = max(int(pairs["n"].max()), 2) if len(pairs) else 2
    shown = {*pairs["x"], *pairs["y"]}  # a mass that is nowhere positive has no residual
    edges = {name: _edges(pairs, name) for name in names if name in shown}
    exponents = {name: power_of(e[-1]) for name, e in edges.items()}
    scale = {name: 10.0**k for name, k in exponents.items()}
    labels = {c.name: power_label(c, exponents[c.name]) for c in columns if c.name in exponents}
    for row, y in enumerate(names[1:]):
        for column, x in enumerate(names[:-1]):
            axes = grid[row, column]
            if column > row or not {x, y} <= shown:
                axes.set_axis_off()
                continue
            part = pairs[(pairs["x"] == x) & (pairs["y"] == y)]
            x_edges, y_edges = edges[x] / scale[x], edges[y] / scale[y]
            middle = ((part["x_low"] + part["x_high"]) / 2 / scale[x], (part["y_low"] + part["y_high"]) / 2 / scale[y])
            axes.hist2d(*middle, bins=(x_edges, y_edges), weights=part["n"], norm=LogNorm(1, largest), cmin=1)
            rank = ranks[column, row + 1]
            axes.text(0.05, 0.95, "" if np.isnan(rank) else f"{rank:.2f}", transform=axes.transAxes, va="top",
                      fontsize=13, bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 2})  # fmt: skip
            _label(axes.xaxis, labels[x] if row == n - 2 else None, panel)
            _label(axes.yaxis, labels[y] if column == 0 else None, panel)
            axes.minorticks_off()
    return figure


def _growth(n: int, usual: int) -> float:
    """Tell how much larger than usual a figure of so many rows is."""
    return min(max(1.0, n / usual), MAX_GROWTH)


def _edges(pairs: pd.DataFrame, name: str) -> np.ndarray:
    """Rebuild the bins of a residual, which are symmetric about zero, from the width of one of them."""
    axis = "x" if (pairs["x"] == name).any() else "y"
    row = pairs[pairs[axis] == name].iloc[0]
    return float(row[f"{axis}_high"] - row[f"{axis}_low"]) * (np.arange(PAIR_BINS + 1) - PAIR_BINS / 2)


def _label(axis: Axis, label: str | None, inches: float) -> None:
    """Label an outer axis, with three ticks, none near the edges, where they meet the neighbor's."""
    low, high = axis.get_view_interval()
    far = max((tick for tick in MaxNLocator(8).tick_values(low, high) if tick < 0.75 * high), default=0.0)
    axis.set_ticks([-far, 0, far])
    axis.set_tick_params(which="both", labelbottom=label is not None, labelleft=label is not None, labelsize=9.5)
    axis.set_label_text(label or "", fontsize=fitting(label or "", inches, 14))
