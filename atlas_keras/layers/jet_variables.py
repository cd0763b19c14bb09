"""Variables of a jet as triggers have them: the mass in the place of the energy, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from atlas_keras.layers.invertible import PACKAGE, InvertibleLayer, columns, rows
from atlas_keras.layers.kinematic_coordinates import cosh

VARIABLES = ("pt", "eta", "phi", "mass")


@keras.saving.register_keras_serializable(package=PACKAGE)
class JetVariables(InvertibleLayer):
    """Map (E, pt, eta, phi) to pt, eta, phi and mass, in the order that is asked for.

    The mass is sqrt((E - p)(E + p)) with p = pt cosh(eta), and 0 for a jet that is spacelike.

    Args:
        names: `pt`, `eta`, `phi` and `mass`, each once.
        invert: undo it: E = sqrt(p^2 + mass^2).

    Raises:
        ValueError: other names.
    """

    def __init__(self, names: Sequence[str], invert: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if sorted(names) != sorted(VARIABLES):
            raise ValueError(f"A jet has {', '.join(VARIABLES)}. Received: {names}")
        self.names, self.invert = list(names), invert

    def call(self, x: Any) -> Any:
        """Map x, shape `(n_jets, 4)`, to the variables or back."""
        if self.invert:
            pt, eta, phi, mass = (columns(x, 4)[self.names.index(name)] for name in VARIABLES)
            return rows([ops.sqrt(ops.square(pt * cosh(eta)) + ops.square(mass)), pt, eta, phi])
        energy, pt, eta, phi = columns(x, 4)
        p = pt * cosh(eta)
        mass = ops.sqrt(ops.maximum((energy - p) * (energy + p), 0))
        known = dict(zip(VARIABLES, (pt, eta, phi, mass), strict=True))
        return rows([known[name] for name in self.names])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "names": self.names, "invert": self.invert}
