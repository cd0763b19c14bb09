"""Optional packages in one place: what each is for, and which extra of `setup.cfg` brings it."""

from __future__ import annotations

import importlib.util
from typing import Any, NamedTuple

from atlas_keras.errors import MissingExtraError


class Extra(NamedTuple):
    """An optional package.

    Args:
        purpose: what it is for, as the beginning of a sentence.
        extra: of `setup.cfg`.
        alone: what pip calls the package, where it is of use without the rest of this one.
    """

    purpose: str
    extra: str
    alone: str | None = None


PACKAGES = {
    "ai_edge_litert": Extra("LiteRT", "edge", "ai-edge-litert"),
    "ai_edge_quantizer": Extra("Quantization", "quantize"),
    "alkaid": Extra("Firmware of a network", "fpga"),
    "awkward": Extra("An awkward array", "root", "awkward"),
    "dask_awkward": Extra("A lazy array", "dask-awkward", "dask-awkward"),
    "distributed": Extra("Work on a Dask cluster", "distributed"),
    "hgq": Extra("A quantized encoder", "fpga", "HGQ2"),
    "hls4ml": Extra("Firmware of a network", "fpga"),
    "keras_tuner": Extra("A hyperparameter search", "tuning"),
    "numba": Extra("Learning from columns", "fast", "numba"),
    "onnx": Extra("ONNX", "onnx"),
    "onnxruntime": Extra("ONNX", "onnx"),
    "sklearn": Extra("Bayesian search", "tuning"),
    "tensorflow_datasets": Extra("The TFDS data set", "tfds"),
    "tf2onnx": Extra("ONNX", "onnx"),
    "upath": Extra("Reading files by URL", "remote"),
    "uproot": Extra("Reading ROOT files", "root"),
}


def missing(*packages: str) -> MissingExtraError:
    """Return the error that says how to install packages of `PACKAGES`, all extras in one command."""
    lacking = [PACKAGES[package] for package in packages]
    purpose = " and ".join(dict.fromkeys(package.purpose for package in lacking))
    extra = ",".join(dict.fromkeys(package.extra for package in lacking))
    return MissingExtraError(purpose, extra, lacking[0].alone if len(lacking) == 1 else None)


def load(module: str) -> Any:
    """Import a module of a package of `PACKAGES`.

    Args:
        module: its full name.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing(module.partition(".")[0]) from error


def require(*packages: str) -> None:
    """Refuse to go on without packages of `PACKAGES`, before anything is done.

    Raises:
        MissingExtraError: names the extras to install.
    """
    lacking = [package for package in packages if importlib.util.find_spec(package) is None]
    if lacking:
        raise missing(*lacking)
