"""Fit the learned coding of a column to a sample.

It is written into the file, or into an entropy model of its own; so what it costs is weighed against what it saves: a
split, an interval, a finer prior is there only where it pays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.alphabet import Alphabet, Int
from atlas_keras.codec.columns.column_rows import cells_before, symbols_before, symbols_of
from atlas_keras.codec.columns.features import DISTANCE, PREDICTED, Candidate, Rows
from atlas_keras.codec.columns.growth import grow, screen
from atlas_keras.codec.columns.known import Known
from atlas_keras.codec.columns.learned import RAREST, STRENGTHS, LearnedColumn, initial_counts
from atlas_keras.codec.columns.linear import Predictor
from atlas_keras.codec.columns.linear_fitting import TERM_BITS, Offer, fit_predictor
from atlas_keras.codec.columns.ordered import features_of
from atlas_keras.codec.columns.origin import Fixed, Origin, Previous
from atlas_keras.codec.columns.range_coder import UNIT
from atlas_keras.codec.columns.recoil import Recoil
from atlas_keras.codec.columns.row_coding import CELL, LARGEST, OWN
from atlas_keras.codec.columns.symbol_costs import adaptive_bits
from atlas_keras.codec.columns.tree import Tree

SPLIT_BITS = 13.0  # that a split takes in the file, without the choice of its feature
EDGE_BITS = 9.0
PRIOR_BITS = 4.0  # of a symbol
MIN_ROWS, MIN_WARM = 8, 60  # in a leaf; of a tree whose counts are kept
INHERITED = 64.0  # rows that the density of a parent counts for, where counts are kept
MAX_FEATURES = 32  # that a tree is offered
SCREENED, GROUPS = 4000, 4  # rows that choose these, and groups of rows that a feature parts them into
ALONG = 1.003  # times as many bits may a tree take that does not look at the rows before
MAX_SEEN = 1 << 13  # rows that a leaf begins with at most
MIN_PREDICTED = 2000  # rows that a prediction may pay for


def fit_column(
    cells: Int,
    specials: Int,
    known: Known,
    candidates: Sequence[Candidate],
    offered: Sequence[Offer] = (),
    recoils: Sequence[Recoil] = (),
    weight: float = 1.0,
    *,
    warm: bool = False,
) -> tuple[LearnedColumn, float]:
    """Fit the learned coding of a column.

    Args:
        cells: of a sample, shape `(n,)`.
        specials: of the quantizer.
        known: the features of its rows.
        candidates: those that a tree may look at.
        offered: those that a prediction may be made of.
        recoils: that azimuths may be measured from.
        weight: how many rows are to be coded for each one of the sample.
        warm: keep how often symbols were met, for other files to begin with, whatever that takes.

    Returns:
        The model, and the bits that it takes: for the sample, with its own size over the weight.
    """
    highest = min([LARGEST, *specials[:1].tolist()])
    special = (cells <= -LARGEST) | (cells >= highest)  # np.abs of -2**63 is negative, and hides it
    regular = cells[~special]
    start = int(np.median(regular)) if len(regular) else 0
    rows = known.rows
    sample = _Sample(cells, specials, special, rows, tuple(candidates), weight, warm)
    tried = [_Trial.fixed(sample, start)]
    if len(regular) and not rows.first.all():
        tried.append(_Trial.previous(sample, start))
    if len(regular) * weight > MIN_PREDICTED and (predictor := fit_predictor(cells, ~special, offered, known)):
        tried.append(_Trial.predicted(sample, predictor, known))
    tried += [_Trial.recoiling(sample, recoil, known) for recoil in recoils if len(regular)]
    n_bins = _numbers_of_bins(len(regular), weight)
    middle = n_bins[len(n_bins) // 2]
    found = [(trial.fit(middle), trial) for trial in tried]
    best, chosen = min(found, key=lambda item: item[0][1])
    others = [(chosen.fit(n), n) for n in n_bins if n != middle]
    best, n = min([(best, middle), *others], key=lambda item: item[0][1])
    if best[0].tree.looks_along and not isinstance(best[0].origin, Recoil):
        plain = chosen.fit(n, along=False)  # which is decoded much faster
        best = plain if plain[1] < ALONG * best[1] else best
    return best


def _numbers_of_bins(n: int, weight: float) -> list[int]:
    most = max(2, n * weight / 8)
    return [k for k in (2, 4, 8, 16, 32, 64) if k <= most and (k >= 16 or n * weight < 20_000)] or [2]


@dataclass(frozen=True)
class _Sample:
    """What a column is fitted to: the arguments of `fit_column`, and `special`: which cells have no residual."""

    cells: Int
    specials: Int
    special: NDArray[np.bool_]
    rows: Rows
    candidates: tuple[Candidate, ...]
    weight: float
    warm: bool

    @property
    def shift(self) -> int:
        """How many powers of two a step of cells is, for their sizes to be numbers that trees look at."""
        sizes = np.sort(np.abs(self.cells[~self.special]))
        return max(int(sizes[len(sizes) * 99 // 100]).bit_length() - 14, 0) if len(sizes) else 0

    @cached_property
    def before(self) -> tuple[Candidate, ...]:
        """The cell of the row before, where there are such rows."""
        if self.rows.first.all():
            return ()
        return (Candidate(-1 - CELL, cells_before(self.cells, self.rows.first, self.specials, self.shift)[0]),)


@dataclass(frozen=True)
class _Trial:
    """What residuals are measured from, to be tried.

    Args:
        sample: that the column is fitted to.
        origin: what residuals are measured from.
        base: of each row, shape `(n,)` or `(1,)`.
        residuals: shape `(n,)`, without meaning where a cell is special.
        special: which these are.
        candidates: what the tree may look at besides, those of the walk along the rows first.
    """

    sample: _Sample
    origin: Origin
    base: Int
    residuals: Int
    special: NDArray[np.bool_]
    candidates: tuple[Candidate, ...] = ()

    @classmethod
    def fixed(cls, sample: _Sample, start: int) -> _Trial:
        """Measure from a cell."""
        return cls(sample, Fixed(start), np.array([start]), sample.cells - start, sample.special, sample.before)

    @classmethod
    def previous(cls, sample: _Sample, start: int) -> _Trial:
        """Measure from the row before."""
        cells, places = sample.cells, np.arange(len(sample.cells))
        before = np.append(-1, np.maximum.accumulate(np.where(sample.special, -1, places))[:-1])
        begin = np.maximum.accumulate(np.where(sample.rows.first > 0, places, 0))
        residuals = cells - np.where(before >= begin, cells[before], start)
        return cls(sample, Previous(start), np.array([start]), residuals, sample.special, sample.before)

    @classmethod
    def predicted(cls, sample: _Sample, predictor: Predictor, known: Known) -> _Trial:
        """Measure from a prediction."""
        base = predictor.predict(known)
        return cls(
            sample,
            predictor,
            base,
            sample.cells - base,
            sample.special,
            (*sample.before, Candidate(PREDICTED, features_of(base))),
        )

    @classmethod
    def recoiling(cls, sample: _Sample, recoil: Recoil, known: Known) -> _Trial:
        """Measure from the recoil."""
        rows, half = sample.rows, recoil.n_cells // 2
        base, seen = recoil.walk(sample.cells, recoil.momenta(known.values, rows.n), rows.first)
        special = sample.special | (sample.cells < -half) | (sample.cells >= recoil.n_cells - half)
        residuals = (np.where(special, 0, sample.cells) - base + half) % recoil.n_cells - half
        along = [Candidate(-1 - place, x) for place, x in enumerate(seen, OWN + 1)]
        distance = Candidate(DISTANCE, recoil.distance(known.values, rows))
        return cls(sample, recoil, base, residuals, special, (*along, distance))

    def fit(self, n_bins: int, *, along: bool = True) -> tuple[LearnedColumn, float]:
        """Fit symbols, prior and tree; return the bits, too.

        Args:
            n_bins: about how many intervals.
            along: whether the tree may look at what only the walk along the rows tells.
        """
        sample, origin, first, weight = self.sample, self.origin, self.sample.rows.first, self.sample.weight
        alphabet = Alphabet.fit(sample.specials, self.residuals[~self.special], n_bins)
        if isinstance(origin, Recoil):
            alphabet = alphabet.within(-(origin.n_cells // 2), origin.n_cells - origin.n_cells // 2)
        symbols = symbols_of(sample.cells, self.base, first, origin, alphabet)[0]
        every = [Candidate(-1 - OWN, symbols_before(symbols, first)), *self.candidates, *sample.candidates]
        every = every if along else [c for c in every if c.number >= 0]
        prior, prior_bits = choose_prior(np.bincount(symbols, minlength=alphabet.n_symbols), len(sample.specials))
        dens = initial_counts(prior, 1 << 15) / ((1 << 15) * UNIT)
        tree, table = _grow_tree(every, symbols, dens, weight, warm=sample.warm)
        model = LearnedColumn(origin, alphabet, prior, 4, tree, sample.shift)
        bits, strength = min((adaptive_bits(table, initial_counts(prior, s) / UNIT), s) for s in STRENGTHS)
        size = 32 + TERM_BITS * len(model.terms) + EDGE_BITS * alphabet.n_bins + prior_bits
        size += (tree.n_leaves - 1) * _split_bits(len(every), weight, warm=sample.warm) * weight
        model = replace(model, strength=strength)
        if sample.warm:
            counts = warm_counts(tree, table, dens)
            model = replace(model, counts=counts)
            bits = -float((table * np.log2(counts / counts.sum(axis=1, keepdims=True))).sum())
        return model, bits + alphabet.offset_bits(symbols) + size / weight


def _split_bits(n_candidates: int, weight: float, *, warm: bool) -> float:
    return SPLIT_BITS if warm else (SPLIT_BITS + math.log2(n_candidates + 1)) / weight


def _grow_tree(
    candidates: Sequence[Candidate], symbols: Int, dens: NDArray[np.float64], weight: float, *, warm: bool
) -> tuple[Tree, Int]:
    """Grow a tree over the most telling candidates; return how often each leaf has each symbol, too."""
    n_symbols = len(dens)
    if not candidates:
        tree = Tree.of([(-1, 0, 0)], candidates)
        return tree, np.bincount(symbols, minlength=n_symbols)[None]
    ranks = np.stack([c.ranks for c in candidates])
    n_cuts = np.array([len(c.thresholds) for c in candidates])
    part = max(len(symbols) // SCREENED, 1)
    # In few groups: of many, each has too few rows for what its counts cost.
    groups = np.minimum(n_cuts, GROUPS - 1)
    coarse = (ranks[:, ::part] * (groups + 1)[:, None] // (n_cuts + 1)[:, None]).astype(np.uint8)
    _, gains = screen(coarse, groups, symbols[::part], 4 * dens)
    order = np.argsort(-gains, kind="stable")
    kept = np.sort(order[:MAX_FEATURES])
    split = _split_bits(len(candidates), weight, warm=warm)
    least, inherited = (MIN_WARM, INHERITED) if warm else (MIN_ROWS, 0.0)
    _, nodes = grow(ranks[kept], n_cuts[kept], symbols, 4 * dens, split, least, inherited)
    offered = [candidates[f] for f in kept]
    tree = Tree.of(nodes, offered)
    leaves = tree.leaves({c.number: c.values for c in offered})
    table = np.bincount(leaves * n_symbols + symbols, minlength=tree.n_leaves * n_symbols)
    return tree, table.reshape(tree.n_leaves, -1)


def choose_prior(counts: Int, n_specials: int) -> tuple[NDArray[np.uint8], float]:
    """Choose how rare each symbol is said to be, the same for all bins where more does not pay; and the bits of it.

    Args:
        counts: of the symbols, the specials first and `outside` last.
        n_specials: how many of them are specials.
    """

    def rarity(weights: NDArray[np.float64]) -> NDArray[np.uint8]:
        share = (weights + 0.05) / (weights.sum() + 0.05 * len(weights))
        return np.clip(np.rint(-4 * np.log2(share)), 0, RAREST).astype(np.uint8)

    even = counts.astype(np.float64)
    bins = slice(n_specials, len(counts) - 1)
    even[bins] = even[bins].mean()
    flat, full = rarity(even), rarity(counts.astype(np.float64))
    lost = sum(k * adaptive_bits(counts[None], initial_counts(p, 8) / UNIT) for k, p in ((1, flat), (-1, full)))
    if lost > PRIOR_BITS * (len(counts) - n_specials - 2):
        return full, PRIOR_BITS * len(counts)
    return flat, PRIOR_BITS * (n_specials + 2)


def warm_counts(tree: Tree, table: Int, dens: NDArray[np.float64]) -> Int:
    """Return counts for leaves to begin with: those that were met, and the density of the parent as a prior.

    Args:
        tree: of the leaves.
        table: how often each leaf had each symbol, shape `(n_leaves, n_symbols)`.
        dens: of the symbols, before any was met.
    """
    nodes = np.zeros((len(tree.feature), table.shape[1]))
    for at in range(len(nodes) - 1, -1, -1):  # children stand behind their parents
        child = tree.child[at]
        nodes[at] = table[child] if tree.feature[at] < 0 else nodes[child] + nodes[child + 1]
    parents = np.zeros(len(nodes), np.int64)
    inner = np.flatnonzero(tree.feature >= 0)
    parents[tree.child[inner]] = parents[tree.child[inner] + 1] = inner
    smooth = np.empty_like(nodes)
    for at, counts in enumerate(nodes):
        above = smooth[parents[at]] if at else dens
        smooth[at] = (counts + INHERITED * above) / (counts.sum() + INHERITED)
    leaves = tree.feature < 0
    n = np.minimum(nodes[leaves].sum(axis=1, keepdims=True) + INHERITED, MAX_SEEN)
    found = np.empty(table.shape, np.int64)
    found[tree.child[leaves]] = np.maximum(np.rint(smooth[leaves] * n * UNIT), 1)
    return found
