"""What fields measure, computed from jets: so that jets of files become whole numbers of a hardware format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from atlas_keras import kinematics
from atlas_keras.data.readers import load_jets
from atlas_keras.firmware.hardware_format import Floats, Hardware, Integers

# By name: from E, pt [GeV], eta, phi [rad]. Adding one is a line.
VARIABLES: dict[str, Callable[[Floats, Floats, Floats, Floats], Floats]] = {
    "E": lambda E, pt, eta, phi: E,
    "et": lambda E, pt, eta, phi: E / np.cosh(eta),
    "pt": lambda E, pt, eta, phi: pt,
    "eta": lambda E, pt, eta, phi: eta,
    "phi": lambda E, pt, eta, phi: phi,
    "mass": lambda E, pt, eta, phi: np.maximum(kinematics.mass(E, pt, eta), 0.0),
}


def to_hardware(hardware: Hardware, jets: Floats, seed: int = 0) -> Integers:
    """Turn jets into the whole numbers that hardware has of them.

    Args:
        hardware: the format.
        jets: shape `(n_jets, 4)`: E, pt [GeV], eta, phi [rad].
        seed: of the fields that jets say nothing of, such as addresses within a processor: they are drawn, uniformly.

    Returns:
        Shape `(n_jets, n_fields)`.
    """
    rng = np.random.default_rng(seed)
    columns = np.asarray(jets, np.float64).T
    rows = []
    for field in hardware.fields:
        drawn = rng.integers(field.low, field.low + (1 << field.bits), len(jets))
        known = VARIABLES.get(field.variable)
        rows.append(drawn if known is None else field.integers(known(*columns)))
    return np.stack(rows, axis=1)


def read_jets(paths: Sequence[str | Path] | None, most: int) -> Floats:
    """Read jets, as `to_hardware` takes them.

    Args:
        paths: of any format; None means the shipped sample.
        most: how many jets are taken, the first ones.

    Returns:
        Shape `(n_jets, 4)`: E, pt [GeV], eta, phi [rad].

    Raises:
        JetDataError: a file that cannot be read, or without jets.
    """
    return load_jets(paths, unit="GeV")[["E", "pt", "eta", "phi"]].to_numpy(np.float64)[:most]
