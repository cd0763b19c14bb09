"""Measure azimuths from the recoil: what the objects of an event before one, and its missing momentum, leave.

The momenta in the transverse plane are whole numbers and so are sine, cosine and direction, by small tables; so that an
encoder and a decoder elsewhere see the same recoil.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.binary import ByteReader, ByteWriter
from atlas_keras.codec.columns.compiled import call, compiled, place, quotient
from atlas_keras.codec.columns.features import FIRST_LEAF, MAX_PLACE, Rows
from atlas_keras.codec.columns.ordered import bits_of_double
from atlas_keras.errors import JetDataError

Int = NDArray[np.int64]
Known = Callable[[int], tuple[NDArray, NDArray[np.bool_]]]  # the values of a feature, and which are no spikes

TURN = 1 << 16
UNIT_BITS = 20
UNIT = 1 << UNIT_BITS  # of sines and logarithms
TABLE = 1 << 10
SIN = np.array([round(UNIT * math.sin((k + 0.5) * math.pi / 2048)) for k in range(4096 + 1024)])
ATAN = np.array([round(math.atan(k / TABLE) * TURN / (2 * math.pi)) for k in range(TABLE + 1)])
LOG2 = np.array([round(math.log2(1 + (k + 0.5) / TABLE) * UNIT) for k in range(TABLE)])
TABLES = (SIN, ATAN, LOG2)  # as arguments of compiled functions
MAX_MOMENTUM = 1 << 30
MAX_CELLS = 1 << 40  # of a turn
MAX_SCALE = 60
STEPS = 16  # of a binary logarithm
ETA_STEPS = 32
N_SEEN = 3  # numbers that trees see of the recoil: its size, that of the object beside it, azimuth of the last object


@dataclass(frozen=True)
class Recoil:
    """What azimuths are measured from.

    Args:
        n_cells: of a turn, on the grid of the azimuth.
        pt, eta: features of the objects.
        missing: features of the missing momentum and its azimuth; or none.
        scale: a momentum counts as so many powers of two.
    """

    n_cells: int
    pt: int
    eta: int
    missing: tuple[int, ...]
    scale: int

    @property
    def uses(self) -> tuple[int, ...]:
        """Numbers of the features that have to be known."""
        return (self.pt, self.eta, *self.missing)

    @classmethod
    def of(cls, n_cells: int, pt: int, eta: int, missing: tuple[int, ...], known: Known) -> Recoil:
        """Choose the scale by the momenta of a sample."""
        values, usable = known(pt)
        typical = float(np.median(np.abs(values[usable]))) if usable.any() else 1.0
        scale = 16 - math.frexp(typical)[1] if 0 < typical < math.inf else 0
        return cls(n_cells, pt, eta, missing, min(max(scale, -MAX_SCALE), MAX_SCALE))

    def momenta(self, known: Known, n: int) -> Int:
        """Return what the walk needs of each row, shape `(4, n)`: pt, the recoil before the first row, log pt in steps.

        Raises:
            JetDataError: a feature has other rows.
        """
        result = np.zeros((4, n), np.int64)
        for at, feature in enumerate((self.pt, *self.missing[:1])):
            values, usable = known(feature)
            if len(values) != n:
                raise JetDataError("an azimuth depends on a column with other rows")
            with np.errstate(all="ignore"):
                scaled = np.rint(np.ldexp(values.astype(np.float64), self.scale))
                sound = usable & (scaled > 0) & (scaled < MAX_MOMENTUM)
                result[at] = np.where(sound, scaled, 0).astype(np.int64)
        if self.missing:
            values, usable = known(self.missing[1])
            with np.errstate(all="ignore"):
                turns = np.floor(values.astype(np.float64) * (TURN / (2 * math.pi)))
            sound = usable & (np.abs(turns) < 4 * TURN)
            turn = (np.where(sound, turns, 0).astype(np.int64) % TURN) >> 4
            size = np.where(sound, result[1], 0)
            result[1], result[2] = -(size * SIN[turn + TABLE] // UNIT), -(size * SIN[turn] // UNIT)
        call(fill_logs, result[0], result[3], LOG2, changed=(1,))
        return result

    def distance(self, known: Known, rows: Rows) -> NDArray[np.int16]:
        """Return how far each row is in eta from the one before, in steps; 0 in the first row of a list."""
        values, usable = known(self.eta)
        with np.errstate(all="ignore"):
            steps = np.rint(values.astype(np.float64, copy=False) * ETA_STEPS)
        found = np.empty(len(steps), np.int16)
        call(fill_distances, steps, usable, rows.first, found, changed=(3,))
        return found

    def walk(self, cells: Int, momenta: Int, first: NDArray[np.uint8]) -> tuple[Int, NDArray[np.int16]]:
        """Compute for known cells what they are measured from, and what trees see, shape `(3, n)`."""
        base, seen = np.zeros(len(cells), np.int64), np.zeros(N_SEEN * len(cells), np.int16)
        call(walk_rows, cells, base, momenta.ravel(), self.n_cells, first, seen, *TABLES, changed=(1, 5))
        return base, seen.reshape(N_SEEN, -1)

    def write(self, writer: ByteWriter) -> None:
        """Write what `read` reads; the number of cells is the quantizer's."""
        writer.number(len(self.missing))
        for feature in self.uses:
            writer.number(feature)
        writer.signed(self.scale)

    @classmethod
    def read(cls, reader: ByteReader, n_features: int, n_cells: int) -> Recoil:
        """Read what `write` wrote.

        Raises:
            JetDataError: no recoil that can be.
        """
        n_missing = reader.number(2)
        pt, eta, *missing = (reader.number(n_features - 1) for _ in range(2 + n_missing))
        scale = reader.signed()
        sound = n_missing != 1 and min(pt, eta, *missing) >= FIRST_LEAF
        if not sound or abs(scale) > MAX_SCALE or not 2 <= n_cells <= MAX_CELLS:
            raise JetDataError("a column has an impossible recoil")
        return cls(n_cells, pt, eta, tuple(missing), scale)


