"""A decision tree over features: which leaf a row belongs to, and how it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Int
from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.features import Candidate
from atlas_keras.codec.columns.growth import MAX_LEAVES
from atlas_keras.codec.columns.row_coding import OWN
from atlas_keras.errors import JetDataError


@dataclass(frozen=True)
class Tree:
    """A tree over features.

    Args:
        feature: that a node looks at: OWN, or 1 + a place in `uses`; -1 in a leaf.
        threshold: what is above goes right.
        child: index of the left child, which the right one follows; in a leaf its number.
        uses: numbers of the features.
    """

    feature: Int
    threshold: Int
    child: Int
    uses: tuple[int, ...]

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int((self.feature < 0).sum())

    @classmethod
    def of(cls, nodes: Sequence[tuple[int, int, int]], candidates: Sequence[Candidate]) -> Tree:
        """Make a tree of the nodes that `grow` gives; the first candidate is the symbol before."""
        used = sorted({f for f, _, _ in nodes if f > 0})
        place = {-1: -1, 0: OWN, **{f: 1 + at for at, f in enumerate(used)}}
        feature = np.array([place[f] for f, _, _ in nodes])
        threshold = np.array([candidates[f].thresholds[cut] if f >= 0 else 0 for f, cut, _ in nodes])
        child = np.array([c for _, _, c in nodes])
        child[feature < 0] = np.arange((feature < 0).sum())
        return cls(feature, threshold, child, tuple(candidates[f].number for f in used))

    def leaves(self, features: NDArray[np.int16], own: Int) -> Int:
        """Find the leaf of each row.

        Args:
            features: of `uses`, shape `(n_uses, n)`.
            own: the symbol of the row before, shape `(n,)`.
        """
        node = np.zeros(len(own), np.int64)
        stacked = np.concatenate([own[None], features.astype(np.int64)])
        rows = np.arange(len(own))
        while len(at := rows[self.feature[node[rows]] >= 0]):
            here, rows = node[at], at
            node[at] = self.child[here] + (stacked[self.feature[here], at] > self.threshold[here])
        return self.child[node]

    def write(self, writer: ByteWriter) -> None:
        """Write the nodes in order; children follow from it."""
        for feature, threshold in zip(self.feature, self.threshold, strict=True):
            number = 0 if feature < 0 else 1 if feature == OWN else 2 + self.uses[feature - 1]
            writer.number(number)
            if number:
                zeros = 15 if threshold == 0 else min((int(threshold) & -int(threshold)).bit_length() - 1, 15)
                mantissa = int(threshold) >> zeros
                writer.number((2 * mantissa if mantissa >= 0 else -2 * mantissa - 1) * 16 + zeros)

    @classmethod
    def read(cls, reader: ByteReader, n_features: int) -> Tree:
        """Read what `write` wrote.

        Args:
            reader: of the content.
            n_features: only these, the first ones, may be used.

        Raises:
            JetDataError: a tree that cannot be.
        """
        numbers, threshold, child = [], [], []
        open_nodes = 1
        while open_nodes:
            number = reader.number(n_features + 1)
            numbers.append(number)
            threshold.append(0)
            child.append(0)
            open_nodes -= 1
            if number:
                zigzag, zeros = divmod(reader.number(1 << 24), 16)
                threshold[-1] = (-(zigzag + 1 >> 1) if zigzag & 1 else zigzag >> 1) << zeros
                child[-1] = len(numbers) + open_nodes
                open_nodes += 2
            if len(numbers) > 2 * MAX_LEAVES:
                raise JetDataError("a column has a tree of too many leaves")
        feature = np.array(numbers, np.int64)
        uses = np.unique(feature[feature > 1])
        places = np.where(feature > 1, 1 + np.searchsorted(uses, feature), np.where(feature == 1, OWN, -1))
        children = np.array(child, np.int64)
        children[feature == 0] = np.arange((feature == 0).sum())
        return cls(places, np.array(threshold, np.int64), children, tuple(int(u) - 2 for u in uses))
