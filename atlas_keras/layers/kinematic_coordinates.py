"""Kinematic coordinates of a jet: the energy becomes rho, which is thin and cannot make a jet spacelike."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer, columns, rows

MIN_EXCESS = 1e-6  # the least E/p - 1 that comes back: above all rounding of p in float32, so that E > p
TINY = 1e-12  # keeps the slope of the root finite for massless jets


@keras.saving.register_keras_serializable(package=PACKAGE)
class KinematicCoordinates(InvertibleLayer):
    """Map (E, pt, eta, phi) to (ln(pt / reference), eta, phi, rho) with rho = sqrt(2 ln(E/p)), about m/p.

    The way back is E = p exp(rho^2/2) with p = pt cosh(eta), so that E > p whatever rho is: no jet comes back
    spacelike. A massless jet, or one that print precision makes spacelike, has rho near 0 and comes back with
    E/p = 1 + 1e-6. phi comes back in [-pi, pi].

    E/p - 1 enters as (E - p)/p, whose difference is exact; ln E - ln p would lose four digits of a light jet.

    Args:
        reference: of pt, in its unit; near the typical pt of the data, which keeps the logarithm small and exact.
        invert: undo it.

    Raises:
        ValueError: a reference that is not positive.
    """

    def __init__(self, reference: float, invert: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not (math.isfinite(reference) and reference > 0):
            raise ValueError(f"The reference of pt is positive. Received: {reference}")
        self.reference, self.invert = float(reference), invert

    def call(self, x: Any) -> Any:
        """Map x, shape `(n_jets, 4)`, to the coordinates or back."""
        return self._backward(x) if self.invert else self._forward(x)

    def _forward(self, x: Any) -> Any:
        energy, pt, eta, phi = columns(x, 4)
        p = pt * cosh(eta)
        rho = ops.sqrt(2 * ops.maximum(_log_ratio(energy, p), TINY))
        return rows([ops.log(pt / self.reference), eta, phi, rho])

    def _backward(self, y: Any) -> Any:
        log_pt, eta, phi, rho = columns(y, 4)
        pt = self.reference * ops.exp(log_pt)
        ratio = ops.maximum(ops.exp(0.5 * rho * rho), 1 + MIN_EXCESS)
        # Rounding as a floor, which is fast on edges; the shrinking lets pi and -pi stay as they are.
        turns = ops.floor(phi * ((1 - 1e-6) / (2 * math.pi)) + 0.5)
        wrapped = ops.clip(phi - 2 * math.pi * turns, -math.pi, math.pi)
        return rows([pt * cosh(eta) * ratio, pt, eta, wrapped])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "reference": self.reference, "invert": self.invert}


def _log_ratio(energy: Any, p: Any) -> Any:
    """Compute ln(E/p) to a few bits of itself, however small it is, with operations that all formats have.

    log1p would do, but ONNX has none and LiteRT writes it as log(1 + x), which loses the digits that it is for. Instead
    the logarithm of the rounded ratio is mended, to first order, by what the rounding took: (E - p)/p - (ratio - 1).
    """
    ratio = energy / p
    return ops.log(ratio) + ((energy - p) / p - (ratio - 1)) / ratio


def cosh(x: Any) -> Any:
    """Compute cosh; LiteRT has no such operation."""
    return 0.5 * (ops.exp(x) + ops.exp(-x))
