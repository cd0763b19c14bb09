"""The style of all plots: that of mplhep without an experiment's label, margins that are the same in every panel."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import mplhep
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import AutoMinorLocator, FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from atlas_keras.schema import Column

STYLE: Any = {
    **{k: v for k, v in mplhep.style.ROOT.items() if not k.startswith(("font", "mathtext"))},
    "figure.dpi": 150,
    "font.size": 12,
    "axes.labelsize": 14,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "legend.borderaxespad": 0.8,
    "figure.constrained_layout.use": False,  # doubles the time of a plot; the margins below are enough
    "xaxis.labellocation": "center",
    "yaxis.labellocation": "center",
    "lines.linewidth": 1.6,
}
LETTER = 0.6  # mean width of a letter, in font sizes
SMALLEST = 1e-12  # of an error that is shown; what is smaller counts as exact
WIDTH, HEIGHT = 5.6, 4.2  # of a panel, inches: two beside each other on a laptop, one on a phone
LEFT, RIGHT, BOTTOM, TOP = 0.92, 0.26, 0.66, 0.3  # margins, inches
# The color-blind safe palette of M. Petroff (arXiv:2107.02270).
BEFORE = "#5790fc"
METHOD_STYLE: dict[str, dict[str, Any]] = {
    "model": {"color": "#e42536", "linewidth": 1.8},
    "against": {"color": "#7a21dd", "linewidth": 1.8, "linestyle": (0, (5, 1.5))},
    "constant_mass": {"color": "#f89c20", "linewidth": 1.5},
    "constant_ratio": {"color": "#86898c", "linewidth": 1.5, "linestyle": "--"},
    "massless": {"color": "black", "linewidth": 1.2, "linestyle": ":"},
    "pca": {"color": "#f89c20", "linewidth": 1.5, "linestyle": (0, (3, 1, 1, 1))},
}
AFTER = METHOD_STYLE["model"]["color"]
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Picture(Figure):
    """A figure that a notebook shows by itself, whether or not pyplot was ever imported."""

    def _repr_png_(self) -> bytes:
        """Draw it, as IPython asks for."""
        stream = io.BytesIO()
        self.savefig(stream, format="png")
        return stream.getvalue()


def fitting(label: str, inches: float, size: float) -> float:
    """Return the font size, at most `size`, with which a label is about as long as a panel or shorter.

    Args:
        label: of an axis; commands of formulas count as one letter.
        inches: length of the panel.
        size: that is wanted [points].
    """
    n_letters = len(re.sub(r"[${}_^]", "", re.sub(r"\\[a-zA-Z]+ ?", "x", label)))
    return min(size, 72 * inches / (LETTER * max(n_letters, 1)))


def bins_of(table: pd.DataFrame, column: Column) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Return the rows of a table that are the bins of an observable, and the edges of these bins."""
    part = table[table["variable"] == column.name]
    return part, np.append(part["low"].to_numpy(), part["high"].iloc[-1])


def axis_label(column: Column, unit: str) -> str:
    """Return the label of an observable's axis, with its unit."""
    text = column.symbol if column.title == column.name else f"{column.title} {column.symbol}"
    return column.label(unit, text)


def residual_label(column: Column, scale: str = "") -> str:
    """Return the label of a residual's axis.

    Args:
        column: the observable.
        scale: a number that stands before the unit, as in `10⁻³ rad`.
    """
    symbol = column.symbol
    formula = symbol.startswith("$")
    change = rf"$\Delta {symbol[1:]}" if formula else f"Δ {symbol}"
    if column.is_relative:
        change = f"{change[:-1]}/{symbol[1:]}" if formula else f"{change} / {symbol}"
    unit = " ".join(part for part in (scale, "rad" if column.periodic else "") if part)
    return f"{change} [{unit}]" if unit else change


def power_label(column: Column, exponent: int) -> str:
    """Return the label of a residual in units of a power of ten, which keeps tick labels short."""
    return residual_label(column, power_of_ten(exponent) if exponent else "")


def power_of(largest: float) -> int:
    """Choose the power of ten in which values are shown: that of the largest, none where plain numbers are short."""
    exponent = int(np.floor(np.log10(largest)))
    return 0 if -2 < exponent < 4 else exponent


def styled(plot: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw with the style of this module, and leave the caller's settings alone."""

    @functools.wraps(plot)
    def draw(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.rc_context(STYLE):
            return plot(*args, **kwargs)

    return draw


def panels(
    heights: Sequence[float] = (HEIGHT - BOTTOM - TOP,), gap: float = 0.08, top: float = TOP
) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels one below the other that share the horizontal axis.

    Args:
        heights: of the panels, inches.
        gap: between them, inches.
        top: margin above, inches; larger where a legend stands above the panel.
    """
    inside = sum(heights) + gap * (len(heights) - 1)
    height = inside + BOTTOM + top
    figure = Picture(figsize=(WIDTH, height))
    grid = figure.add_gridspec(
        len(heights),
        1,
        height_ratios=heights,
        left=LEFT / WIDTH,
        right=1 - RIGHT / WIDTH,
        bottom=BOTTOM / height,
        top=1 - top / height,
        hspace=gap * len(heights) / sum(heights),
    )
    axes = [figure.add_subplot(grid[k]) for k in range(len(heights))]
    for axis in axes:
        axis.xaxis.set_minor_locator(AutoMinorLocator(2))
        axis.yaxis.set_minor_locator(AutoMinorLocator(2))
    for upper in axes[:-1]:
        upper.tick_params(which="both", labelbottom=False)
    return figure, axes


def scale_log(axis: Axis, decades: float = 9.0) -> None:
    """Make an axis logarithmic, decades labeled by powers of ten, two ticks between them.

    Labels in plain text and few ticks draw twice as fast as matplotlib's own, which are formulas.

    Args:
        axis: of a panel.
        decades: that will be shown; on less than one matplotlib labels what is between.
    """
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})  # type: ignore[attr-defined]
    if decades < 1:
        return
    axis.set_major_locator(LogLocator(numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(round(float(np.log10(value))))))
    axis.set_minor_locator(LogLocator(subs=(2, 5), numticks=9))
    axis.set_minor_formatter(NullFormatter())


def power_of_ten(exponent: int) -> str:
    """Write a power of ten in plain text."""
    return {0: "1", 1: "10"}.get(exponent, f"10{str(exponent).translate(SUPERSCRIPT)}")


def scale_x(axes: Sequence[Axes], column: Column, low: float, high: float) -> None:
    """Set the horizontal axis of panels to a variable's range, logarithmic where its bins are."""
    for axis in axes:
        axis.set_xlim(low, high)
        if column.is_logarithmic and low > 0:
            scale_log(axis.xaxis, np.log10(high / low))
        elif max(abs(low), abs(high)) > 1e4:
            axis.ticklabel_format(axis="x", scilimits=(-3, 4), useMathText=True)
    for axis in axes[:-1]:
        axis.xaxis.get_offset_text().set_visible(False)


def scale_counts(axis: Axes, largest: float, room: float) -> None:
    """Set a logarithmic axis of counts, with room for a legend above: a part of the axis, 0 to 1."""
    decades = np.log10(max(largest, 2) / 0.5)
    scale_log(axis.yaxis)
    axis.set_ylim(0.5, 0.5 * 10 ** (decades / (1 - room)))
