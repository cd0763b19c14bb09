"""Grow a tree that tells which symbols a row is likely to have: a split is kept where it saves more than it costs.

What a leaf costs is exactly what the adaptive coder takes: symbols one after the other, each under the counts of those
before it and the same small prior in all leaves (a Dirichlet-multinomial), so that no histogram has to be stored. Where
histograms are stored all the same, for other files, the prior of a leaf is the histogram of its parent.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.compiled import call, compiled
from atlas_keras.codec.columns.symbol_costs import TABLE, cost_table, nats_of

MAX_LEAVES = 128


@compiled
def inherit(counts: Any, at: int, strength: float, dens: Any, to: int, prior: Any, table: Any) -> None:
    """Smooth the counts of a node by the density that it has from its parent; make that the prior of its split.

    Args:
        counts, at: of the node.
        strength: rows that a prior counts for.
        dens: densities of all nodes; the one at `to` is that of the parent, and becomes that of the node.
        prior, table: as of `nats_of`; they are changed.
    """
    n_symbols = len(prior)
    total = strength
    for s in range(n_symbols):
        total += counts[at + s]
    for s in range(n_symbols):
        dens[to + s] = (counts[at + s] + strength * dens[to + s]) / total
        prior[s] = strength * dens[to + s]
        sum_of_logs = 0.0
        for k in range(TABLE):
            sum_of_logs += math.log(prior[s] + k)
            table[s * (TABLE + 1) + k + 1] = sum_of_logs


@compiled
def try_feature(
    ranks: Any, f: int, n: int, n_cuts: int, symbols: Any, rows: Any, first: int, behind: int, min_rows: int,
    whole: float, best: float, prior: Any, whole_prior: float, table: Any, histogram: Any, left: Any,
) -> tuple[float, int]:  # fmt: skip
    """Find the cut of a feature that saves most of a node, if that is more than `best`: the nats, and the cut.

    Args:
        ranks, n, symbols, rows, min_rows, prior, table, histogram, left: as of `grow_rows`.
        f, n_cuts: the feature, and how many cuts it has.
        first, behind: of the node's rows.
        whole: nats of the node.
        best: to be exceeded.
        whole_prior: as of `nats_of`.
    """
    n_symbols, best_cut = len(prior), 0
    for i in range((n_cuts + 1) * n_symbols):
        histogram[i] = 0
    for i in range(first, behind):
        row = rows[i]
        histogram[ranks[f * n + row] * n_symbols + symbols[row]] += 1
    for s in range(n_symbols):
        left[s] = 0
    n_left = 0
    for c in range(n_cuts):
        changed = 0
        for s in range(n_symbols):
            here = histogram[c * n_symbols + s]
            left[s] += here
            left[n_symbols + s] -= here
            changed += here
        n_left += changed
        if changed == 0 or n_left < min_rows or behind - first - n_left < min_rows:
            continue
        gain = whole - nats_of(left, 0, n_symbols, prior, whole_prior, table)
        if gain > best:
            gain -= nats_of(left, n_symbols, n_symbols, prior, whole_prior, table)
            if gain > best:
                best, best_cut = gain, c
    for s in range(n_symbols):
        left[n_symbols + s] += left[s]
    return best, best_cut


@compiled
def part_rows(ranks: Any, at: int, cut: int, rows: Any, first: int, behind: int, spare: Any) -> int:
    """Part the rows of a node by a cut, in order; return where those begin whose rank is above it.

    Args:
        ranks, at: of the feature, which begins there.
        cut: of it.
        rows, first, behind, spare: as of `try_feature` and `grow_rows`; the rows are changed.
    """
    n_left, n_right = 0, 0
    for i in range(first, behind):
        row = rows[i]
        if ranks[at + row] > cut:
            spare[n_right] = row
            n_right += 1
        else:
            rows[first + n_left] = row
            n_left += 1
    for i in range(n_right):
        rows[first + n_left + i] = spare[i]
    return first + n_left


@compiled
def grow_rows(
    ranks: Any, n: int, n_cuts: Any, symbols: Any, prior: Any, inherited: float, dens: Any, cost: float, min_rows: int,
    table: Any, rows: Any, spare: Any, histogram: Any, left: Any, feature: Any, cut: Any, child: Any, begin: Any,
    end: Any,
) -> float:  # fmt: skip
    """Grow a tree over `rows`, into `feature`, `cut` and `child`; a leaf has feature -1.

    Args:
        ranks: uint8 of each feature and row, one feature after the other: how many of its cuts are below it.
        n: number of rows.
        n_cuts: of each feature.
        symbols: of each row.
        prior: of each symbol.
        inherited: rows that the density of a parent counts for; 0 keeps the prior as it is.
        dens: room for n_symbols densities of 2 MAX_LEAVES nodes, of which those of the first one are given.
        cost: of a split [nats].
        min_rows: that a leaf has.
        table: of `nats_of`.
        rows, spare: 0 to n-1, and room for as many.
        histogram, left: room for (n_cuts + 1) n_symbols and 2 n_symbols counts.
        feature, cut, child, begin, end: room for 2 MAX_LEAVES nodes.

    Returns:
        The nats that all symbols cost, without the tree.
    """
    n_symbols, n_features = len(prior), len(n_cuts)
    whole_prior = 0.0
    for s in range(n_symbols):
        whole_prior += prior[s]
    begin[0], end[0], feature[0] = 0, n, -1
    n_nodes, n_leaves, node = 1, 1, 0
    nats = 0.0
    while node < n_nodes:
        first, behind = begin[node], end[node]
        for s in range(n_symbols):
            left[n_symbols + s] = 0
        for i in range(first, behind):
            left[n_symbols + symbols[rows[i]]] += 1
        if inherited > 0:
            inherit(left, n_symbols, inherited, dens, node * n_symbols, prior, table)
            whole_prior = inherited
        whole = nats_of(left, n_symbols, n_symbols, prior, whole_prior, table)
        best, best_feature, best_cut = cost, -1, 0
        tried = n_features if behind - first >= 2 * min_rows and n_leaves < MAX_LEAVES else 0
        for f in range(tried):
            if n_cuts[f] > 0:
                gain, at = try_feature(
                    ranks, f, n, n_cuts[f], symbols, rows, first, behind, min_rows, whole, best, prior, whole_prior,
                    table, histogram, left,
                )  # fmt: skip
                if gain > best:
                    best, best_feature, best_cut = gain, f, at
        if best_feature < 0:
            nats += whole
        else:
            middle = part_rows(ranks, best_feature * n, best_cut, rows, first, behind, spare)
            feature[node], cut[node], child[node] = best_feature, best_cut, n_nodes
            begin[n_nodes], end[n_nodes], feature[n_nodes] = first, middle, -1
            begin[n_nodes + 1], end[n_nodes + 1], feature[n_nodes + 1] = middle, behind, -1
            if inherited > 0:
                for s in range(n_symbols):
                    dens[n_nodes * n_symbols + s] = dens[node * n_symbols + s]
                    dens[(n_nodes + 1) * n_symbols + s] = dens[node * n_symbols + s]
            n_nodes += 2
            n_leaves += 1
        node += 1
    begin[0] = n_nodes
    return nats


def grow(
    ranks: NDArray[np.uint8],
    n_cuts: NDArray[np.int64],
    symbols: NDArray[np.int64],
    prior: NDArray[np.float64],
    cost: float,
    min_rows: int,
    inherited: float = 0.0,
) -> tuple[float, list[tuple[int, int, int]]]:
    """Grow a tree.

    Args:
        ranks: shape `(n_features, n)`, as in `grow_rows`.
        n_cuts: shape `(n_features,)`.
        symbols: shape `(n,)`.
        prior: how many rows each symbol counts for in a new leaf, shape `(n_symbols,)`, positive.
        cost: of a split [bits].
        min_rows: that a leaf has.
        inherited: as of `grow_rows`.

    Returns:
        The bits that all symbols cost, and the nodes: feature (-1 in a leaf), cut (ranks above it go right), index of
        the left child, which the right one follows.
    """
    n, n_symbols, room = len(symbols), len(prior), 2 * MAX_LEAVES
    dens = np.zeros(room * n_symbols)
    dens[:n_symbols] = prior / prior.sum()
    integers = [np.zeros(room, np.int64) for _ in range(5)]
    histogram = np.zeros((int(n_cuts.max(initial=0)) + 1) * n_symbols, np.int64)
    nats = call(
        grow_rows,
        np.ascontiguousarray(ranks).ravel(), n, n_cuts, symbols, prior.copy(), inherited, dens, cost * math.log(2),
        min_rows, cost_table(prior), np.arange(n), np.zeros(n, np.int64), histogram, np.zeros(2 * n_symbols, np.int64),
        *integers,
        changed=(14, 15, 16, 17),
    )  # fmt: skip
    feature, cut, child, begin, _ = integers
    nodes = [(int(feature[k]), int(cut[k]), int(child[k])) for k in range(int(begin[0]))]
    return nats / math.log(2), nodes


@compiled
def screen_rows(
    ranks: Any, n: int, n_cuts: Any, symbols: Any, prior: Any, table: Any, histogram: Any, gains: Any
) -> float:
    """Compute what the symbols cost, and into `gains` what knowing each feature saves of it [nats].

    Args:
        ranks, n, n_cuts, symbols, prior, table, histogram: as of `grow_rows`.
        gains: of each feature.
    """
    n_symbols = len(prior)
    whole_prior = 0.0
    for s in range(n_symbols):
        whole_prior += prior[s]
        histogram[s] = 0
    for row in range(n):
        histogram[symbols[row]] += 1
    whole = nats_of(histogram, 0, n_symbols, prior, whole_prior, table)
    for f in range(len(n_cuts)):
        for i in range((n_cuts[f] + 1) * n_symbols):
            histogram[i] = 0
        for row in range(n):
            histogram[ranks[f * n + row] * n_symbols + symbols[row]] += 1
        gains[f] = whole
        for c in range(n_cuts[f] + 1):
            gains[f] -= nats_of(histogram, c * n_symbols, n_symbols, prior, whole_prior, table)
    return whole


def screen(
    ranks: NDArray[np.uint8], n_cuts: NDArray[np.int64], symbols: NDArray[np.int64], prior: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Compute the bits that symbols cost, and what knowing each feature alone would save; arguments as of `grow`."""
    gains = np.zeros(len(n_cuts))
    histogram = np.zeros((int(n_cuts.max(initial=0)) + 1) * len(prior), np.int64)
    flat = np.ascontiguousarray(ranks).ravel()
    arguments = (flat, len(symbols), n_cuts, symbols, prior, cost_table(prior), histogram, gains)
    whole = call(screen_rows, *arguments, changed=(7,))
    return whole / math.log(2), gains / math.log(2)
