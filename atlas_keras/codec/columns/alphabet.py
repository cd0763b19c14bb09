"""The symbols of a column: special cells, and intervals of residuals that are about equally often met."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.errors import JetDataError

Int = NDArray[np.int64]
FAR = 4  # each interval beyond the data is so many times wider than the one before
MAX_BINS = 256
MAX_EDGE = 1 << 47


@dataclass(frozen=True)
class Alphabet:
    """Symbols: first the specials, then the intervals, then `outside`.

    Args:
        specials: ascending cells.
        edges: of the intervals, ascending, shape `(n_bins + 1,)`.
    """

    specials: Int
    edges: Int

    @property
    def n_bins(self) -> int:
        """Number of intervals."""
        return len(self.edges) - 1

    @property
    def n_symbols(self) -> int:
        """Number of symbols."""
        return len(self.specials) + self.n_bins + 1

    @classmethod
    def fit(cls, specials: Int, residuals: Int, n_bins: int, reach: int = 1) -> Alphabet:
        """Choose intervals.

        Args:
            specials: of the quantizer.
            residuals: of a sample, shape `(n,)`, of cells that are not special.
            n_bins: about how many.
            reach: how many wide intervals are added to each side, for what the sample does not have.
        """
        usual = np.sort(residuals[(residuals > -MAX_EDGE // 2) & (residuals < MAX_EDGE // 2)])
        if not len(usual):
            return cls(specials, np.array([0, 1]))
        inner = np.unique(usual[np.linspace(0, len(usual) - 1, n_bins + 1)[:-1].astype(np.int64)])
        low, high = int(usual[0]), int(usual[-1]) + 1
        # A cell that alone fills an interval gets one of its own width.
        counts = np.diff(np.searchsorted(usual, np.append(inner, high)))
        alone = inner[(np.searchsorted(usual, inner, side="right") - np.searchsorted(usual, inner)) > 0.5 * counts]
        edges = np.unique(np.concatenate([inner, alone + 1, [low, high]]))
        width = max((high - low) // 4, 1)
        outer = [width * FAR**k for k in range(reach)]
        edges = np.concatenate([low - np.cumsum(outer)[::-1], edges, high + np.cumsum(outer)]).astype(np.int64)
        edges = edges[np.abs(edges) < MAX_EDGE]
        return cls(specials, edges if len(edges) > 1 else np.array([0, 1]))

    def within(self, low: int, high: int) -> Alphabet:
        """Return intervals that reach from `low` to below `high`, and no further."""
        inner = self.edges[(self.edges > low) & (self.edges < high)]
        return Alphabet(self.specials, np.concatenate([[low], inner, [high]]))

    def offset_bits(self, symbols: Int) -> float:
        """Compute the bits that the places inside of the intervals take."""
        widths = np.concatenate([np.ones(len(self.specials)), np.diff(self.edges), [2.0**64]])
        return float(np.log2(widths) @ np.bincount(symbols, minlength=self.n_symbols))

    def write(self, writer: ByteWriter) -> None:
        """Write the edges; the specials are the quantizer's."""
        writer.number(self.n_bins)
        writer.signed(int(self.edges[0]))
        for width in np.diff(self.edges):
            writer.number(int(width) - 1)

    @classmethod
    def read(cls, reader: ByteReader, specials: Int) -> Alphabet:
        """Read what `write` wrote.

        Raises:
            JetDataError: intervals that cannot be.
        """
        n_bins = reader.number(MAX_BINS)
        edges = [reader.signed()]
        for _ in range(n_bins):
            edges.append(edges[-1] + reader.number(2 * MAX_EDGE) + 1)
        if n_bins < 1 or max(map(abs, edges)) > MAX_EDGE:
            raise JetDataError("a column has impossible intervals")
        return cls(specials, np.array(edges, np.int64))
