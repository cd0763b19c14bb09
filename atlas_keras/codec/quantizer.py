"""From jets to whole numbers and back: the quantization cells are as wide as the bounds allow.

A jet becomes four integers, the indices of ln pt, eta, phi and the energy. Without a bound on the mass the energy's
index is that of ln(E/p^), with p^ from the decoded pt and eta. With one it is that of q = ln(m/p^), cut more finely
for heavy jets, whose mass counts in E; and ln pt is cut so finely that one of its cells serves both pt and E. These are
the latents of the preset `folded`, phi and the mass taken apart, quantized with the widest steps that the bounds allow.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from atlas_keras import kinematics
from atlas_keras.codec.bounds import Bounds, step
from atlas_keras.codec.entropy_model.arithmetic import exponential
from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.errors import JetDataError
from atlas_keras.schema import PHI_MAX

Float = NDArray[np.float64]
Indices = NDArray[np.int64]

SLACK = 1e-7  # by which steps are narrower than bounds allow: room for rounding
MIN_LOG_RATIO = -13.9  # of m/p; a lighter jet counts as this light
MAX_INDEX = 1 << 30
N_PHI_AT = 4  # where n_phi stands among the arguments
# E, pt [MeV], eta, phi; others are stored as they are. What readers take for a phi has a cell.
RANGES = ((1e-6, 1e10), (1e-6, 1e10), (-12.0, 12.0), (-PHI_MAX, PHI_MAX))
LOW = 1e-3  # part of the jets whose pt, and whose eta, may have a negative cell
MASS_SHARE = 0.1  # of the bound of E, left to the rounding of the mass


@dataclass(frozen=True)
class JetQuantizer:
    """The grids of a file.

    Args:
        pt_step, pt_offset: ln(pt / MeV) = pt_step * cell + pt_offset.
        eta_step, eta_offset: eta = eta_step * cell + eta_offset.
        n_phi: phi = 2 pi / n_phi * (cell + 1/2) - pi.
        energy_step, energy_offset: ln(E/p) = energy_step * cell + energy_offset.
        mass_step: 0, or q / mass_step + exp(2 q) / (2 energy_step) = cell + energy_offset.
    """

    pt_step: float
    pt_offset: float
    eta_step: float
    eta_offset: float
    n_phi: int
    energy_step: float
    energy_offset: float
    mass_step: float

    @classmethod
    def of(cls, bounds: Bounds, entropy_model: EntropyModel) -> JetQuantizer:
        """Choose the widest steps that the bounds allow.

        Args:
            bounds: of all variables.
            entropy_model: tell where jets are, for indices that are small numbers, mostly not negative.
        """
        pt_step, eta_step, n_phi, energy_step, mass_step = _widest(bounds)
        low_pt, low_eta = entropy_model.pt.quantile(LOW), entropy_model.eta.quantile(LOW)
        if bounds.mass is None:
            # What E needs is corrected around the typical ln(E/p); three indices below it is as light as a jet can be.
            typical = float(entropy_model.excess_edges[entropy_model.rho.quantile_bin(0.5)])
            energy_offset = typical - (round(typical / energy_step) + 3) * energy_step
        else:
            energy_offset = -_middle(bounds.mass)
        pt_step, eta_step = _short(pt_step), _short(eta_step)
        return cls(
            pt_step,
            _short(pt_step * math.floor(low_pt / pt_step)),
            eta_step,
            _short(eta_step * math.floor(low_eta / eta_step)),
            n_phi,
            _short(energy_step),
            _short(energy_offset),
            _short(mass_step),
        )

    def serves(self, bounds: Bounds) -> bool:
        """Tell whether the indices are as narrow as the bounds need: what a stranger's header says may not agree."""
        pt_step, eta_step, n_phi, energy_step, mass_step = _widest(bounds)
        own = (self.pt_step, self.eta_step, self.energy_step, self.mass_step)
        widest = (pt_step, eta_step, energy_step, mass_step)
        ok = all(a <= b * (1 + SLACK) for a, b in zip(own, widest, strict=True)) and self.n_phi >= n_phi
        if bounds.mass is None:
            return ok and self.mass_step == 0
        return ok and self.mass_step > 0 and math.isclose(self.energy_offset, -_middle(bounds.mass), rel_tol=1e-5)

    def to_list(self) -> list[Any]:
        """Return what JSON can hold, exactly: the arguments in order."""
        return list(astuple(self))

    @classmethod
    def from_list(cls, values: list[Any], where: str) -> Self:
        """Read what a file's header holds.

        Raises:
            JetDataError: values that no grid has; the message begins with `where`.
        """
        try:
            grid = cls(*values)
            floats = [value for index, value in enumerate(values) if index != N_PHI_AT]
            ok = all(isinstance(value, float) and abs(value) < 100 for value in floats)
            ok &= isinstance(grid.n_phi, int) and 2 <= grid.n_phi <= MAX_INDEX
            ok &= min(grid.pt_step, grid.eta_step, grid.energy_step) > 1e-9
            ok &= grid.mass_step == 0 or grid.mass_step > 1e-9
        except TypeError:
            ok = False
        if not ok:
            raise JetDataError(f"{where}: the header has no usable steps ({values!r:.200})")
        return grid

    @property
    def phi_step(self) -> float:
        """Width of a cell of phi [rad]."""
        return 2 * math.pi / self.n_phi

    def quantize(self, jets: Float, bounds: Bounds) -> tuple[Indices, NDArray[np.bool_]]:
        """Quantize jets.

        Args:
            jets: shape `(n_jets, 4)`: E, pt [MeV], eta, phi [rad].
            bounds: that the grid was made for.

        Returns:
            The indices of pt, eta, phi and energy, shape `(n_jets, 4)`; and which jets have none and arbitrary numbers
            instead. Whether the others keep their bounds, decoding tells.
        """
        odd = np.zeros(len(jets), bool)
        with np.errstate(invalid="ignore"):
            for column, (low, high) in zip(jets.T, RANGES, strict=True):
                odd |= ~((column >= low) & (column <= high))
        if odd.any():
            jets = np.where(odd[:, None], [2000.0, 1000.0, 0.0, 0.0], jets)
        E, pt, eta, phi = jets.T
        eta_index = np.rint((eta - self.eta_offset) / self.eta_step)
        phi_index = np.mod(np.floor((phi + math.pi) / self.phi_step), self.n_phi)
        log_cosh = _log_cosh(self.eta_step * eta_index + self.eta_offset)
        if self.mass_step:
            pt_index, energy_index = self._with_mass(E, pt, eta, log_cosh, bounds)
        else:
            pt_index = np.rint((np.log(pt) - self.pt_offset - _middle(bounds.pt)) / self.pt_step)
            log_p = self.pt_step * pt_index + self.pt_offset + log_cosh
            energy_index = np.rint((np.log(E) - log_p - self.energy_offset - _middle(bounds.E)) / self.energy_step)
        indices = np.stack([pt_index, eta_index, phi_index, energy_index], axis=1)
        return np.clip(indices, -MAX_INDEX, MAX_INDEX).astype(np.int64), odd

    def _with_mass(self, E: Float, pt: Float, eta: Float, log_cosh: Float, bounds: Bounds) -> tuple[Float, Float]:
        """Choose the cell of pt in the middle of what pt and E allow, then that of the mass, twice over."""
        m = kinematics.mass(E, pt, eta)
        log_m, m_hat = np.log(np.maximum(m, 1e-30)), np.maximum(m, 0)
        for _ in range(2):
            sides = []
            for sign in (-1, 1):
                from_pt = np.log(pt) + math.log1p(sign * bounds.pt)
                p2 = np.maximum((E * (1 + sign * bounds.E)) ** 2 - m_hat**2, (1e-3 * pt) ** 2)
                from_energy = 0.5 * np.log(p2) - log_cosh
                sides.append((np.maximum if sign < 0 else np.minimum)(from_pt, from_energy))
            pt_index = np.rint(((sides[0] + sides[1]) / 2 - self.pt_offset) / self.pt_step)
            log_p = self.pt_step * pt_index + self.pt_offset + log_cosh
            q = np.clip(log_m - log_p, MIN_LOG_RATIO, -MIN_LOG_RATIO)
            energy_index = np.rint(q / self.mass_step + np.exp(2 * q) / (2 * self.energy_step))
            m_hat = np.exp(log_p + self._log_ratio(energy_index))
        return pt_index, energy_index

    def _log_ratio(self, energy_index: Float) -> Float:
        """Compute q = ln(m/p), the inverse of q / mass_step + exp(2 q) / (2 energy_step), less its offset."""
        from scipy.special import wrightomega  # takes a while to import, and only a bound on the mass needs it

        c = self.mass_step / self.energy_step
        z = 2 * self.mass_step * energy_index + math.log(c)
        omega = np.where(z > -600, wrightomega(np.maximum(z, -600.0)), 0.0)
        # omega + ln omega = z: for a small omega z itself is the logarithm.
        return 0.5 * (z - omega - math.log(c)) + self.energy_offset

    def energy_edges(self, entropy_model: EntropyModel) -> Float:
        """Return the edges of the mass's bins in indices of the energy, the same on every machine, ascending."""
        edges = entropy_model.rho.edges
        if not self.mass_step:
            return (entropy_model.excess_edges - self.energy_offset) / self.energy_step
        return edges / self.mass_step + exponential(2 * edges) / (2 * self.energy_step)

    def dequantize(self, indices: Indices) -> Float:
        """Decode indices: jets of shape `(n_jets, 4)`: E, pt [MeV], eta, phi [rad]."""
        pt_index, eta_index, phi_index, energy_index = np.asarray(indices, np.float64).T
        eta = self.eta_step * eta_index + self.eta_offset
        log_pt = self.pt_step * pt_index + self.pt_offset
        log_ratio = self.energy_step * energy_index + self.energy_offset
        if self.mass_step:
            log_ratio = 0.5 * np.logaddexp(0.0, 2 * self._log_ratio(energy_index))
        phi = self.phi_step * (phi_index + 0.5) - math.pi
        with np.errstate(over="ignore"):
            return np.stack([np.exp(log_pt + _log_cosh(eta) + log_ratio), np.exp(log_pt), eta, phi], axis=1)


