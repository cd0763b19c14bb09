"""Symbols of a range coder for the cells of one variable: intervals of cells, and their probabilities in every leaf.

A bin of the histogram becomes one symbol, or less where cells are wider; the offset of a cell inside its symbol's
interval is coded uniformly. Everything is computed with operations that are exact on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import constriction
import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.entropy_model.model import MAX_COUNT, ConditionalHistogram, EntropyModel
from atlas_keras.codec.quantizer import JetQuantizer

Categorical = constriction.stream.model.Categorical

FINE = 16  # intervals of the energy's cells grow by a sixteenth of their distance from zero
MAX_EXCESS, MIN_EXCESS = 5.0, -0.1  # of ln(E/p) that has symbols; jets beyond are stored as they are
ETA_BINS = np.array([0.3, 0.85, 1.5])  # |eta| that divide jets by how much an error of eta counts in p
TANH = (0.15, 0.53, 0.82, 0.97)  # typical |tanh eta| between them
POINTS = (np.arange(8) - 3.5) / 8  # of a step, over which the rounding of pt and eta is averaged


@dataclass
class SymbolTable:
    """The symbols of a variable.

    Args:
        first: the first cell of every interval, and one past the last, ascending, shape `(n_symbols + 1,)`.
        weights: relative probabilities, shape `(n_models, n_symbols)`.
    """

    first: NDArray[np.int64]
    weights: NDArray[np.float64]
    _models: dict[int, Any] = field(default_factory=dict)

    def model(self, index: int) -> Any:
        """Return the entropy model of a leaf, made when it is first asked for."""
        if index not in self._models:
            self._models[index] = Categorical(np.ascontiguousarray(self.weights[index]), perfect=False)
        return self._models[index]

    @classmethod
    def of(cls, histogram: ConditionalHistogram, cell_edges: NDArray[np.float64]) -> Self:
        """Build the symbols of a histogram.

        Args:
            histogram: of the variable.
            cell_edges: its edges in cells: cell i reaches from i - 1/2 to i + 1/2.
        """
        first = np.unique(np.ceil(cell_edges + 0.5))
        first = np.append(first, first[-1] + 1) if len(first) == 1 else first
        return cls(first.astype(np.int64), np.diff(histogram.cumulative(first - 0.5, cell_edges), axis=1))


@dataclass(frozen=True)
class SymbolTables:
    """The symbols of all variables of a file.

    Args:
        n_jets, pt, eta, phi, energy: of each variable; the energy has a model for each leaf and eta_bin where its cell
            depends on the rounding of pt and eta.
    """

    n_jets: SymbolTable
    pt: SymbolTable
    eta: SymbolTable
    phi: SymbolTable
    energy: SymbolTable

    @classmethod
    def of(cls, grid: JetQuantizer, entropy_model: EntropyModel) -> Self:
        """Build them from the steps of a file and the entropy model."""
        half = grid.n_phi // 2
        inner = entropy_model.phi.edges / grid.phi_step
        inner[0], inner[-1] = -half - 0.5, half - 0.5
        return cls(
            SymbolTable(np.arange(MAX_COUNT + 2), entropy_model.n_jets.tree.counts.astype(np.float64)),
            SymbolTable.of(entropy_model.pt, (entropy_model.pt.edges - grid.pt_offset) / grid.pt_step),
            SymbolTable.of(entropy_model.eta, (entropy_model.eta.edges - grid.eta_offset) / grid.eta_step),
            SymbolTable.of(entropy_model.phi, inner),
            SymbolTable.of(entropy_model.rho, grid.energy_edges(entropy_model))
            if grid.mass_step
            else _energy(grid, entropy_model),
        )


def _energy(grid: JetQuantizer, entropy_model: EntropyModel) -> SymbolTable:
    """Build the symbols of ln(E/p^): the histogram of ln(E/p), blurred by the rounding of pt and eta inside p^."""
    zero = round(-grid.energy_offset / grid.energy_step)  # the cell of a massless jet
    lowest, highest = (int(x / grid.energy_step) for x in (MIN_EXCESS, MAX_EXCESS))
    first = np.unique([*(zero - cell for cell in _growing(-lowest)), *(zero + cell for cell in _growing(highest))])
    cell_edges, x = grid.energy_edges(entropy_model), first - 0.5
    blurred = []
    for tanh in TANH:
        shifts = POINTS[:, None] * grid.pt_step + POINTS * (tanh * grid.eta_step)
        points = x - shifts.reshape(-1, 1) / grid.energy_step
        cumulative = entropy_model.rho.cumulative(points.reshape(-1), cell_edges).reshape(-1, *points.shape)
        total = cumulative[:, 0]
        for point in range(1, cumulative.shape[1]):
            total = total + cumulative[:, point]
        blurred.append(np.diff(total, axis=1))
    weights = np.stack(blurred, axis=1).reshape(-1, len(first) - 1)
    return SymbolTable(first.astype(np.int64), np.maximum(weights, 1e-9))


def _growing(limit: int) -> list[int]:
    """Return cells from 0 to at least the limit, first one by one, then in growing steps."""
    cells = [0]
    while cells[-1] < limit:
        cells.append(cells[-1] + max(1, cells[-1] // FINE))
    return cells


def eta_bin(eta: NDArray[np.floating]) -> NDArray[np.int64]:
    """Tell which of the four bins of |eta| a jet has."""
    return np.searchsorted(ETA_BINS, np.abs(eta))
