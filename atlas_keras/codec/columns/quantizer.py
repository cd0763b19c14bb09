"""From the values of a column to whole numbers (cells) and back, within the bound of the column.

Every number, bool and pattern of bits has a way: a cell of a grid; a spike, which is a value that repeats (a filler,
0, NaN) and comes back as it was; or bits of its own (verbatim), for what neither of both can hold: as few as the bound
allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.compiled import COMPILES, call
from atlas_keras.codec.columns.grid_choice import Cells, bits_of_cells, repeated_values, zero_bits
from atlas_keras.codec.columns.grids import LARGEST, fill_even, fill_logarithmic, fill_powers, find_kept, find_spikes
from atlas_keras.codec.columns.ordered import bits_of, exp2, from_ordered, log2, to_ordered
from atlas_keras.codec.columns.rounding import rounded
from atlas_keras.errors import JetDataError
from atlas_keras.schema import PHI_MAX, Bound

Float = NDArray[np.float64]
Kind = Literal["integers", "floats", "relative", "absolute", "angle", "ratio"]
KINDS: tuple[Kind, ...] = ("integers", "floats", "relative", "absolute", "angle", "ratio")
ONE = np.ones(1)
DTYPES = (
    "bool",
    *(f"{sign}int{bits}" for bits in (8, 16, 32, 64) for sign in ("", "u")),
    *("float16", "float32"),
    "float64",
)

SPECIAL = 1 << 61  # cells from here on: verbatim, then the spikes
VERBATIM = SPECIAL
MIN_SHIFT = 4  # zero bits at the end of nearly all values that make exact bits worth a try; 8 in files of before
RESERVE = 1e-3  # of a bound, for the rounding to the type of the column
FINEST = {"float32": 2e-6, "float64": 1e-12}  # relative bounds below are coded exactly
MIN_STEP, MAX_STEP = 1e-300, 1e300


@dataclass(frozen=True)
class Quantizer:
    """The grid of a column.

    Args:
        kind: `integers` (and bools) and `floats` are exact; `relative`, `absolute` and `angle` have a bound; `ratio` is
            relative, too, its grid that of the ratio to what a formula of other columns gives.
        dtype: of the values, as NumPy calls it.
        step: of the grid: of log2 |x|, or of x; an angle has a whole number of steps in a turn.
        shift: of `floats`: how many bits at the end of the values are zero.
        spikes: values with cells of their own, as ascending bits.
    """

    kind: Kind
    dtype: str
    step: float = 0.0
    shift: int = 0
    spikes: tuple[int, ...] = ()

    @property
    def has_verbatim(self) -> bool:
        """Whether values may have to be stored as bits of their own."""
        return self.kind not in ("integers", "floats") or self.shift > 0

    @property
    def specials(self) -> Cells:
        """Cells that are no places on the grid, ascending."""
        return SPECIAL + np.arange(1 + len(self.spikes) if self.has_verbatim else 0)

    def usable(self, cells: Cells) -> NDArray[np.bool_]:
        """Tell which cells are no spikes, and stand for numbers that others can be predicted from."""
        return cells < SPECIAL if self.has_verbatim else np.ones(len(cells), bool)

    @property
    def base(self) -> int:
        """Where the cells of |x| = 1 begin on the logarithmic grid: the smallest number has a positive cell."""
        lowest = {"float32": 150, "float64": 1075}[self.dtype]
        return math.ceil(lowest / self.step) + 1

    @property
    def n_turn(self) -> int:
        """Number of cells in a turn, where it is a grid of angles; else 0."""
        return round(2 * math.pi / self.step) if self.kind == "angle" else 0

    def check(self) -> None:
        """Refuse what `fit` does not choose.

        Raises:
            JetDataError: a kind, a step or a shift that the type of the values cannot have.
        """
        dtype = np.dtype(self.dtype)
        bits = 8 * dtype.itemsize
        if self.kind == "integers":
            sound = dtype.kind != "f" and not self.spikes and not self.shift and not self.step
        elif self.kind == "floats":
            sound = dtype.kind == "f" and not self.spikes and not self.step
            sound &= self.shift == 0 or MIN_SHIFT <= self.shift < bits
        else:
            sound = self.dtype in FINEST and MIN_STEP <= self.step <= MAX_STEP and not self.shift
        if not sound or any(spike >> bits for spike in self.spikes):
            raise JetDataError("a column has an impossible grid")

    @classmethod
    def fit(cls, values: NDArray, bound: Bound, formula: Float = ONE) -> Quantizer:
        """Choose a grid for values within a bound: exact where that is smaller.

        Args:
            values: a sample of the column, of any type of `DTYPES`.
            bound: of any kind but `drop`.
            formula: what a formula gives for them, shape `(n,)`; shape `(1,)` where there is none.
        """
        dtype = values.dtype.name
        if values.dtype.kind != "f":
            return cls("integers", dtype)
        shift = zero_bits(values)
        shift = shift if shift >= MIN_SHIFT else 0
        exact = cls("floats", dtype, shift=shift)
        if bound.kind == "exact" or dtype == "float16" or bound.size < _finest(bound, dtype):
            return exact
        size = bound.size * (1 - RESERVE)
        if bound.kind == "relative":
            grid = cls("relative", dtype, math.log2((1 + size) / (1 - size)))
        else:
            step = 2 * size
            if bound.kind == "angle":
                step = 2 * math.pi / math.ceil(2 * math.pi / step)
            grid = cls("angle" if bound.kind == "angle" else "absolute", dtype, step)
        cells = grid._on_grid(values, ONE)
        grid = cls(grid.kind, dtype, grid.step, 0, repeated_values(values, cells))
        if grid.kind == "relative" and len(formula) > 1:
            ratio = cls("ratio", dtype, grid.step, 0, grid.spikes)
            if bits_of_cells(ratio.encode(values, bound, formula)[0]) < bits_of_cells(grid.encode(values, bound)[0]):
                return ratio
        if shift and bits_of_cells(exact.encode(values, bound)[0]) <= bits_of_cells(grid.encode(values, bound)[0]):
            return exact
        return grid

    def encode(self, values: NDArray, bound: Bound, formula: Float = ONE) -> tuple[Cells, NDArray, NDArray]:
        """Find the cells, each checked: what it decodes to is within the bound, in the type of the column.

        Args:
            values: shape `(n,)`, of the type of the column.
            bound: of the column.
            formula: what a formula gives for them, where the grid is one of ratios.

        Returns:
            Cells, shape `(n,)`; the values that are stored as bits, in order, rounded within the bound; and what
            `decode` makes of both.
        """
        if not self.has_verbatim:
            as_numbers = values.view(np.uint8) if values.dtype.kind == "b" else values
            cells = as_numbers.astype(np.int64) if self.kind == "integers" else to_ordered(values)
            return cells, values[:0], self.decode(cells, values[:0])
        cells = self._on_grid(values, formula)
        if self.spikes:
            bits = bits_of(values)
            self._mark_spikes(bits, np.array(self.spikes, bits.dtype), cells)
        decoded = self.decode(cells, values[:0], formula, check=False)
        wrong = np.flatnonzero(~kept(values, decoded, bound))
        stored = rounded(values[wrong], bound)
        stored = np.where(kept(values[wrong], stored, bound), stored, values[wrong])
        cells[wrong], decoded[wrong] = VERBATIM, stored
        return cells, stored, decoded

    def decode(self, cells: Cells, verbatim: NDArray, formula: Float = ONE, *, check: bool = True) -> NDArray:
        """Compute the values, the same bits on every machine.

        Args:
            cells: shape `(n,)`.
            verbatim: values that are stored as bits of their own, in order.
            formula: what a formula gives for the values, where the grid is one of ratios.
            check: whether there are as many of them as cells that want one.

        Raises:
            JetDataError: another number of verbatim values, or a cell that cannot be.
        """
        dtype = np.dtype(self.dtype)
        if self.kind == "integers":
            return cells.astype(np.uint8).view(bool) if dtype.kind == "b" else cells.astype(dtype)
        if not self.has_verbatim:
            return from_ordered(cells, dtype)
        values = self._off_grid(cells, dtype, formula)
        special = np.flatnonzero(cells >= SPECIAL)
        if len(special):
            which = cells[special] - SPECIAL
            if which.max() > len(self.spikes):
                raise JetDataError("a cell of a spike that the column does not have")
            known = np.array([0, *self.spikes], np.uint64).astype(f"u{dtype.itemsize}").view(dtype)
            values[special] = known[which]
            wanted = special[which == 0]
            if check:
                if len(wanted) != len(verbatim):
                    raise JetDataError("another number of verbatim values than cells for them")
                values[wanted] = verbatim
        elif check and len(verbatim):
            raise JetDataError("verbatim values without cells for them")
        return values

    def _on_grid(self, values: NDArray, formula: Float) -> Cells:
        if self.kind == "floats":
            ordered = to_ordered(values)
            shifted = np.where(ordered < 0, ~ordered, ordered) >> self.shift
            return np.where(ordered < 0, ~shifted, shifted)
        with np.errstate(all="ignore"):
            x = values.astype(np.float64)
            if COMPILES:
                cells = np.empty(len(x), np.int64)
                if self.kind in ("relative", "ratio"):
                    call(fill_logarithmic, x, formula, self.step, self.base, cells)
                else:
                    call(fill_even, x, self.step, self.n_turn, cells)
                return cells
            if self.kind in ("relative", "ratio"):
                size = np.abs(x) / formula
                usable = (size > 0) & (size < np.inf)
                place = np.rint(log2(np.where(usable, size, 1.0)) / self.step) + self.base
                place = np.where(usable, np.copysign(np.maximum(place, 1), x), 0.0)
            else:
                place = np.rint(x / self.step)
            if self.kind == "angle":  # half a turn to one side is the same as to the other
                place -= np.floor((place + self.n_turn // 2) / self.n_turn) * self.n_turn
            usable = np.abs(place) < LARGEST
            return np.where(usable, place, 0).astype(np.int64)

    @staticmethod
    def _mark_spikes(bits: NDArray, spikes: NDArray, cells: Cells) -> None:
        """Write the cell of a spike where the bits of a value are its bits."""
        if COMPILES:
            call(find_spikes, bits, spikes, SPECIAL + 1, cells)
        else:
            at = np.minimum(np.searchsorted(spikes, bits), len(spikes) - 1)
            cells[:] = np.where(spikes[at] == bits, SPECIAL + 1 + at, cells)

    def _off_grid(self, cells: Cells, dtype: np.dtype, formula: Float) -> NDArray:
        if COMPILES and self.kind in ("relative", "ratio"):
            values = np.empty(len(cells), dtype)
            call(fill_powers, cells, SPECIAL, formula, self.step, self.base, values)
            return values
        regular = np.where(cells >= SPECIAL, 0, cells)
        if self.kind == "floats":
            size = np.where(regular < 0, ~regular, regular) << self.shift
            return from_ordered(np.where(regular < 0, ~size, size), dtype)
        with np.errstate(all="ignore"):
            if self.kind in ("relative", "ratio"):
                power = exp2((np.abs(regular) - self.base).astype(np.float64) * self.step)
                power = power * formula
                x = np.where(regular == 0, 0.0, np.where(regular < 0, -power, power))
            else:
                x = regular * self.step
            return x.astype(dtype)


def kept(values: NDArray, decoded: NDArray, bound: Bound) -> NDArray[np.bool_]:
    """Tell which values come back within a bound. Zeros and what is not finite have to come back bit for bit.

    Args:
        values, decoded: of one type of float, shape `(n,)`.
        bound: relative, absolute, angle or exact.
    """
    same: NDArray[np.bool_] = bits_of(values) == bits_of(decoded)
    if bound.kind == "exact":
        return same
    with np.errstate(all="ignore"):
        x, y = values.astype(np.float64, copy=False), decoded.astype(np.float64, copy=False)
        if COMPILES:
            within = np.empty(len(x), bool)
            is_angle = bound.kind == "angle"
            turn, most = (2 * np.pi, PHI_MAX) if is_angle else (np.inf, np.finfo(np.float64).max)
            call(find_kept, x, y, bound.kind == "relative", turn, bound.size, most, within)
            return same | within
        error = np.abs(y - x)
        if bound.kind == "relative":
            within = error <= bound.size * np.abs(x)
        elif bound.kind == "angle":
            error = np.minimum(error, np.abs(error - 2 * np.pi))
            within = (error <= bound.size) & (np.abs(x) <= PHI_MAX)
        else:
            within = error <= bound.size
        return same | within & np.isfinite(x) & np.isfinite(y) & (x != 0)


def _finest(bound: Bound, dtype: str) -> float:
    return FINEST[dtype] if bound.kind == "relative" else 0.0