def _widest(bounds: Bounds) -> tuple[float, float, int, float, float]:
    """Compute the widest steps that bounds allow: of ln pt, eta, the number of indices of phi, energy, mass (or 0)."""
    n_phi = 2 * math.ceil(math.pi / 2 / (bounds.phi * (1 - SLACK)))
    pt_step, energy_step = step(bounds.pt) * (1 - SLACK), step(bounds.E) * (1 - SLACK)
    if bounds.mass is None:
        return pt_step, 2 * bounds.eta * (1 - SLACK), n_phi, energy_step, 0.0
    eta = min(bounds.eta, bounds.E / 2 + bounds.pt / 2)
    # pt and E are decoded from the same cell of ln pt: an interval of this width serves both.
    room = bounds.pt + bounds.E - MASS_SHARE * bounds.E - eta
    pt_step = min(pt_step, step(bounds.E), room) * (1 - SLACK)
    return pt_step, 2 * eta * (1 - SLACK), n_phi, 2 * MASS_SHARE * bounds.E, step(bounds.mass)


def _short(x: float) -> float:
    """Round towards zero to seven digits: headers are short, and a step only becomes narrower."""
    scale = 10.0 ** (6 - math.floor(math.log10(abs(x)))) if x else 1.0
    return math.trunc(x * scale) / scale


def _middle(bound: float) -> float:
    """Compute how far the middle of a cell of ln x lies above its best value, by which both ends err by the bound."""
    return -0.5 * math.log1p(-bound * bound)


def _log_cosh(eta: Float) -> Float:
    size = np.abs(eta)
    return size + np.log1p(np.exp(-2 * size)) - math.log(2)
