"""What is known of an event before its next jet is read: integers that encoder, decoder and learning compute alike.

Jets of an event are read in the order of the file. What has been seen of the event, with the missing transverse
momentum where the file has it, tells where the next jet should be: it recoils against the rest. All numbers come from
`atlas_keras.codec.entropy_model.arithmetic`, so that they do not depend on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.entropy_model.arithmetic import cosine, direction, exponential, log2, signed_turn, sine, to_turn

Float = NDArray[np.floating]
Features = NDArray[np.int16]

CUT = 256  # jets: a longer event is cut into several; a step of a walk takes as long for one event as for hundreds
MAX = 15  # ranks and numbers of jets beyond this count as this
MAX_MET = 1e12  # [MeV]
ABSENT = 1 << 14  # a logarithm that does not exist yet
LOG_STEPS, ETA_STEPS = 64, 32


@dataclass(frozen=True)
class MissingMomentum:
    """The missing transverse momentum of events, zero where the file has none.

    Args:
        met: [MeV], shape `(n_events,)`.
        phi: [rad].
    """

    met: Float
    phi: Float

    @classmethod
    def none(cls, n_events: int) -> MissingMomentum:
        """Return what stands for a file without it."""
        return cls(np.zeros(n_events), np.zeros(n_events))

    def take(self, events: NDArray) -> MissingMomentum:
        """Select events."""
        return MissingMomentum(self.met[events], self.phi[events])


def cut_events(
    n_jets: NDArray[np.int64], missing: MissingMomentum, most: int
) -> tuple[NDArray[np.int64], MissingMomentum]:
    """Cut events with very many jets into several, which are then walked side by side and not one jet after the other.

    Args:
        n_jets: of each event, shape `(n_events,)`.
        missing: of the events.
        most: jets of an event; 0 leaves all as they are.

    Returns:
        The same jets in the same order, in events of at most so many: each part has the missing momentum of its event.
    """
    if not most or n_jets.max(initial=0) <= most:
        return n_jets, missing
    n_parts = np.maximum(-(-n_jets // most), 1)
    parts = np.full(int(n_parts.sum()), most, np.int64)
    parts[np.cumsum(n_parts) - 1] = n_jets - most * (n_parts - 1)
    return parts, missing.take(np.repeat(np.arange(len(n_jets)), n_parts))


class EventContext:
    """The state of many events at once, advanced by one jet of each event at a time.

    `pt_features`, `eta_features`, `phi_features` and `rho_features` are what the distributions of these variables
    depend on; each may use the variables before it of the same jet. `advance` takes the jet as read.

    Args:
        missing: of the events.
        n_jets: number of jets of each event, shape `(n_events,)`.
    """

    def __init__(self, missing: MissingMomentum, n_jets: NDArray[np.int64]) -> None:
        self.rank = 0
        self.n_jets = n_jets
        # Files hold anything in these columns; what is no momentum counts as unknown.
        known = (missing.met > 0) & (missing.met < MAX_MET) & (np.abs(missing.phi) < 10)
        met, angle = np.where(known, missing.met, 0.0), to_turn(np.where(known, missing.phi, 0.0))
        self.log_met = _coarse(log2(met), LOG_STEPS)
        self.x, self.y = -met * cosine(angle), -met * sine(angle)
        self.log_pt_1 = self.log_pt_2 = np.full(len(met), ABSENT, np.int16)
        self.eta_1 = np.zeros(len(met), np.int16)
        self.phi_1 = np.zeros(len(met), np.int64)
        self._look()

    def _look(self) -> None:
        self.log_recoil = _coarse(0.5 * log2(self.x * self.x + self.y * self.y), LOG_STEPS)
        self.recoil = direction(self.x, self.y)
        self.remaining = np.minimum(self.n_jets - self.rank, MAX).astype(np.int16)

    def _rank(self) -> Features:
        return np.full(len(self.x), min(self.rank, MAX), np.int16)

    def pt_features(self) -> list[Features]:
        """Return rank, remaining jets, ln pt of the last two jets, size of the recoil and of the missing momentum."""
        return [self._rank(), self.remaining, self.log_pt_1, self.log_pt_2, self.log_recoil, self.log_met]

    def eta_features(self, log_pt: Float) -> list[Features]:
        """Return rank, remaining jets, ln pt, eta of the last jet, magnitude of the recoil."""
        self.log_pt = _coarse(log_pt, LOG_STEPS)
        return [self._rank(), self.remaining, self.log_pt, self.eta_1, self.log_recoil]

    def phi_features(self, eta: Float) -> list[Features]:
        """Return rank, remaining jets, ln pt, recoil, their ratio, the last jet's azimuth from it, delta eta."""
        self.eta = _coarse(eta, ETA_STEPS)
        last = (signed_turn(self.phi_1 - self.recoil) >> 6).astype(np.int16)
        share = self.log_pt - _log_e_steps(self.log_recoil)
        delta_eta = np.abs(self.eta - self.eta_1)
        return [self._rank(), self.remaining, self.log_pt, self.log_recoil, share, last, delta_eta]

    def rho_features(self, phi: Float) -> list[Features]:
        """Return rank, ln pt, |eta|, ratio of pt to the recoil, recoil, azimuth from the recoil's."""
        self.phi = to_turn(phi)
        away = (np.abs(signed_turn(self.phi - self.recoil)) >> 6).astype(np.int16)
        share = self.log_pt - _log_e_steps(self.log_recoil)
        return [self._rank(), self.log_pt, np.abs(self.eta), share, self.log_recoil, away]

    def advance(self, log_pt: Float, keep: NDArray[np.bool_]) -> None:
        """Take the jet whose features were asked for as read, and keep the events that have another one.

        Args:
            log_pt: ln(pt / MeV) of the jet.
            keep: which events go on, shape `(n_events,)`.
        """
        pt = exponential(log_pt[keep])
        phi = self.phi[keep]
        self.x, self.y = self.x[keep] - pt * cosine(phi), self.y[keep] - pt * sine(phi)
        self.log_pt_2, self.log_pt_1 = self.log_pt_1[keep], self.log_pt[keep]
        self.eta_1, self.phi_1, self.log_met = self.eta[keep], phi, self.log_met[keep]
        self.n_jets = self.n_jets[keep]
        self.rank += 1
        self._look()


def count_features(missing: MissingMomentum) -> list[Features]:
    """Return what the number of jets of an event depends on: the magnitude of the missing momentum."""
    met = np.where(np.isfinite(missing.met), missing.met, 0.0)
    return [_coarse(log2(met), LOG_STEPS)]


def _coarse(x: Float, steps: int) -> Features:
    return np.clip(np.floor(x * steps), -ABSENT, ABSENT).astype(np.int16)


def _log_e_steps(log2_steps: Features) -> Features:
    """Convert steps of a binary logarithm to steps of a natural one, in integers."""
    return ((log2_steps.astype(np.int32) * 45426) >> 16).astype(np.int16)
