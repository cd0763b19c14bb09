"""The pictures of a search, in the style of a run's pictures."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from atlas_keras.evaluation.plots.style import BEFORE, styled
from atlas_keras.training.space import Choices, Range, Space
from tuning.objective import AGAINST, FIGURES, SCORE, Objective

START = "#e42536"  # of the start, in the same palette as BEFORE

COLORS = matplotlib.colormaps["viridis"]
CURVES = 12  # learning curves that can still be told apart


def _ended(records: list[Any]) -> list[Any]:
    return sorted((r for r in records if r.status == "COMPLETED" and SCORE in r.figures), key=lambda r: r.score)


def _label(objective: Objective) -> str:
    if objective.cost is None:
        return FIGURES[objective.figure]
    return f"score of {objective.figure}\nagainst {objective.against}"


def _position(dimension: Choices | Range, value: Any) -> float:
    """Place a value of a hyperparameter between 0 and 1."""
    if isinstance(dimension, Choices):
        values = sorted(dimension.values) if not isinstance(value, str) else list(dimension.values)
        return values.index(value) / max(len(values) - 1, 1)
    low, high, value = (np.log(v) if dimension.scale == "log" else v for v in (dimension.low, dimension.high, value))
    return float((value - low) / (high - low))


@styled
def plot_objective(records: list[Any], start: Any, space: Space, objective: Objective) -> Figure:
    """Plot what is minimized against each hyperparameter, a point a trial; the start as a line."""
    ended, names = _ended(records), list(space.dimensions)
    columns = min(3, len(names))
    n_rows = -(-len(names) // columns)
    figure = Figure(layout="constrained", figsize=(5 * columns + 1.5, 4.5 * n_rows))
    grid = figure.subplots(n_rows, columns, squeeze=False, sharey=True)
    epochs = [r.figures["epochs"] for r in ended]
    points = None
    for index, (axes, name) in enumerate(zip(grid.flat, names, strict=False)):
        dimension = space.dimensions[name]
        values = [r.values[name] for r in ended]
        if isinstance(dimension, Choices):  # evenly spaced, whatever the values
            listed = list(dimension.values) if isinstance(dimension.values[0], str) else sorted(dimension.values)
            values = [listed.index(value) for value in values]
            axes.set_xticks(range(len(listed)), [f"{v:.3g}" if isinstance(v, float) else str(v) for v in listed])
            axes.minorticks_off()
            axes.set_xlim(-0.5, len(listed) - 0.5)
        elif dimension.scale == "log":
            axes.set_xscale("log")
            axes.set_xlim(dimension.low / 1.1, dimension.high * 1.1)
            _plain_marks(axes.xaxis, dimension.low, dimension.high)
        points = axes.scatter(
            values, [r.score for r in ended], c=epochs, cmap="viridis_r", s=28, edgecolor="0.3", lw=0.4
        )
        axes.axhline(start.score, color=START, linestyle="--", label="start")
        axes.set_xlabel(name)
        if index % columns == 0:
            axes.set_ylabel(_label(objective))
    _fit_range(grid[0][0], [r.score for r in ended], start.score)
    grid.flat[0].legend()
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    if points is not None and len(set(epochs)) > 1:
        figure.colorbar(points, ax=list(grid.flat), label="epochs")
    return figure


def _fit_range(axes: Any, scores: list[float], start: float) -> None:
    """Show the better nine tenths, on a log axis where they are positive and spread over more than a factor of 3."""
    if not scores:
        return
    low, high = min(*scores, start), max(float(np.quantile(scores, 0.9)), start)
    if low > 0 and high / low > 3:
        axes.set_yscale("log")
        axes.set_ylim(low / (high / low) ** 0.05, high * (high / low) ** 0.08)
        _plain_marks(axes.yaxis, low, high)
    elif high > low:
        axes.set_ylim(low - 0.06 * (high - low), high + 0.08 * (high - low))


def _plain_marks(axis: Any, low: float, high: float) -> None:
    """Label a logarithmic axis with plain numbers, so many that they do not overlap."""
    if high / low < 3:
        axis.set_major_locator(MaxNLocator(6))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 30 else (1.0, 3.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.set_minor_formatter(NullFormatter())


@styled
def plot_parallel(records: list[Any], space: Space, objective: Objective) -> Figure:
    """Plot each trial as a line through its hyperparameters, colored by its rank; the best on top."""
    ended, names = _ended(records), list(space.dimensions)
    figure = Figure(layout="constrained", figsize=(max(7, 2.6 * (len(names) + 1)), 5.5))
    axes = figure.subplots()
    scores = [r.score for r in ended]
    last = len(names)
    for rank in reversed(range(len(ended))):
        heights = [_position(space.dimensions[n], ended[rank].values[n]) for n in names]
        heights.append(1 - rank / max(len(ended) - 1, 1))
        part = rank / max(len(ended) - 1, 1)
        axes.plot(range(last + 1), heights, color=COLORS(1 - part), alpha=1 - 0.75 * part, lw=2.6 - 2 * part)
    for x, name in enumerate(names):
        axes.axvline(x, color="0.3", lw=1)
        for value in _marks(space.dimensions[name]):
            height = _position(space.dimensions[name], value)
            axes.annotate(
                f"{value:.3g}" if isinstance(value, float) else str(value), (x, height),
                xytext=(-4, 0), textcoords="offset points", ha="right", va="center", fontsize=11,
            )  # fmt: skip
    axes.axvline(last, color="0.3", lw=1)
    for height, score in ((1, min(scores, default=0)), (0, max(scores, default=0))):
        axes.annotate(
            f"{score:.4g}", (last, height), xytext=(5, 0), textcoords="offset points", va="center", fontsize=11
        )
    axes.set_xticks(range(last + 1), [*names, "rank by\n" + objective.figure])
    axes.set(yticks=[], xlim=(-0.6, last + 0.5), ylim=(-0.05, 1.05))
    axes.tick_params(axis="both", which="both", length=0)
    axes.minorticks_off()
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _marks(dimension: Choices | Range) -> tuple[Any, ...]:
    return dimension.values if isinstance(dimension, Choices) else dimension.gridded().values


@styled
def plot_learning_curves(records: list[Any], space: Space, objective: Objective) -> Figure:
    """Plot the validation loss of the best trials over their epochs, and that of the start."""
    figure = Figure(layout="constrained", figsize=(9, 6))
    axes = figure.subplots()
    known = [r for r in _ended(records) if r.history is not None]
    chosen = known[:CURVES] + [r for r in known[CURVES:] if r.name == "start"]
    for rank, record in reversed(list(enumerate(chosen))):
        start = record.name == "start"
        style: dict[str, Any] = {"color": START, "linestyle": "--", "lw": 2.2} if start else {
            "color": COLORS(1 - rank / len(chosen))
        }  # fmt: skip
        axes.plot(record.history["epoch"], record.history["val_loss"], label=_name(record), **style)
    positive = all((r.history["val_loss"] > 0).all() for r in chosen)
    if positive and chosen:
        axes.set_yscale("log")
        ends = [r.history["val_loss"].iloc[-1] for r in chosen]
        highest = max(float(r.history["val_loss"].quantile(0.95)) for r in chosen)
        if highest > min(ends):
            margin = (highest / min(ends)) ** 0.05
            axes.set_ylim(min(ends) / margin, highest * margin)
            _plain_marks(axes.yaxis, min(ends), highest)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    own = objective.own_loss(space)
    axes.set(xlabel="epoch", ylabel=f"validation loss, another one for each {own}" if own else "validation loss")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], title="best first", fontsize=10, title_fontsize=10, ncols=2)
    return figure


def _name(record: Any) -> str:
    return "start" if record.name == "start" else f"trial {record.name}"


@styled
def plot_pareto(records: list[Any], front: list[Any], objective: Objective) -> Figure:
    """Plot the figure of every trial against its cost, and the front that no trial beats on both sides."""
    figure = Figure(layout="constrained", figsize=(8, 6))
    axes = figure.subplots()
    cost = objective.cost or ""
    axes.plot(
        [r.figures[cost] for r in front], [r.figures[objective.figure] for r in front],
        color=BEFORE, drawstyle="steps-post", marker="o", label="Pareto front", zorder=2,
    )  # fmt: skip
    others = [r for r in records if r not in front]
    axes.scatter(
        [r.figures[cost] for r in others],
        [r.figures[objective.figure] for r in others],
        color="0.6",
        s=18,
        label="trials",
    )
    for record in records:
        if record.name == "start":
            axes.scatter(
                record.figures[cost], record.figures[objective.figure],
                marker="*", s=200, color=START, zorder=3, label="start",
            )  # fmt: skip
    axes.set(xlabel=AGAINST[objective.against or ""][1], ylabel=FIGURES[objective.figure], xscale="log")
    costs = [r.figures[cost] for r in records]
    _plain_marks(axes.xaxis, min(costs), max(costs))
    _fit_range(axes, [r.figures[objective.figure] for r in records], front[0].figures[objective.figure])
    axes.legend()
    return figure
