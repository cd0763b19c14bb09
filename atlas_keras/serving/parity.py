"""Compare an export with its Keras model, jet by jet, and refuse it where it misses its tolerance.

Deviations are in physical units: relative for E and pt, absolute for eta and phi [rad], phi wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError
from atlas_keras.evaluation.residuals import residuals
from atlas_keras.layers import Fold
from atlas_keras.models.prediction import BATCH, Predictor
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.serving.opening import Function

NAMES = FOUR_MOMENTUM.names
STEPS = 2  # of the folded latent's third number, as float32 near 1


@dataclass(frozen=True)
class Tolerance:
    """How far an export may be from Keras, the same number for E, pt (relative) and eta, phi (absolute).

    Args:
        test_mean, test_max: mean and maximum over the test split.
        extreme_max: maximum over extreme jets; None where the export is not made for them, and has to be finite only.

    Of a folded latent, the maximum of E counts beyond what two steps of rounding are worth; its mean counts as it is,
    over extreme jets too, because two exact encoders round differently for few jets only.
    """

    test_mean: float
    test_max: float
    extreme_max: float | None = None


EXACT = Tolerance(5e-6, 5e-6, 5e-6)
# About three times what was measured on two data sets, the sample and that of the published notebooks.
TOLERANCES: dict[str, dict[str, Tolerance]] = {
    "folded": {"none": EXACT},
    "kinematic": {
        "none": EXACT,
        "float16": Tolerance(1e-5, 1e-4),
        "dynamic": Tolerance(5e-4, 5e-3),
        "weight_only": Tolerance(5e-4, 5e-3),
        "int8": Tolerance(3e-3, 1e-2),
        "int16x8": Tolerance(5e-4, 5e-3),
    },
    "published": {
        "none": EXACT,
        "float16": Tolerance(3e-3, 1e-2),
        "dynamic": Tolerance(5e-2, 0.2),
        "weight_only": Tolerance(5e-2, 0.1),
        "int8": Tolerance(0.15, 0.7),
        "int16x8": Tolerance(5e-2, 0.1),
    },
}


class KerasFunctions:
    """Encoder and decoder of an autoencoder of ours, as functions of arrays of any length."""

    def __init__(self, model: keras.Model) -> None:
        encoder = model.get_layer("encoder")
        self.encode, self.decode = Predictor(encoder), Predictor(model.get_layer("decoder"))
        folds = [layer for layer in encoder.layers if isinstance(layer, Fold)]
        self.half_cells = 2.0 ** (folds[0].bits - 1) if folds else 0.0  # cells of phi in half a turn


class Reference:
    """What Keras computes for some jets.

    Args:
        functions: of the model.
        jets: shape `(n_jets, 4)`.
    """

    def __init__(self, functions: KerasFunctions, jets: NDArray[np.float32]) -> None:
        self.jets = np.asarray(jets, np.float32)
        self.decode, self.half_cells = functions.decode, functions.half_cells
        self.latent = functions.encode(self.jets)
        self.decoded = self.decode(self.latent)

    def cells(self, latent: NDArray[np.float32]) -> NDArray:
        """Give the cell of phi in a folded latent."""
        return np.floor(latent[:, 2] * self.half_cells)

    @cached_property
    def energies(self) -> NDArray[np.float64]:
        """Give the least and largest E that two float32 steps of a folded latent lead to, shape `(2, n_jets)`.

        Two exact encoders may round the third number to neighbouring floats. This is worth 1e-5 of E for most jets, and
        up to the preset's own error for jets unlike those of the training.
        """
        v, cell = self.latent[:, 2], self.cells(self.latent)
        low = np.nextafter(np.float32(cell / self.half_cells), np.float32(2))
        high = np.nextafter(np.float32((cell + 1) / self.half_cells), np.float32(-2))
        found = [self.decoded[:, 0]]
        for step in (-STEPS, STEPS):
            moved = self.latent.copy()
            moved[:, 2] = np.clip(v + np.float32(step * 2.0**-24), low, high)
            found.append(self.decode(moved)[:, 0])
        return np.array([np.min(found, axis=0), np.max(found, axis=0)], np.float64)


def compare(functions: Mapping[str, Function], reference: Reference) -> dict[str, dict[str, Any]]:
    """Compare every signature of an export with Keras; Keras decodes what `encode` gives, and encodes for `decode`.

    Args:
        functions: from `open_export`.
        reference: what Keras computes.

    Returns:
        For each signature `max` and `mean` deviation of each variable, and `worst`: the variable and jet that deviate
        most. Of a folded latent also `max_beyond_two_steps`, the deviation of E that rounding to a neighbouring float
        does not explain, and `wrong_cells`, the number of jets whose phi is in another cell.
    """
    found = {}
    for name, function in functions.items():
        extra: dict[str, Any] = {}
        if name == "encode":
            latent = _apply(function, reference.jets)
            decoded = reference.decode(latent)
            if reference.half_cells:
                extra["wrong_cells"] = int(np.sum(reference.cells(latent) != reference.cells(reference.latent)))
        else:
            decoded = _apply(function, reference.latent if name == "decode" else reference.jets)
        deviation = np.abs(np.column_stack(list(residuals(reference.decoded, decoded).values())))
        deviation = np.where(np.isfinite(deviation), deviation, np.inf)
        if reference.half_cells:
            low, high = reference.energies
            energy = decoded[:, 0].astype(np.float64)
            beyond = np.maximum(np.maximum(1 - energy / low, energy / high - 1), 0)
            extra["max_beyond_two_steps"] = float(np.max(np.where(np.isfinite(energy), beyond, np.inf)))
        jet, variable = np.unravel_index(np.argmax(deviation), deviation.shape)
        found[name] = {
            "max": dict(zip(NAMES, deviation.max(axis=0).tolist(), strict=True)),
            "mean": dict(zip(NAMES, deviation.mean(axis=0).tolist(), strict=True)),
            "worst": {"variable": NAMES[variable], "jet": reference.jets[jet].tolist()},
            **extra,
        }
    return found


def check(name: str, figures: Mapping[str, Mapping[str, Mapping[str, Any]]], tolerance: Tolerance) -> None:
    """Refuse an export that misses its tolerance.

    Args:
        name: of the file, for the message.
        figures: from `compare`, for `test` and `extreme`.
        tolerance: what it has to keep.

    Raises:
        ExportError: names file, signature, variable and figure.
    """
    extreme = float(np.finfo(np.float64).max) if tolerance.extreme_max is None else tolerance.extreme_max
    limits = {
        ("test", "mean"): tolerance.test_mean,
        ("test", "max"): tolerance.test_max,
        ("extreme", "mean"): extreme,
        ("extreme", "max"): extreme,
    }
    for (data, kind), limit in limits.items():
        for signature, found in figures[data].items():
            values = dict(found[kind])
            if kind == "max" and "max_beyond_two_steps" in found:
                values["E"] = found["max_beyond_two_steps"]
            for variable, value in values.items():
                if not value <= limit:
                    raise ExportError(
                        f"{name}: {signature} is not what the Keras model computes: {kind} deviation of {variable} is "
                        f"{value:.2g} on {data} jets, the tolerance is {limit:.2g}; --tolerance sets another one"
                    )
            if found.get("wrong_cells"):
                raise ExportError(
                    f"{name}: {signature} puts {found['wrong_cells']} {data} jets into a wrong cell of phi"
                )


def _apply(function: Function, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([function(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)])
