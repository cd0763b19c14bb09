"""Decision trees over integer features, each leaf with a histogram: a conditional histogram that is exact to evaluate.

A tree is grown by Bayesian code length: a split is kept where the two halves, each under a Dirichlet prior around the
histogram of their parent, are described in fewer bits than the whole. Probabilities are integers, comparisons are of
integers: two machines never disagree.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]

PRIOR = 64.0  # jets that the histogram of the parent counts for
FLOOR = 1 / 256  # of the probability, spread evenly over all bins: no value is impossible
TOTAL = 1 << 20  # of the integer probabilities of a leaf
CUTS = 15  # candidate thresholds of a feature, at its quantiles
MIN_JETS = 100  # in a leaf
MIN_GAIN = 12.0  # bits that a split has to save; its description costs about as much
MAX_LEAVES = 128


@dataclass(frozen=True)
class Tree:
    """A tree; node 0 is the root.

    Args:
        feature: which feature a node looks at, -1 in a leaf, shape `(n_nodes,)`.
        threshold: events whose feature is at most this go left.
        child: index of the left child, the right one is the next; in a leaf the index of its histogram.
        counts: integer probabilities, each row positive with the sum TOTAL, shape `(n_leaves, n_bins)`.
    """

    feature: NDArray[np.int8]
    threshold: NDArray[np.int16]
    child: NDArray[np.int16]
    counts: NDArray[np.int32]

    def partition(self, features: Sequence[NDArray[np.int16]]) -> list[tuple[int, NDArray[np.int64]]]:
        """Sort rows into leaves.

        Args:
            features: each of shape `(n,)`.

        Returns:
            (leaf, ascending indices of its rows) for each leaf that has rows, in a fixed order.
        """
        found = []
        todo = [(0, np.arange(len(features[0])))]
        while todo:
            node, rows = todo.pop()
            if not len(rows):
                continue
            if self.feature[node] < 0:
                found.append((int(self.child[node]), rows))
                continue
            right = features[self.feature[node]].take(rows) > self.threshold[node]
            todo += [(self.child[node] + 1, rows.compress(right)), (self.child[node], rows.compress(~right))]
        return found


def grow(features: Sequence[NDArray[np.int16]], bins: NDArray[np.int64], n_bins: int, weight: float = 1.0) -> Tree:
    """Learn a tree.

    Args:
        features: of the training jets, each of shape `(n_jets,)`.
        bins: which bin each jet's value is in, shape `(n_jets,)`.
        n_bins: number of bins.
        weight: how many jets each row counts for.
    """
    cuts = [np.unique(np.quantile(f, np.arange(1, CUTS + 1) / (CUTS + 1), method="lower")) for f in features]
    ranks = [np.searchsorted(c, f, side="left") for c, f in zip(cuts, features, strict=True)]
    growth = _Growth(ranks, bins, n_bins, weight)
    feature, threshold, child = [-1], [0], [0]
    leaf_of, histogram = [np.arange(len(bins))], [growth.smooth(np.arange(len(bins)), np.full(n_bins, 1 / n_bins))]
    heap = growth.candidates(0, leaf_of[0], histogram[0])
    n_leaves = 1
    while heap and n_leaves < MAX_LEAVES:
        _, node, which, cut = heapq.heappop(heap)
        rows = leaf_of[node]
        right = ranks[which][rows] > cut
        feature[node], threshold[node], child[node] = which, int(cuts[which][cut]), len(feature)
        for part in (rows[~right], rows[right]):
            for column, value in ((feature, -1), (threshold, 0), (child, 0)):
                column.append(value)
            leaf_of.append(part)
            histogram.append(growth.smooth(part, histogram[node]))
            for candidate in growth.candidates(len(feature) - 1, part, histogram[-1]):
                heapq.heappush(heap, candidate)
        n_leaves += 1
    leaves = [node for node, f in enumerate(feature) if f < 0]
    for index, node in enumerate(leaves):
        child[node] = index
    return Tree(
        np.array(feature, np.int8),
        np.array(threshold, np.int16),
        np.array(child, np.int16),
        np.stack([integer_probabilities(histogram[node]) for node in leaves]),
    )


def integer_probabilities(histogram: Float) -> NDArray[np.int32]:
    """Round probabilities to positive integers with the sum TOTAL, with the floor mixed in."""
    mixed = (1 - FLOOR) * histogram / histogram.sum() + FLOOR / len(histogram)
    counts = np.maximum(np.floor(mixed * TOTAL).astype(np.int64), 1)
    counts[np.argmax(counts)] += TOTAL - counts.sum()
    return counts.astype(np.int32)


class _Growth:
    """The training rows of a tree, and what a split of some of them would save."""

    def __init__(self, ranks: list[NDArray], bins: NDArray[np.int64], n_bins: int, weight: float) -> None:
        self.ranks, self.bins, self.n_bins, self.weight = ranks, bins, n_bins, weight

    def _count(self, rows: NDArray[np.int64]) -> Float:
        return np.bincount(self.bins[rows], minlength=self.n_bins) * self.weight

    def smooth(self, rows: NDArray[np.int64], parent: Float) -> Float:
        """Estimate a leaf's histogram: its counts, and its parent's histogram as a prior."""
        counts = self._count(rows)
        return (counts + PRIOR * parent) / (counts.sum() + PRIOR)

    def candidates(self, node: int, rows: NDArray[np.int64], histogram: Float) -> list[tuple]:
        """Find the best split of a leaf: a list of one entry for the heap, or of none."""
        whole = self._count(rows)
        if whole.sum() < 2 * MIN_JETS:
            return []
        best = (0.0, -1, -1)
        bits = code_length(whole, PRIOR * histogram)
        for which, rank in enumerate(self.ranks):
            table = np.bincount(rank[rows] * self.n_bins + self.bins[rows], minlength=(CUTS + 1) * self.n_bins)
            left = np.cumsum(table.reshape(-1, self.n_bins), axis=0)[:-1] * self.weight
            n_left = left.sum(axis=1)
            usable = (n_left >= MIN_JETS) & (whole.sum() - n_left >= MIN_JETS)
            if not usable.any():
                continue
            prior = PRIOR * histogram
            gain = bits - code_length(left[usable], prior) - code_length(whole - left[usable], prior)
            best = max(best, (float(gain.max()), which, int(np.flatnonzero(usable)[int(np.argmax(gain))])))
        gain_bits, which, cut = best
        return [(-gain_bits, node, which, cut)] if gain_bits > MIN_GAIN else []


def code_length(counts: Float, prior: Float) -> Float:
    """Compute the bits that describe counts one after the other under a Dirichlet prior, over the last axis."""
    from scipy.special import gammaln  # takes a while to import, and decoding does not need it

    total = counts.sum(axis=-1)
    rest = gammaln(prior + counts).sum(axis=-1) - gammaln(prior).sum()
    return -(gammaln(prior.sum()) - gammaln(prior.sum() + total) + rest) / np.log(2)