@compiled
def fill_distances(steps: Any, usable: Any, first: Any, found: Any) -> None:
    """Find how far each row is from the one before, 0 in the first row of a list; one that is not usable is at 0."""
    before = 0
    for row in range(len(steps)):
        own = int(steps[row]) if usable[row] and abs(steps[row]) < MAX_PLACE else 0
        found[row] = 0 if first[row] else min(abs(own - before), MAX_PLACE)
        before = own


@compiled
def direction(x: int, y: int, atan: Any) -> int:
    """Compute the azimuth of (x, y) in [0, TURN); of (0, 0) it is 0."""
    large, small = max(abs(x), abs(y)), min(abs(x), abs(y))
    while large > MAX_CELLS:
        large >>= 8
        small >>= 8
    angle = atan[place(quotient(small * TABLE, large))] if large > 0 else 0
    if abs(y) > abs(x):
        angle = TURN // 4 - angle
    if x < 0:
        angle = TURN // 2 - angle
    return (-angle if y < 0 else angle) & (TURN - 1)


@compiled
def log_steps(square: int, log2: Any) -> int:
    """Compute the binary logarithm of the root of a number in steps; -MAX_PLACE of 0."""
    if square <= 0:
        return -MAX_PLACE
    bits = bits_of_double(float(square))
    return (((bits >> 52) - 1023) * UNIT + log2[place((bits >> 42) & (TABLE - 1))]) * (STEPS // 2) >> UNIT_BITS


@compiled
def fill_logs(pt: Any, logs: Any, log2: Any) -> None:
    """Compute the binary logarithm of many numbers, in steps."""
    for row in range(len(pt)):
        logs[row] = log_steps(pt[row] * pt[row], log2)


@compiled
def look(
    x: int, y: int, log_pt: int, last: int, n_cells: int, seen: Any, row: int, n: int, atan: Any, log2: Any
) -> int:
    """Tell the cell of the recoil, and what trees see of it: into `seen`, `n` apart from `row` on."""
    turn = direction(x, y, atan)
    shift = 0  # for squares below 2^63
    while max(abs(x), abs(y)) >> shift >= MAX_MOMENTUM:
        shift += 1
    a, b = abs(x) >> shift, abs(y) >> shift
    size = log_steps(a * a + b * b, log2) + shift * STEPS
    seen[row] = size
    seen[n + row] = max(log_pt - size, -MAX_PLACE)
    apart = (last - turn) & (TURN - 1)
    seen[2 * n + row] = (apart if apart < TURN // 2 else apart - TURN) >> 4
    return (turn * n_cells) >> 16


@compiled
def turn_of(cell: int, n_cells: int) -> int:
    """Compute the azimuth of a cell of a turn in [0, TURN)."""
    cell = cell + n_cells if cell < 0 else cell
    return quotient(cell * TURN, n_cells) & (TURN - 1)


@compiled
def around(cell: int, n_cells: int) -> int:
    """Return the same cell of a turn in [-n_cells / 2, n_cells / 2)."""
    half = n_cells >> 1
    near = cell + n_cells if cell < -half else cell - n_cells if cell >= n_cells - half else cell
    return near if is_around(near, n_cells) else (cell + half) % n_cells - half


@compiled
def is_around(cell: int, n_cells: int) -> bool:
    """Tell whether a cell is one of a turn, and no spike."""
    return -(n_cells >> 1) <= cell < n_cells - (n_cells >> 1)


@compiled
def advance(x: int, y: int, last: int, cell: int, pt: int, n_cells: int, sin: Any) -> tuple[int, int, int]:
    """Return what an object leaves to be balanced, and its azimuth; one without an azimuth changes nothing."""
    if is_around(cell, n_cells):
        last = turn_of(cell, n_cells)
        x -= pt * sin[place((last >> 4) + TABLE)] >> UNIT_BITS
        y -= pt * sin[place(last >> 4)] >> UNIT_BITS
    return x, y, last


@compiled
def walk_rows(
    cells: Any, base: Any, momenta: Any, n_cells: int, first: Any, seen: Any, sin: Any, atan: Any, log2: Any
) -> None:
    """Walk along known cells; arguments as of `Recoil.walk`, those with several rows one row after the other."""
    n = len(cells)
    x, y, last = 0, 0, 0
    for row in range(n):
        if first[row]:
            x, y, last = momenta[n + row], momenta[2 * n + row], 0
        base[row] = look(x, y, momenta[3 * n + row], last, n_cells, seen, row, n, atan, log2)
        x, y, last = advance(x, y, last, cells[row], momenta[row], n_cells, sin)
