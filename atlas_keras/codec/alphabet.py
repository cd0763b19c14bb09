"""Symbols of a range coder for the cells of one variable: intervals of cells, and their probabilities in every leaf.

A bin of the density becomes one symbol, or less where cells are wider; the place of a cell inside its symbol's interval
is coded uniformly. Everything is computed with operations that are exact on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import constriction
import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.grid import Grid
from atlas_keras.density.densities import MOST_COUNT, Densities, Density

Categorical = constriction.stream.model.Categorical

FINE = 16  # intervals of the energy's cells grow by a sixteenth of their distance from zero
LARGEST_EXCESS, LEAST_EXCESS = 5.0, -0.1  # of ln(E/p) that has symbols; jets beyond are stored as they are
TILTS = np.array([0.3, 0.85, 1.5])  # |eta| that divide jets by how much an error of eta counts in p
TANH = (0.15, 0.53, 0.82, 0.97)  # typical |tanh eta| between them
POINTS = (np.arange(8) - 3.5) / 8  # of a step, over which the rounding of pt and eta is averaged


@dataclass
class Alphabet:
    """The symbols of a variable.

    Args:
        first: the first cell of every interval, and one past the last, ascending, shape `(n_symbols + 1,)`.
        weights: relative probabilities, shape `(n_models, n_symbols)`.
    """

    first: NDArray[np.int64]
    weights: NDArray[np.float64]
    _models: dict[int, Any] = field(default_factory=dict)

    def model(self, index: int) -> Any:
        """Give the entropy model of a leaf, made when it is first asked for."""
        if index not in self._models:
            self._models[index] = Categorical(np.ascontiguousarray(self.weights[index]), perfect=False)
        return self._models[index]

    @classmethod
    def of(cls, density: Density, places: NDArray[np.float64]) -> Self:
        """Build the symbols of a density.

        Args:
            density: of the variable.
            places: its edges in cells: cell i reaches from i - 1/2 to i + 1/2.
        """
        first = np.unique(np.ceil(places + 0.5))
        first = np.append(first, first[-1] + 1) if len(first) == 1 else first
        return cls(first.astype(np.int64), np.diff(density.cumulative(first - 0.5, places), axis=1))


@dataclass(frozen=True)
class Alphabets:
    """The symbols of all variables of a file.

    Args:
        n_jets, pt, eta, phi, energy: of each variable; the energy has a model for each leaf and tilt where its cell
            depends on the rounding of pt and eta.
    """

    n_jets: Alphabet
    pt: Alphabet
    eta: Alphabet
    phi: Alphabet
    energy: Alphabet

    @classmethod
    def of(cls, grid: Grid, densities: Densities) -> Self:
        """Build them from the steps of a file and the densities of its model."""
        half = grid.phi_cells // 2
        inner = densities.phi.edges / grid.phi_step
        inner[0], inner[-1] = -half - 0.5, half - 0.5
        return cls(
            Alphabet(np.arange(MOST_COUNT + 2), densities.n_jets.tree.counts.astype(np.float64)),
            Alphabet.of(densities.pt, (densities.pt.edges - grid.pt_offset) / grid.pt_step),
            Alphabet.of(densities.eta, (densities.eta.edges - grid.eta_offset) / grid.eta_step),
            Alphabet.of(densities.phi, inner),
            Alphabet.of(densities.rho, grid.energy_places(densities)) if grid.mass_step else _energy(grid, densities),
        )


def _energy(grid: Grid, densities: Densities) -> Alphabet:
    """Build the symbols of ln(E/p^): the density of ln(E/p), blurred by the rounding of pt and eta inside p^."""
    zero = round(-grid.energy_offset / grid.energy_step)  # the cell of a massless jet
    lowest, highest = (int(x / grid.energy_step) for x in (LEAST_EXCESS, LARGEST_EXCESS))
    first = np.unique([*(zero - cell for cell in _growing(-lowest)), *(zero + cell for cell in _growing(highest))])
    places, x = grid.energy_places(densities), first - 0.5
    blurred = []
    for tanh in TANH:
        shifts = POINTS[:, None] * grid.pt_step + POINTS * (tanh * grid.eta_step)
        points = x - shifts.reshape(-1, 1) / grid.energy_step
        cumulative = densities.rho.cumulative(points.reshape(-1), places).reshape(-1, *points.shape)
        total = cumulative[:, 0]
        for point in range(1, cumulative.shape[1]):
            total = total + cumulative[:, point]
        blurred.append(np.diff(total, axis=1))
    weights = np.stack(blurred, axis=1).reshape(-1, len(first) - 1)
    return Alphabet(first.astype(np.int64), np.maximum(weights, 1e-9))


def _growing(limit: int) -> list[int]:
    """Give cells from 0 to at least the limit, first one by one, then in growing steps."""
    cells = [0]
    while cells[-1] < limit:
        cells.append(cells[-1] + max(1, cells[-1] // FINE))
    return cells


def tilt(eta: NDArray[np.floating]) -> NDArray[np.int64]:
    """Tell which of the four tilts a jet has."""
    return np.searchsorted(TILTS, np.abs(eta))
