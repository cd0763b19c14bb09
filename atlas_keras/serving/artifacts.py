"""Write all exports of a model into one folder, prove each equal to the model, and describe them in `manifest.json`.

The folder has its final name only when everything in it is written and proved.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras import __version__, extras
from atlas_keras.checksum import list_files
from atlas_keras.errors import ExportError
from atlas_keras.models.architecture import Tolerance
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.output import check_free, whole_folder, write_json
from atlas_keras.serving.constants import check_weights
from atlas_keras.serving.export_format import Export, Source
from atlas_keras.serving.extremes import extreme_rows
from atlas_keras.serving.formats import FORMATS, MARKER
from atlas_keras.serving.manifest import PACKAGES, Manifest
from atlas_keras.serving.opening import open_export
from atlas_keras.serving.parity import FLOAT32, Precisions, Reference, check, compare
from atlas_keras.serving.quantization import check_quantization
from atlas_keras.serving.request import check_request
from atlas_keras.serving.signatures import SIGNATURES
from atlas_keras.serving.speed import time_export
from atlas_keras.versions import Machine, installed

THREADS = (1, 2)


def export_autoencoder(
    model: JetAutoencoder,
    out: str | Path,
    *,
    train: NDArray[np.float32],
    test: NDArray[np.float32],
    formats: Sequence[str] = ("saved_model", "tflite"),
    quantizations: Sequence[str] = ("none",),
    batch: int | None = None,
    serving_version: int | None = None,
    tolerance: float | None = None,
    timing: bool = True,
    n_extreme: int = 100_000,
    data: Mapping[str, Any] | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Export an autoencoder and prove that every export computes what the Keras model computes.

    Args:
        model: an autoencoder of ours.
        out: folder to write: `manifest.json`, `saved_model/`, `encoder.tflite`, `decoder.tflite`, `autoencoder.tflite`
            (both signatures), the same with `.int8.tflite` and so on, `encoder.onnx`, `decoder.onnx`.
        train: training split, shape `(n_jets, 4)`; scales of `int8` and `int16x8` come from it.
        test: test split, over which exports are compared; extreme jets are drawn beside it.
        formats: of `saved_model`, `tflite`, `onnx`.
        quantizations: of the LiteRT files, of `request.QUANTIZATIONS`.
        batch: how many jets every call of the LiteRT and ONNX files has, for programs that cannot change the shape of a
            tensor; None means any number. A SavedModel takes any number always.
        serving_version: write `saved_model/N/`, as TensorFlow Serving wants it; None writes `saved_model/`.
        tolerance: largest deviation of any jet from Keras: beside what rounding allows in float32, and instead of
            those of the architecture for quantized exports.
        timing: measure latency and jets a second.
        n_extreme: number of extreme jets, at least 1000.
        data: what the splits came from, kept in the manifest.
        force: replace a folder of exports that is there.

    Returns:
        What `manifest.json` holds.

    Raises:
        ConfigError: an unknown format or quantization, or a batch that cannot be.
        ExportError: an encoder that is made for firmware, a quantization that breaks the model's latent, an export
            that misses its tolerance, a folder that cannot be written. Nothing is left behind.
        MissingExtraError: a format needs a package that is not installed.
        RunError: the folder exists.
    """
    out = Path(out)
    if ARCHITECTURES[model.facts.architecture].for_firmware:
        raise ExportError(f"an encoder of the preset {model.facts.preset!r} is exported as firmware: --formats verilog")
    check_request(formats, quantizations, batch)
    check_packages(formats, quantizations)
    check_free(out, force=force, marker=MARKER, kind="folder of exports")
    for quantization in quantizations:
        check_quantization(model, quantization)
    try:
        with whole_folder(out, MARKER, "folder of exports", force=force) as folder:
            precisions = Precisions(model)
            splits = {"train": train, "test": test, "extreme": extreme_rows(model.facts, train, n_extreme)}
            references = {name: Reference(precisions, jets) for name, jets in splits.items()}
            calibration = references.pop("train")
            inputs = {"encode": {"jets": calibration.jets}, "decode": {"latent": calibration.latent}}
            with tempfile.TemporaryDirectory() as scratch:
                about = partial(describe, model)
                source = Source(
                    model, folder, Path(scratch), about, inputs, quantizations, batch, serving_version
                )  # fmt: skip
                exports = [export for name in formats for export in FORMATS[name].write(source)]
            described = [_prove(folder, export, model, references, tolerance, timing) for export in exports]
            manifest = _manifest(folder, model, precisions, references, described, data or {})
            write_json(folder / MARKER, manifest)
    except OSError as error:
        raise ExportError(f"{out}: the export cannot be written ({error.strerror or error})") from error
    return manifest


