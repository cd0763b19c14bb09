"""Compare an export with its Keras model, jet by jet, and refuse it where it computes something else.

A float32 export is judged by the model's own value in float64, within what the rounding of float32 does to each jet
(`serving/rounding.py`): this holds on every processor. A quantized one is judged by the Keras model, within what the
quantization of its architecture costs. Deviations are in physical units: of positive energies relative, of all else
absolute, of angles wrapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError
from atlas_keras.kinematics import delta_phi
from atlas_keras.models.architecture import Tolerance
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.models.prediction import BATCH, Predictor
from atlas_keras.schema import Collection
from atlas_keras.serving.opening import Function
from atlas_keras.serving.rounding import DRAWS, HALF_ULP, DoubleModel

# Every result is pushed as far as rounding can take it, so sound arithmetic, which mostly stays nearer, is rarely
# beyond three: Eigen, oneDNN, XNNPACK and ONNX Runtime were never, over millions of values, with AVX2 or AVX-512.
ANY_SIZE = ("mass", "count", "id", "other")  # quantities whose errors have no natural size
SPREADS = 6.0


FLOAT32 = Tolerance(spreads=SPREADS)


class Precisions:
    """Encoder and decoder of an autoencoder of ours in two precisions, as functions of arrays of any length.

    Args:
        model: the autoencoder.
    """

    def __init__(self, model: JetAutoencoder) -> None:
        self.collection = model.facts.collection
        encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
        self.encode, self.decode = Predictor(encoder), Predictor(decoder)
        self.encoder, self.decoder = DoubleModel(encoder), DoubleModel(decoder)


class Reference:
    """What a model computes for some jets, in float32 by Keras and in float64, and how far sound float32 may be off.

    Args:
        precisions: of the model.
        jets: shape `(n_jets, n_columns)`.
    """

    def __init__(self, precisions: Precisions, jets: NDArray[np.float32]) -> None:
        self.precisions, self.collection = precisions, precisions.collection
        self.jets = np.asarray(jets, np.float32)
        self.latent = precisions.encode(self.jets)
        self.decoded = precisions.decode(self.latent)

    @cached_property
    def exact(self) -> dict[str, NDArray[np.float64]]:
        """Return the jets in float64 by signature: of float64's own latent, for `decode` of Keras'."""
        double = self.precisions
        decoded = double.decoder.exact(double.encoder.exact(self.jets))
        return {"encode": decoded, "reconstruct": decoded, "decode": double.decoder.exact(self.latent)}

    @cached_property
    def spread(self) -> dict[str, NDArray[np.float64]]:
        """Return for each signature the root mean square deviation that rounding makes, shape `(n_jets, n_columns)`."""
        double, n = self.precisions, 1 / DRAWS
        # No float32 is nearer to a real number than half a unit in the last place.
        relative = np.array([column.is_logarithmic for column in self.collection])
        last = np.where(relative, HALF_ULP, HALF_ULP * np.abs(self.exact["decode"]))
        encode, decode = last**2, last**2
        for seed in range(DRAWS):
            latent = double.encoder.rounded(self.jets, seed)
            encode += self.deviations(double.decoder.exact(latent), self.exact["encode"]) ** 2 * n
            decoded = double.decoder.rounded(self.latent, DRAWS + seed)
            decode += self.deviations(decoded, self.exact["decode"]) ** 2 * n
        return {"encode": np.sqrt(encode), "decode": np.sqrt(decode), "reconstruct": np.sqrt(encode + decode)}

    @cached_property
    def sizes(self) -> dict[str, float]:
        """Return what a deviation of 1 is, for each column: its spread, where it may be of any size, else 1."""
        spreads = np.std(self.jets, axis=0, dtype=np.float64)
        return {
            column.name: float(spread) if column.quantity in ANY_SIZE and spread > 0 else 1.0
            for column, spread in zip(self.collection, spreads, strict=True)
        }

    def deviations(self, actual: NDArray, expected: NDArray) -> NDArray[np.float64]:
        """Compute the deviations of jets with the columns of the model."""
        return deviations(actual, expected, self.collection)


def deviations(actual: NDArray, expected: NDArray, collection: Collection) -> NDArray[np.float64]:
    """Compute the deviation of every variable of every jet, infinite where anything is not finite.

    It is relative to what is never zero, positive energies, and absolute elsewhere; angles wrap.

    Args:
        actual, expected: jets, shape `(n_jets, n_columns)`.
        collection: what the columns are.
    """
    found = np.abs(np.asarray(actual, np.float64) - expected)
    for index, column in enumerate(collection):
        if column.periodic:
            found[:, index] = np.abs(delta_phi(actual[:, index], expected[:, index]))
        elif column.is_logarithmic:
            found[:, index] /= np.abs(expected[:, index])
    return np.where(np.isfinite(found), found, np.inf)


def compare(functions: Mapping[str, Function], reference: Reference, *, float64: bool = True) -> dict[str, Any]:
    """Compare every signature of an export with the model.

    The latent that `encode` gives is decoded by the model, in the precision of the comparison; `decode` is given the
    latent of Keras.

    Args:
        functions: from `open_export`.
        reference: what the model computes.
        float64: compare with float64, too.

    Returns:
        For each signature `from_keras` and `from_float64`, each with `max` and `mean` deviation of every variable and
        `worst`, the variable and the jet that deviate most; `from_float64` also with `spreads`, the largest deviation
        in spreads of sound float32 arithmetic, and there `worst` is by these.
    """
    found: dict[str, Any] = {}
    for name, function in functions.items():
        output = _apply(function, reference.latent if name == "decode" else reference.jets)
        encodes = name == "encode"
        decoded: NDArray = reference.precisions.decode(output) if encodes else output
        deviation = reference.deviations(decoded, reference.decoded)
        found[name] = {"from_keras": _figures(deviation, deviation, reference)}
        if float64:
            decoded = reference.precisions.decoder.exact(output) if encodes else output
            deviation = reference.deviations(decoded, reference.exact[name])
            with np.errstate(divide="ignore", invalid="ignore"):
                spreads = np.where(deviation > 0, deviation / reference.spread[name], 0.0)
            found[name]["from_float64"] = {
                **_figures(deviation, spreads, reference),
                "spreads": float(spreads.max(initial=0)),
            }
    return found


def _figures(deviation: NDArray[np.float64], size: NDArray[np.float64], reference: Reference) -> dict[str, Any]:
    jet, variable = np.unravel_index(np.argmax(size), size.shape)
    names = reference.collection.names
    return {
        "max": dict(zip(names, deviation.max(axis=0).tolist(), strict=True)),
        "mean": dict(zip(names, deviation.mean(axis=0).tolist(), strict=True)),
        "worst": {"variable": names[variable], "jet": reference.jets[jet].tolist()},
    }


def check(
    name: str,
    figures: Mapping[str, Mapping[str, Mapping[str, Any]]],
    tolerance: Tolerance,
    sizes: Mapping[str, float] | None = None,
) -> None:
    """Refuse an export that misses its tolerance.

    Args:
        name: of the file, for the message.
        figures: from `compare`, for `test` and `extreme`.
        tolerance: what it has to keep.
        sizes: of the columns, in which the tolerance counts; 1 of those that have none.

    Raises:
        ExportError: names file, signature, variable and figure.
    """
    limits = {
        ("test", "mean"): tolerance.test_mean,
        ("test", "max"): tolerance.test_max,
        ("extreme", "mean"): tolerance.extreme_max,
        ("extreme", "max"): tolerance.extreme_max,
    }
    for (data, kind), limit in limits.items():
        limit = float(np.finfo(np.float64).max) if limit is None else limit
        for signature, found in figures[data].items():
            refused = f"{name}: {signature} is not what the Keras model computes"
            for variable, value in found["from_keras"][kind].items():
                largest = min(limit * (sizes or {}).get(variable, 1.0), float(np.finfo(np.float64).max))
                if not value <= largest:
                    raise ExportError(
                        f"{refused}: {kind} deviation of {variable} is {value:.2g} on {data} jets, the tolerance is "
                        f"{largest:.2g}; --tolerance sets another one"
                    )
            if tolerance.spreads is not None and not found["from_float64"]["spreads"] <= tolerance.spreads:
                far, limit = found["from_float64"], tolerance.spreads
                raise ExportError(
                    f"{refused}: {far['worst']['variable']} of the {data} jet {far['worst']['jet']} is off by "
                    f"{far['spreads']:.2g} times what rounding to float32 explains, the tolerance is {limit:g}"
                )


def _apply(function: Function, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([function(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)])
