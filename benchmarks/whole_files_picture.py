"""Draw where the bytes of whole files go, before and after: of all files, and of one by collection."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

WAYS = (  # of all files: the figure, the name, and the color
    ("source_of_these_columns", "ROOT", "#9aa5b1"),
    ("rntuple_like", "as RNTuple, truncated", "#7fb3d5"),
    ("byte_split_zstd", "byte-split zstd-19", "#85c1a0"),
    ("rounded_parquet_without_footer", "rounded Parquet zstd-19, without footer", "#f0b97a"),
    ("ours", "compress, whole file", "#c0392b"),
)
N_FILES, N_COLLECTIONS = 5, 10
INK = "#333333"


def plot_files(found: Sequence[dict[str, Any]]) -> Figure:
    """Draw the bytes of files, in per cent of what they are as ROOT.

    Args:
        found: figures of files, as `measure` returns them.
    """
    figure, axes = _figure(5.6)
    _files(axes, found[:N_FILES])
    return figure


def plot_collections(one: dict[str, Any]) -> Figure:
    """Draw the bytes of the collections of a file."""
    figure, axes = _figure(4.8)
    _collections(axes, one)
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    """Make a figure that can be read on a phone, too."""
    figure = Figure(figsize=(6.6, height), facecolor="white", layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, labelsize=11, colors=INK)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _files(axes: Axes, found: Sequence[dict[str, Any]]) -> None:
    height = 0.8 / len(WAYS)
    for k, (key, name, color) in enumerate(WAYS):
        shares = [100 * one[key] / one["source_of_these_columns"] for one in found]
        places = [at + (k - (len(WAYS) - 1) / 2) * height for at in range(len(found))]
        axes.barh(places, shares, height * 0.92, color=color, label=name)
        if key == "ours":
            for place, share in zip(places, shares, strict=True):
                axes.text(share + 1, place, f"{share:.0f} %", va="center", fontsize=10, color=INK)
    axes.set_yticks(
        range(len(found)), [textwrap.fill(one["file"].removesuffix(".root").replace("_", " "), 16) for one in found]
    )
    axes.invert_yaxis()
    axes.set_xlabel("bytes, in per cent of the ROOT file's columns", color=INK, fontsize=11)
    axes.set_title("Whole files at the usual bounds", loc="left", fontsize=13, color=INK)
    axes.legend(frameon=False, fontsize=10, loc="upper left", bbox_to_anchor=(-0.1, -0.13), ncols=2)


def _collections(axes: Axes, one: dict[str, Any]) -> None:
    parts = one["collections"]
    top = sorted(parts, key=lambda name: -parts[name]["source"])
    shown, rest = top[:N_COLLECTIONS], top[N_COLLECTIONS:]
    rows = [(name, parts[name]) for name in shown]
    rows.append((f"{len(rest)} others", {way: sum(parts[name][way] for name in rest) for way in ("source", "ours")}))
    for k, (way, name, color) in enumerate((("source", "ROOT", WAYS[0][2]), ("ours", "compress", WAYS[-1][2]))):
        sizes = [sizes[way] / 1000 for _, sizes in rows]
        places = [at + (k - 0.5) * 0.4 for at in range(len(rows))]
        axes.barh(places, sizes, 0.37, color=color, label=name)
        for place, size in zip(places, sizes, strict=True):
            axes.text(size + 0.6, place, f"{size:.1f}", va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel("kB", color=INK, fontsize=11)
    axes.set_title(f"{one['file']} by collection", loc="left", fontsize=13, color=INK)
    axes.legend(frameon=False, fontsize=11, loc="lower right")