def check_packages(formats: Sequence[str], quantizations: Sequence[str]) -> None:
    """Refuse formats whose packages are missing, before anything is done.

    Raises:
        MissingExtraError: names the extras to install.
    """
    quantizer = ["ai_edge_quantizer"] if set(quantizations) - {"none"} else []
    extras.require(*(package for name in formats for package in FORMATS[name].packages), *quantizer)


def describe(model: JetAutoencoder, batch: int | None = None) -> dict[str, Any]:
    """Return preset, architecture, fingerprint, unit, columns, and signatures with the shapes of their tensors.

    Args:
        model: an autoencoder of ours.
        batch: how many jets every call of the export has; None means any number.
    """
    facts, n_latent = model.facts, int(model.get_layer("encoder").output_shape[1])
    columns = {column.name: column.unit(facts.unit) for column in facts.collection}
    n_jets = "n_jets" if batch is None else batch
    shapes = {"jets": [n_jets, len(columns)], "latent": [n_jets, n_latent]}
    return {
        "description": f"jets ({', '.join(f'{name} [{u}]' for name, u in columns.items())}) <-> {n_latent} numbers",
        "atlas_keras": __version__,
        "preset": facts.preset,
        "architecture": facts.architecture,
        "fingerprint": fingerprint(model),
        "unit": facts.unit,
        "columns": list(columns),
        "units": columns,
        "collection": facts.collection.to_dict(),
        "n_latent": n_latent,
        "dtype": "float32",
        "signatures": {
            name: {"inputs": {s.input: shapes[s.input]}, "outputs": {s.output: shapes[s.output]}}
            for name, s in SIGNATURES.items()
        },
    }


def _manifest(
    folder: Path,
    model: JetAutoencoder,
    precisions: Precisions,
    references: Mapping[str, Reference],
    exports: Sequence[dict[str, Any]],
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe a folder of exports, and how far Keras itself is from float64."""
    keras_itself = {"encode": precisions.encode, "decode": precisions.decode}
    values = {
        **describe(model),
        "keras_parity": {name: compare(keras_itself, reference) for name, reference in references.items()},
        "parity_data": {**data, "n_jets": {name: len(reference.jets) for name, reference in references.items()}},
        "versions": {"python": platform.python_version(), **installed(PACKAGES)},
        "machine": Machine.here().to_dict(),
        "exports": exports,
        "files": {name: file.to_dict() for name, file in list_files(folder).items()},
    }
    return Manifest.from_dict(values).to_dict()


def _prove(
    folder: Path,
    export: Export,
    model: JetAutoencoder,
    references: Mapping[str, Reference],
    largest: float | None,
    timing: bool,
) -> dict[str, Any]:
    """Compare an export with the model, time it, and describe it."""
    path = folder / export.name
    functions = open_export(path)
    missing = set(export.signatures) - functions.keys()
    if missing:
        raise ExportError(f"{export.name}: lacks the signature {', '.join(sorted(missing))}")
    float32 = export.quantization == "none"
    if float32:
        check_weights(path, model, export.signatures)
    tolerance = _tolerance(model.facts.architecture, export.quantization, largest)
    figures = {data: compare(functions, reference, float64=float32) for data, reference in references.items()}
    check(export.name, figures, tolerance, references["test"].sizes)
    result = {
        **export.to_dict(),
        "tolerance": asdict(tolerance),
        "parity": figures,
    }
    if timing and len(export.signatures) != 2:  # the file with both parts runs as fast as the two
        test = references["test"]
        inputs = {"encode": test.jets[:4096], "decode": test.latent[:4096]}
        result["speed"] = [{"threads": n, **time_export(path, inputs, n, export.batch)} for n in THREADS]
    return result


def _tolerance(architecture: str, quantization: str, largest: float | None) -> Tolerance:
    if quantization == "none":
        return replace(FLOAT32, test_max=largest, extreme_max=largest)
    usual = ARCHITECTURES[architecture].quantized[quantization]
    return usual if largest is None else Tolerance(test_mean=largest, test_max=largest)
