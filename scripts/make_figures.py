"""Draw the pictures of `docs/how/` with the shipped `folded` encoder, as LiteRT, and with the sample; and the README's.

That one is of what benchmarks have measured, in `docs/whole_files.json` and `docs/rate_distortion.json`.

`python scripts/make_figures.py`, with the extra `edge`.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from atlas_keras import JetEncoder, load_jets
from atlas_keras.evaluation.evaluation_folder import save_picture
from atlas_keras.evaluation.plots.style import BEFORE, METHOD_STYLE, STYLE

ROOT = Path(__file__).resolve().parents[1]
HOW = ROOT / "docs" / "how"
CELLS = 2**14  # of phi, in `folded`
BOUND, BOUNDS = 1e-2, ("1e-2", "1e-3", "1e-4")
LEADING = (200, 220)  # GeV
COLORS = (BEFORE, METHOD_STYLE["model"]["color"], METHOD_STYLE["against"]["color"])


def third_number(pt: float, rho: NDArray, phi: NDArray) -> NDArray:
    """Encode jets at eta 0 and return what `folded` stores last.

    Args:
        pt: of all jets [MeV].
        rho, phi: of each jet, shape `(n_jets,)`.
    """
    energy = pt * np.exp(rho**2 / 2)
    jets = np.stack([energy, np.full_like(rho, pt), np.zeros_like(rho), phi], axis=1)
    return JetEncoder(ROOT / "exports" / "folded" / "encoder.tflite").encode(jets)[:, 2]


def draw_folding() -> Figure:
    """Show what the third number holds: the cell of phi, and in it the distribution function of rho."""
    figure = Figure(figsize=(8.4, 3.4), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    phi = np.linspace(-1.5, 3.5, 1200) * 2 * np.pi / CELLS
    for rho, color in zip((0.06, 0.14, 0.25), COLORS, strict=True):
        v = third_number(1e5, np.full_like(phi, rho), phi) * CELLS / 2
        left.plot(phi * CELLS / (2 * np.pi), v, ".", markersize=1.5, color=color)
        left.plot([], [], color=color, label=f"ρ = {rho}")
    left.set(xlabel="φ, in cells of 2π/2¹⁴", ylabel="third number, in cells", title="the cell is φ")
    left.legend(frameon=False)
    rho = np.linspace(0, 0.45, 400)
    for pt, color in zip((30, 100, 500), COLORS, strict=True):
        v = third_number(pt * 1e3, rho, np.zeros_like(rho)) * CELLS / 2
        right.plot(rho, v - np.floor(v), color=color, label=f"pt = {pt} GeV")
    right.set(xlabel="ρ = √(2 ln E/p), about m/p", ylabel="place inside the cell", title="the place in it is the mass")
    right.legend(frameon=False)
    return figure


def draw_mass() -> Figure:
    """Show how the mass of the sample's jets suffers from a random error of E."""
    figure = Figure(figsize=(8.4, 3.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    jets = load_jets(unit="GeV")
    p = (jets["pt"] * np.cosh(jets["eta"])).to_numpy()
    energy = jets["E"].to_numpy()
    bins = np.linspace(-40, 80, 121)
    for error, color in zip((0, 1e-3, 1e-2), COLORS, strict=True):
        after = energy * (1 + error * np.random.default_rng(0).uniform(-1, 1, len(energy)))
        square = after**2 - p**2
        mass = np.sign(square) * np.sqrt(np.abs(square))
        label = f"{error:g}, {np.mean(square < 0):.0%} with E < p" if error else "as they are"
        axes.hist(mass, bins, histtype="step", color=color, linewidth=1.6, label=label)
    axes.set(xlabel="jet mass [GeV], negative where E < p", ylabel="jets")
    axes.legend(frameon=False, title="relative error of E")
    return figure


def draw_cells() -> Figure:
    """Show how values become cells, and how likely a cell is by what is known."""
    figure = Figure(figsize=(8.4, 3.4), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    pt, width = np.linspace(20, 22, 2001), 2 * np.log1p(BOUND)
    back = np.exp(width * np.rint(np.log(pt) / width))
    left.fill_between(pt, pt * (1 - BOUND), pt * (1 + BOUND), color=COLORS[0], alpha=0.25, label="within 1 %")
    left.plot(pt, back, ".", markersize=1.5, color=COLORS[1])
    left.plot([], [], color=COLORS[1], label="middle of the cell")
    left.set(xlabel="pt [GeV]", ylabel="pt that comes back [GeV]", title="a value becomes its cell")
    left.legend(frameon=False)
    jets = load_jets(unit="GeV").sort_values(["event", "pt"], ascending=[True, False])
    place = jets.groupby("event").cumcount()
    first, second = (jets[place == k].set_index("event")["pt"] for k in (0, 1))
    after = second[(first.loc[second.index] > LEADING[0]) & (first.loc[second.index] < LEADING[1])]
    known = {"all jets": jets["pt"], f"second, first {LEADING[0]}-{LEADING[1]} GeV": after}
    edges = np.exp(np.arange(np.log(20), np.log(1000), 5 * width))
    for (label, values), color in zip(known.items(), COLORS[:2], strict=True):
        share = np.histogram(values, edges)[0] / len(values)
        bits = -np.sum(share[share > 0] * np.log2(share[share > 0]))
        right.stairs(share, edges, color=color, linewidth=1.6, label=f"{label}: {bits:.1f} bits")
    right.axhline(1 / (len(edges) - 1), color=COLORS[2], label=f"all as likely: {np.log2(len(edges) - 1):.1f} bits")
    right.set(
        xlabel="pt [GeV], in cells of 10 %", ylabel="share of jets", xscale="log", title="what is likely is short"
    )
    right.set_ylim(0, 0.36)
    right.legend(frameon=False, fontsize="small", loc="upper left")
    return figure


def draw_result() -> Figure:
    """Show what the package achieves: bytes of whole files before and after, and bits of a jet against the bound."""
    figure = Figure(figsize=(6.6, 6.4), dpi=110, layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(1.2, 1))
    files = json.loads((ROOT / "docs" / "whole_files.json").read_text())["files"][:5]
    ways = {"source_of_these_columns": "ROOT", "rounded_parquet": "rounded, as Parquet zstd-19", "ours": "compress"}
    colors = (COLORS[0], COLORS[2], COLORS[1])
    for k, ((key, name), color) in enumerate(zip(ways.items(), colors, strict=True)):
        shares = np.array([100 * one[key] / one["source_of_these_columns"] for one in files])
        places = np.arange(len(files)) + 0.27 * (k - 1)
        upper.barh(places, shares, 0.25, color=color, label=name)
        if key == "ours":
            for place, share in zip(places, shares, strict=True):
                upper.text(share + 1, place, f"{share:.0f} %", va="center", fontsize=10)
    upper.set_yticks(range(len(files)), [textwrap.fill(Path(one["file"]).stem.replace("_", " "), 16) for one in files])
    upper.invert_yaxis()
    upper.set(xlabel="bytes of whole files, in per cent of ROOT")
    upper.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=10, columnspacing=1)
    results = json.loads((ROOT / "docs" / "rate_distortion.json").read_text())["files"][0]["results"]
    methods = {"truncated floats, zstd-19": "truncated floats, zstd-19", "ours, entropy": "compress"}
    for (method, name), color in zip(methods.items(), (COLORS[2], COLORS[1]), strict=True):
        bits = [(float(r["bound"]), r["bits"]) for r in results if r["method"] == method and r["bound"] in BOUNDS]
        lower.semilogx(*zip(*bits, strict=True), "o-", color=color, label=name)
        for bound, n in bits:
            lower.annotate(f"{n:.1f}", (bound, n), (0, 6), textcoords="offset points", ha="center", fontsize=10)
    lower.set(xlabel="largest error of E, pt, eta and phi", ylabel="bits a jet", ylim=(0, 80))
    lower.invert_xaxis()
    lower.legend(frameon=False, loc="lower right", fontsize=10)
    return figure


def main() -> int:
    """Draw all pictures."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with matplotlib.rc_context({**STYLE, "figure.dpi": 100}):
        save_picture(draw_folding(), HOW / "folding.png")
        save_picture(draw_mass(), HOW / "mass.png")
        save_picture(draw_cells(), HOW / "cells.png")
        save_picture(draw_result(), ROOT / "docs" / "result.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
