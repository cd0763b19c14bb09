"""What `manifest.json` of a folder of exports holds, as types; and what it tells of files, versions and machine.

Its JSON schema is in `docs/schemas`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atlas_keras.checksum import FileRecord
from atlas_keras.models.architecture import Tolerance
from atlas_keras.schema import Collection
from atlas_keras.sections import Section
from atlas_keras.serving.export_format import Export
from atlas_keras.versions import Machine

PACKAGES = (
    "atlas_keras",
    "keras",
    "tensorflow",
    "numpy",
    "ai-edge-litert",
    "ai-edge-quantizer",
    "onnx",
    "tf2onnx",
    "onnxruntime",
)


@dataclass(frozen=True)
class Shapes(Section):
    """The tensors of a signature, each with its shape; a number of jets that is free is called `n_jets`."""

    inputs: dict[str, tuple[int | str, ...]]
    outputs: dict[str, tuple[int | str, ...]]


@dataclass(frozen=True)
class Worst(Section):
    """The jet that deviates most, and in which variable."""

    variable: str
    jet: tuple[float, ...]


@dataclass(frozen=True)
class Deviation(Section):
    """How far jets are from what they should be: relative of energies, absolute of eta and angles.

    Args:
        max, mean: of every variable.
        worst: the jet that deviates most.
    """

    max: dict[str, float]
    mean: dict[str, float]
    worst: Worst


@dataclass(frozen=True)
class FromFloat64(Deviation):
    """The deviation from the model in float64.

    Args:
        spreads: the largest, in spreads of sound float32 arithmetic; `worst` is by these.
    """

    spreads: float


@dataclass(frozen=True)
class Parity(Section):
    """How far a signature is from the Keras model, and from the same model in float64 (None of quantized exports)."""

    from_keras: Deviation
    from_float64: FromFloat64 | None = None


@dataclass(frozen=True)
class ExportRecord(Export):
    """One export.

    Args:
        tolerance: what it had to keep.
        parity: by data (`test`, `extreme`) and signature.
        speed: with one and with two threads, `one_jet_us` and `jets_per_second` by signature; None where not measured.
    """

    tolerance: Tolerance
    parity: dict[str, dict[str, Parity]]
    speed: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True)
class Manifest(Section):
    """What `manifest.json` holds.

    Args:
        description: in a line.
        atlas_keras: version of the package.
        preset, architecture, fingerprint, unit: of the model.
        columns: names of the jets' columns, in order.
        units: of each column; `1` where it has none.
        collection: all that is known of the columns.
        n_latent: how many numbers a jet is stored as.
        dtype: of all tensors.
        signatures: with the shapes of their tensors.
        keras_parity: of the Keras model itself, by data and signature.
        parity_data: which jets exports were compared on.
        versions: of Python and of the packages that the exports are made with.
        machine: that measured the speed.
        exports: all of them.
        files: of the folder, by path.
    """

    description: str
    atlas_keras: str
    preset: str
    architecture: str
    fingerprint: str
    unit: str
    columns: tuple[str, ...]
    units: dict[str, str]
    collection: Collection
    n_latent: int
    dtype: str
    signatures: dict[str, Shapes]
    keras_parity: dict[str, dict[str, Parity]]
    parity_data: dict[str, Any]
    versions: dict[str, str]
    machine: Machine
    exports: tuple[ExportRecord, ...]
    files: dict[str, FileRecord]
