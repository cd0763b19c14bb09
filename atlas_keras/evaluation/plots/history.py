"""Plots of a training: the loss over the epochs, and the learning-rate finder."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from atlas_keras.evaluation.plots.style import AFTER, BEFORE, panels, power_of, power_of_ten, scale_log, styled


@styled
def plot_loss(history: pd.DataFrame) -> Figure:
    """Plot the loss of training and validation over the epochs, and the learning rate beneath.

    Args:
        history: of `atlas_keras.training.fit.fit`.
    """
    figure, (top, bottom) = panels((2.4, 0.78))
    marker = "." if len(history) < 30 else None
    top.plot(history["epoch"], history["loss"], color=BEFORE, label="training", marker=marker)
    top.plot(history["epoch"], history["val_loss"], color=AFTER, label="validation", marker=marker)
    if (history[["loss", "val_loss"]] > 0).all(axis=None):
        losses = history[["loss", "val_loss"]].to_numpy()
        scale_log(top.yaxis, np.log10(losses.max() / losses.min()))
    top.set_ylabel("loss")
    top.legend()
    exponent = power_of(history["learning_rate"].max())
    bottom.plot(history["epoch"], history["learning_rate"] / 10.0**exponent, color="black", marker=marker)
    bottom.set(xlabel="epoch", ylabel=f"rate [{power_of_ten(exponent)}]" if exponent else "rate")
    bottom.yaxis.label.set_fontsize(12)
    bottom.yaxis.set_major_locator(MaxNLocator(2))
    bottom.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


@styled
def plot_learning_rates(curve: pd.DataFrame, minimum: float, steepest: float) -> Figure:
    """Plot the finder's curve and its two suggestions.

    Args:
        curve: of `atlas_keras.training.finder.suggest`.
        minimum: a tenth of the rate with the lowest smoothed loss.
        steepest: the rate at which the smoothed loss falls fastest.
    """
    figure, (axes,) = panels()
    axes.plot(curve["learning_rate"], curve["loss"], color="0.7", linewidth=1, label="loss of a batch")
    axes.plot(curve["learning_rate"], curve["smoothed"], color=AFTER, label="smoothed")
    axes.axvline(minimum, color="black", linestyle="--", label=f"minimum/10: {minimum:.1e}")
    axes.axvline(steepest, color="black", linestyle=":", label=f"steepest: {steepest:.1e}")
    scale_log(axes.xaxis)
    axes.set(xlabel="learning rate", ylabel="loss")
    if (curve["loss"] > 0).all():
        scale_log(axes.yaxis, np.log10(curve["loss"].max() / curve["loss"].min()))
    axes.legend()
    return figure
