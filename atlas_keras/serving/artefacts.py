"""Write all exports of a model into one folder, prove each equal to the model, and describe them in `manifest.json`.

The folder has its final name only when everything in it is written and proved.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ExportError, MissingExtraError
from atlas_keras.models.architecture import Tolerance
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.output import check_free, whole_folder, write_json
from atlas_keras.serving import litert, onnx
from atlas_keras.serving.constants import check_weights
from atlas_keras.serving.description import describe
from atlas_keras.serving.extremes import extreme_rows
from atlas_keras.serving.manifest import MARKER, Manifest, list_files, machine, package_versions
from atlas_keras.serving.metadata import ASSET, NAME, add_to_litert
from atlas_keras.serving.opening import open_export
from atlas_keras.serving.parity import FLOAT32, Precisions, Reference, check, compare
from atlas_keras.serving.quantization import check_quantization, quantize
from atlas_keras.serving.request import check_request
from atlas_keras.serving.saved_model import write_saved_model
from atlas_keras.serving.signatures import SIGNATURES
from atlas_keras.serving.speed import time_export

SAVED_MODEL = "saved_model"
THREADS = (1, 2)
LITERT_FILES = {"encoder": ("encode",), "decoder": ("decode",), "autoencoder": ("encode", "decode")}
ONNX_FILES = {"encoder": "encode", "decoder": "decode"}
NEEDED = {"tflite": ("ai_edge_litert", "LiteRT", "edge"), "onnx": ("tf2onnx", "ONNX", "onnx")}


@dataclass(frozen=True)
class Export:
    """One export: a file, or the folder of a SavedModel, with where it came from.

    Args:
        name: path inside the folder of exports.
        format: `saved_model`, `tflite` or `onnx`.
        quantization: one of `request.QUANTIZATIONS`.
        signatures: that it has.
        batch: how many jets every call of it has; None means any number.
    """

    name: str
    format: str
    quantization: str
    signatures: tuple[str, ...]
    batch: int | None = None


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
        ExportError: a quantization that breaks the model's latent, an export that misses its tolerance, a folder that
            cannot be written. Nothing is left behind.
        MissingExtraError: a format needs a package that is not installed.
        RunError: the folder exists.
    """
    out = Path(out)
    check_request(formats, quantizations, batch)
    check_packages(formats, quantizations)
    check_free(out, force=force, marker=MARKER, kind="folder of exports")
    for quantization in quantizations:
        check_quantization(model, quantization)
    try:
        with whole_folder(out, MARKER, "folder of exports", force=force) as folder:
            about = describe(model)
            precisions = Precisions(model)
            splits = {"train": train, "test": test, "extreme": extreme_rows(model.facts, train, n_extreme)}
            references = {name: Reference(precisions, jets) for name, jets in splits.items()}
            calibration = references.pop("train")
            exports = list(_write(model, folder, about, calibration, formats, quantizations, batch, serving_version))
            described = [_prove(folder, export, model, references, tolerance, timing) for export in exports]
            keras_itself = {"encode": precisions.encode, "decode": precisions.decode}
            manifest = Manifest.from_dict(
                {
                    **about,
                    "keras_parity": {name: compare(keras_itself, reference) for name, reference in references.items()},
                    "parity_data": {**(data or {}), "n_jets": {name: len(r.jets) for name, r in references.items()}},
                    "versions": package_versions(),
                    "machine": machine().to_dict(),
                    "exports": described,
                    "files": {name: file.to_dict() for name, file in list_files(folder).items()},
                }
            ).to_dict()
            write_json(folder / MARKER, manifest)
    except OSError as error:
        raise ExportError(f"{out}: the export cannot be written ({error.strerror or error})") from error
    return manifest


def check_packages(formats: Sequence[str], quantizations: Sequence[str]) -> None:
    """Refuse formats whose packages are missing, before anything is done.

    Raises:
        MissingExtraError: names the extra to install.
    """
    needed = [NEEDED[f] for f in formats if f in NEEDED]
    if set(quantizations) - {"none"}:
        needed.append(("ai_edge_quantizer", "Quantization", "quantize"))
    if "onnx" in formats:
        needed.append(("onnxruntime", "ONNX", "onnx"))
    for module, purpose, extra in needed:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(purpose, extra)


def _write(
    model: JetAutoencoder,
    folder: Path,
    about: Mapping[str, Any],
    calibration: Reference,
    formats: Sequence[str],
    quantizations: Sequence[str],
    batch: int | None,
    serving_version: int | None,
) -> Iterator[Export]:
    """Write the files; LiteRT and ONNX are made from the SavedModel, whether it is asked for or not."""
    name = SAVED_MODEL if serving_version is None else f"{SAVED_MODEL}/{serving_version}"
    with tempfile.TemporaryDirectory() as elsewhere:
        source = folder / name if "saved_model" in formats else Path(elsewhere) / name
        write_saved_model(model, source)
        if "saved_model" in formats:
            (source / ASSET).parent.mkdir(exist_ok=True)
            write_json(source / ASSET, {**about, "quantization": "none"})
            yield Export(name, "saved_model", "none", tuple(SIGNATURES))
        flexible = source
        if batch is not None:
            about = describe(model, batch)
            source = Path(elsewhere) / "batch"
            write_saved_model(model, source, batch)
        if "tflite" in formats:
            yield from _write_litert(source, flexible, folder, about, calibration, quantizations, batch)
        if "onnx" in formats:
            inside = {NAME: json.dumps({**about, "quantization": "none"}, sort_keys=True)}
            for part, signature in ONNX_FILES.items():
                (folder / f"{part}.onnx").write_bytes(onnx.convert_saved_model(source, signature, inside))
                yield Export(f"{part}.onnx", "onnx", "none", (signature,), batch)


def _write_litert(
    source: Path,
    flexible: Path,
    folder: Path,
    about: Mapping[str, Any],
    calibration: Reference,
    quantizations: Sequence[str],
    batch: int | None,
) -> Iterator[Export]:
    inputs = {"encode": {"jets": calibration.jets}, "decode": {"latent": calibration.latent}}
    for part, signatures in LITERT_FILES.items():
        exact = litert.convert_saved_model(source, signatures)
        any_batch = None if source == flexible else litert.convert_saved_model(flexible, signatures)
        for quantization in quantizations:
            content = quantize(exact, quantization, {name: inputs[name] for name in signatures}, any_batch)
            name = f"{part}.tflite" if quantization == "none" else f"{part}.{quantization}.tflite"
            inside = {**about, "quantization": quantization}
            (folder / name).write_bytes(add_to_litert(content, inside))
            yield Export(name, "tflite", quantization, signatures, batch)


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
    check(export.name, figures, tolerance)
    result = {
        **asdict(export),
        "signatures": list(export.signatures),
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
