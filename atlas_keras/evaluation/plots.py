"""The pictures of a run, each a matplotlib Figure in the style of mplhep, with units on every axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib
import mplhep
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from atlas_keras.evaluation.residuals import masses, residuals

STYLE: Any = {
    **{k: v for k, v in mplhep.style.ROOT.items() if not k.startswith(("font", "mathtext"))},
    "figure.dpi": 110,
    "font.size": 13,
    "axes.labelsize": 14,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "figure.constrained_layout.use": True,
    "xaxis.labellocation": "center",
    "yaxis.labellocation": "center",
    "lines.linewidth": 1.6,
}
BEFORE, AFTER = "#5790fc", "#e42536"  # of the colour-blind safe palette of M. Petroff (arXiv:2107.02270)


def axis_labels(unit: str) -> dict[str, str]:
    """Give the label of each variable's axis."""
    return {"E": f"E [{unit}]", "pt": f"$p_T$ [{unit}]", "eta": r"$\eta$", "phi": r"$\phi$ [rad]"}


RESIDUAL_LABELS = {
    "E": r"$(\hat{E} - E)/E$",
    "pt": r"$(\hat{p}_T - p_T)/p_T$",
    "eta": r"$\hat{\eta} - \eta$",
    "phi": r"$\hat{\phi} - \phi$ [rad]",
}


def styled(plot: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw with the style of this module, and leave the caller's settings alone."""

    def draw(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.rc_context(STYLE):
            return plot(*args, **kwargs)

    draw.__doc__, draw.__name__ = plot.__doc__, plot.__name__
    return draw


@styled
def plot_loss(history: pd.DataFrame) -> Figure:
    """Plot the loss of training and validation over the epochs, and the learning rate beneath.

    Args:
        history: of `atlas_keras.training.fit.fit`.
    """
    figure = Figure(figsize=(8, 6))
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot(history["epoch"], history["loss"], color=BEFORE, label="training")
    top.plot(history["epoch"], history["val_loss"], color=AFTER, label="validation")
    if (history[["loss", "val_loss"]] > 0).all(axis=None):
        top.set_yscale("log")
    top.set_ylabel("loss")
    top.legend()
    bottom.plot(history["epoch"], history["learning_rate"], color="black")
    bottom.set(xlabel="epoch", ylabel="learning rate")
    return figure


@styled
def plot_learning_rates(curve: pd.DataFrame, minimum: float, steepest: float) -> Figure:
    """Plot the learning-rate finder's losses and its two suggestions."""
    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    axes.plot(curve["learning_rate"], curve["loss"], color="0.7", label="batch")
    axes.plot(curve["learning_rate"], curve["smoothed"], color=BEFORE, label="smoothed")
    axes.axvline(minimum, color=AFTER, linestyle="--", label=f"a tenth of the minimum: {minimum:.2g}")
    axes.axvline(steepest, color="black", linestyle=":", label=f"steepest: {steepest:.2g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    if (curve["loss"] > 0).all():
        axes.set_yscale("log")
    axes.legend()
    return figure


@styled
def plot_residuals(x: NDArray, x_hat: NDArray) -> Figure:
    """Plot the residual of each variable: the core linearly binned in units of its 95 % range, tails on a log axis."""
    figure = Figure(figsize=(11, 8))
    for axes, (name, residual) in zip(figure.subplots(2, 2).flat, residuals(x, x_hat).items(), strict=True):
        reach = max(float(np.quantile(np.abs(residual), 0.99)), 1e-12) * 1.5
        outside = int(np.sum(np.abs(residual) > reach))
        counts, edges = np.histogram(residual, bins=81, range=(-reach, reach))
        mplhep.histplot(counts, edges, ax=axes, color=BEFORE, histtype="fill", alpha=0.6)
        axes.set(yscale="log", xlabel=RESIDUAL_LABELS[name], ylabel="jets", ylim=(0.5, None))
        axes.ticklabel_format(axis="x", scilimits=(-3, 3), useMathText=True)
        note = f"RMS {np.sqrt(np.mean(residual**2)):.2g}\nmean {np.mean(residual):.1g}\n{outside} outside"
        axes.text(0.04, 0.95, note, transform=axes.transAxes, va="top", fontsize=11)
    return figure


@styled
def plot_distributions(x: NDArray, x_hat: NDArray, unit: str) -> Figure:
    """Plot each variable before and after on top of each other, with the ratio beneath."""
    figure = Figure(figsize=(11, 11))
    grid = figure.subplots(4, 2, height_ratios=(3, 1, 3, 1))
    for index, (name, label) in enumerate(axis_labels(unit).items()):
        main, ratio = grid[2 * (index // 2), index % 2], grid[2 * (index // 2) + 1, index % 2]
        _overlay(main, ratio, x[:, index], x_hat[:, index], label, logarithmic=name in ("E", "pt"))
    return figure


@styled
def plot_mass(x: NDArray, x_hat: NDArray, unit: str) -> Figure:
    """Plot the jet mass before and after, with the ratio beneath; spacelike jets stand left of zero."""
    figure = Figure(figsize=(8, 7))
    main, ratio = figure.subplots(2, 1, height_ratios=(3, 1))
    _overlay(main, ratio, *masses(x, x_hat), f"jet mass [{unit}]", logarithmic=False)
    return figure


def _overlay(main: Any, ratio: Any, before: NDArray, after: NDArray, label: str, *, logarithmic: bool) -> None:
    low, high = np.min(before), np.max(before)
    edges = np.geomspace(low, high, 41) if logarithmic and low > 0 else np.linspace(low, high, 41)
    (n_before, _), (n_after, _) = np.histogram(before, edges), np.histogram(np.clip(after, low, high), edges)
    mplhep.histplot(n_before, edges, ax=main, color=BEFORE, histtype="fill", alpha=0.45, label="before")
    mplhep.histplot(n_after, edges, ax=main, color=AFTER, label="after")
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.where(n_before > 0, n_after / n_before, np.nan)
        error = np.where(n_before > 0, 1 / np.sqrt(n_before), np.nan)
    ratio.fill_between(edges, *(np.append(1 + s * error, np.nan) for s in (-1, 1)), step="post", color="0.85")
    ratio.axhline(1, color="0.4", linewidth=1)
    ratio.plot(np.sqrt(edges[1:] * edges[:-1]) if logarithmic else (edges[1:] + edges[:-1]) / 2, quotient, "k.", ms=5)
    main.set(yscale="log", ylabel="jets", ylim=(0.5, None))
    main.tick_params(which="both", labelbottom=False)
    ratio.set(xlabel=label, ylabel="after/before", ylim=(0.5, 1.5))
    for axes in (main, ratio):
        axes.set_xlim(edges[0], edges[-1])
        if logarithmic:
            axes.set_xscale("log")
            if high > 10 * low:  # labels of decades are enough, those between would overlap
                axes.xaxis.set_minor_formatter(NullFormatter())
    main.legend()
