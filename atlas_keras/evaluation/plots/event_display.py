"""A picture of an event before and after: its jets in eta and phi, and as tracks in the transverse plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from atlas_keras.evaluation.observables import DRAWN
from atlas_keras.evaluation.plots.style import AFTER, BEFORE, Picture, axis_label, styled
from atlas_keras.schema import Column

TICKS = {-2: "-π", -1: "-π/2", 0: "0", 1: "π/2", 2: "π"}
LARGEST = 1400  # area of the leading jet, points squared


@styled
def plot_event(jets: pd.DataFrame, columns: Mapping[str, Column], labels: Mapping[str, str], unit: str) -> Figure:
    """Draw the jets of an event before and after.

    Args:
        jets: rows of one event, of `atlas_keras.evaluation.worst.worst_events`.
        columns: all observables by name.
        labels: of the methods, by key.
        unit: of energies.
    """
    figure = Picture(figsize=(8.4, 3.9))
    plane, transverse = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.25, 1), "wspace": 0.12})
    figure.subplots_adjust(left=0.085, right=0.99, bottom=0.155, top=0.98)
    pt, eta, phi = DRAWN
    _draw_plane(plane, jets)
    plane.set(xlabel=axis_label(columns[eta], unit), ylabel=axis_label(columns[phi], unit))
    _draw_transverse(transverse, jets, f"circle: {float(f'{jets[pt].max():.3g}'):,.7g} {columns[pt].unit(unit)}")
    for name, color in (("before", BEFORE), (labels["model"], AFTER)):
        transverse.plot([], [], "o", color=color, fillstyle="full" if color == BEFORE else "none", label=name)
    transverse.legend(loc="upper left", fontsize=9, borderaxespad=0)
    return figure


def _draw_plane(axes: Axes, jets: pd.DataFrame) -> None:
    """Draw jets as circles whose areas are pt; a jet near pi is one near -pi as well."""
    pt, eta, phi = DRAWN
    areas = {end: LARGEST * np.clip(jets[pt + end] / jets[pt].max(), 0.02, 2) for end in ("", "_after")}
    widths = np.where(jets["worst"], 2.4, 1.1).tolist()
    for turn in (0, 2 * np.pi, -2 * np.pi):
        axes.scatter(jets[eta], jets[phi] + turn, areas[""], color=BEFORE, alpha=0.45, linewidths=0)
        axes.scatter(
            jets[f"{eta}_after"],
            jets[f"{phi}_after"] + turn,
            areas["_after"],
            "none",
            edgecolors=AFTER,
            linewidths=widths,
        )
    for number, x, y, chosen in zip(jets["jet"], jets[eta], jets[phi], jets["worst"], strict=True):
        axes.annotate(str(number), (x, y), ha="center", va="center", fontsize=9, weight="bold" if chosen else None)
    reach = max(3.0, 1.15 * float(jets[eta].abs().max()))
    axes.set(xlim=(-reach, reach), ylim=(-np.pi, np.pi))
    axes.yaxis.set_major_locator(FixedLocator([-np.pi, -np.pi / 2, 0, np.pi / 2, np.pi]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: TICKS[round(2 * value / np.pi)]))


def _draw_transverse(axes: Axes, jets: pd.DataFrame, scale: str) -> None:
    """Draw jets as lines from the beam whose lengths are pt."""
    pt, _, phi = DRAWN
    largest = jets[pt].max()
    for end, style in (("", {"color": BEFORE, "linewidth": 5, "alpha": 0.45}), ("_after", {"color": AFTER})):
        length, angle = np.clip(jets[pt + end] / largest, 0, 2), jets[phi + end]
        for x, y, chosen in zip(length * np.cos(angle), length * np.sin(angle), jets["worst"], strict=True):
            width = {} if end == "" else {"linewidth": 2.4 if chosen else 1.1}
            axes.plot([0, x], [0, y], solid_capstyle="butt", **{**style, **width})
    for number, length, angle in zip(jets["jet"], jets[pt] / largest, jets[phi], strict=True):
        place = (length + 0.1) * np.cos(angle), (length + 0.1) * np.sin(angle)
        axes.annotate(str(number), place, ha="center", va="center", fontsize=9)
    turn = np.linspace(0, 2 * np.pi, 100)
    axes.plot(np.cos(turn), np.sin(turn), color="0.7", linewidth=1)
    axes.annotate(scale, (1.2, -1.2), ha="right", fontsize=9)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    axes.axis("off")
