"""A decision tree over features: which leaf a row belongs to, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Int
from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.features import Candidate
from atlas_keras.codec.columns.growth import MAX_LEAVES
from atlas_keras.codec.columns.row_coding import N_LOCAL
from atlas_keras.errors import JetDataError

Short = NDArray[np.int32]
FAR = 1 << 16  # beyond all features


@dataclass(frozen=True)
class Tree:
    """A tree over features.

    Args:
        feature: that a node looks at: a place below N_LOCAL, or N_LOCAL + a place in `uses`; -1 in a leaf.
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

    @cached_property
    def depth(self) -> int:
        """How far it is to the leaf that is the furthest."""
        depths = np.zeros(len(self.feature), np.int64)
        for node in np.flatnonzero(self.feature >= 0):  # children stand behind their parents
            depths[self.child[node] : self.child[node] + 2] = depths[node] + 1
        return int(depths.max())

    def nodes(self, without: int, n: int) -> tuple[Int, Short, Short, Short]:
        """Return feature, threshold, child and number of all nodes as `find_leaves` has them.

        Args:
            without: how many of the first features there are not.
            n: number of rows.
        """
        is_leaf = self.feature < 0
        return (
            np.where(is_leaf, 0, self.feature - without) * n,
            np.where(is_leaf, FAR, np.clip(self.threshold, -FAR, FAR)).astype(np.int32),
            np.where(is_leaf, np.arange(len(self.child)), self.child).astype(np.int32),
            np.where(is_leaf, self.child, -1).astype(np.int32),
        )

    def leaves(self, values: Mapping[int, NDArray[np.int16]]) -> Int:
        """Find the leaf of each row.

        Args:
            values: of candidates, by their numbers, each of shape `(n,)`.
        """
        n = len(next(iter(values.values())))
        local = [values.get(-1 - place, np.zeros(n, np.int16)) for place in range(N_LOCAL)]
        stacked = np.stack([*local, *(values[use] for use in self.uses)])
        node, rows = np.zeros(n, np.int64), np.arange(n)
        while len(at := rows[self.feature[node[rows]] >= 0]):
            here, rows = node[at], at
            node[at] = self.child[here] + (stacked[self.feature[here], at] > self.threshold[here])
        return self.child[node]

    @property
    def looks_along(self) -> bool:
        """Whether it looks at what only the walk along the rows tells."""
        return bool(np.any((self.feature >= 0) & (self.feature < N_LOCAL)))

    @classmethod
    def of(cls, nodes: Sequence[tuple[int, int, int]], candidates: Sequence[Candidate]) -> Tree:
        """Make a tree of the nodes that `grow` gives."""
        used = sorted({f for f, _, _ in nodes if f >= 0 and candidates[f].number >= 0})
        place = {f: -1 - c.number for f, c in enumerate(candidates)}
        place |= {-1: -1, **{f: N_LOCAL + at for at, f in enumerate(used)}}
        feature = np.array([place[f] for f, _, _ in nodes])
        threshold = np.array([candidates[f].thresholds[cut] if f >= 0 else 0 for f, cut, _ in nodes])
        child = np.array([c for _, _, c in nodes])
        child[feature < 0] = np.arange((feature < 0).sum())
        return cls(feature, threshold, child, tuple(candidates[f].number for f in used))

    def write(self, writer: ByteWriter) -> None:
        """Write the nodes in order; children follow from it."""
        for feature, threshold in zip(self.feature, self.threshold, strict=True):
            number = 1 + (feature if feature < N_LOCAL else N_LOCAL + self.uses[feature - N_LOCAL])
            writer.number(int(number))
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
            number = reader.number(n_features + N_LOCAL)
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
        uses = np.unique(feature[feature > N_LOCAL])
        places = np.where(feature > N_LOCAL, N_LOCAL + np.searchsorted(uses, feature), feature - 1)
        children = np.array(child, np.int64)
        children[feature == 0] = np.arange((feature == 0).sum())
        return cls(places, np.array(threshold, np.int64), children, tuple(int(u) - 1 - N_LOCAL for u in uses))
