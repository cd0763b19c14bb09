"""The network of an encoder as an HLS project by hls4ml, compiled and compared with Keras."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_keras import extras
from atlas_keras.errors import ExportError, reason_of
from atlas_keras.firmware.records import Check
from atlas_keras.firmware.trigger_encoder import TriggerEncoder

MADE = ("firmware", "*.tcl", "hls4ml_config.yml")  # what is kept; the rest is for compiling it here
NOT_ASKED = Check("hls4ml", "hls", "", False, "not asked for: --formats verilog,hls", 0)


def write_hls4ml(
    encoder: TriggerEncoder, folder: Path, scratch: Path, scaled: NDArray[np.float64], latent: NDArray[np.float64]
) -> Check:
    """Write the project, and compare its emulation with Keras.

    Args:
        encoder: whose network it is.
        folder: to write; it does not exist.
        scratch: folder for compiling.
        scaled: inputs of the network, shape `(n, n_fields)`.
        latent: what Keras computes of them.

    Raises:
        ExportError: hls4ml fails, or another number comes out.
        MissingExtraError: hls4ml is not installed.
    """
    extras.require("hls4ml")
    import hls4ml  # takes its time, and is an optional package

    config = {"Model": {"Precision": "ap_fixed<1,0>", "ReuseFactor": 1, "Strategy": "latency"}}
    try:
        project = hls4ml.converters.convert_from_keras_model(
            encoder.network,
            output_dir=str(scratch / "hls4ml"),
            project_name="network",
            backend="Vitis",
            io_type="io_parallel",
            hls_config=config,
        )
        project.compile()
        found = project.predict(np.ascontiguousarray(scaled, np.float32)).reshape(len(scaled), -1)
    except Exception as error:  # of whatever kind hls4ml and its compiler have
        raise ExportError(f"hls4ml cannot convert this encoder ({reason_of(error)})") from error
    if wrong := int((found != latent).any(axis=1).sum()):
        raise ExportError(f"hls4ml: its emulation is not what Keras computes ({wrong} of {len(latent)} words differ)")
    folder.mkdir(parents=True)
    for path in (path for pattern in MADE for path in (scratch / "hls4ml").glob(pattern)):
        shutil.copytree(path, folder / path.name) if path.is_dir() else shutil.copyfile(path, folder / path.name)
    for library in (folder / "firmware").glob("*.so"):
        library.unlink()
    return Check("hls4ml", "hls", f"hls4ml {hls4ml.__version__}, g++", True, "", len(scaled))
