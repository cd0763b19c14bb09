"""Draw the pictures of `docs/how/` with the shipped `folded` encoder, as LiteRT, and with the sample.

`python scripts/make_figures.py`, with the extra `edge`.
"""

from __future__ import annotations

import argparse
import sys
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


def main() -> int:
    """Draw all pictures."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with matplotlib.rc_context({**STYLE, "figure.dpi": 100}):
        save_picture(draw_folding(), HOW / "folding.png")
        save_picture(draw_mass(), HOW / "mass.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
