"""Programs that run the vectors of an encoder, each of which has to compute what Keras computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from atlas_keras.errors import ExportError
from atlas_keras.firmware.encoder_rtl import TOP
from atlas_keras.firmware.golden import check_golden
from atlas_keras.firmware.hls4ml_project import NOT_ASKED, write_hls4ml
from atlas_keras.firmware.records import Check
from atlas_keras.firmware.tools import SIMULATORS, simulate
from atlas_keras.firmware.trigger_encoder import Floats, Integers, TriggerEncoder

MAX_WORK = 9e8  # bit operations that Icarus simulates where Verilator, far faster, simulates all: a minute or two


def check_encoder(
    encoder: TriggerEncoder,
    folder: Path,
    scratch: Path,
    rows: Integers,
    latent: Any,
    chosen: Sequence[str],
    *,
    hls: bool,
) -> list[Check]:
    """Let all programs run all vectors; Icarus evenly chosen ones, where it would take long.

    Args:
        encoder: that is checked.
        folder: of the export.
        scratch: for what programs build.
        rows: whole numbers of the hardware, shape `(n, n_fields)`.
        latent: what Keras computes of them.
        chosen: programs that are to run.
        hls: write an HLS project, and let its emulation run them.

    Raises:
        ExportError: something else comes out.
    """
    scaled = encoder.scaled(rows)
    checks = [_interpret(encoder, scaled, latent)]
    checks.append(check_golden(folder, encoder.hardware, rows, encoder.word.pack(latent)))
    with ThreadPoolExecutor(2) as beside:
        simulated = [beside.submit(run) for run in _simulations(encoder, folder, scratch, len(rows), chosen)]
        last = write_hls4ml(encoder, folder / "hls", _made(scratch / "hls"), scaled, latent) if hls else NOT_ASKED
        checks += [*(check.result() for check in simulated), last]
    return checks


def _interpret(encoder: TriggerEncoder, scaled: Floats, latent: Any) -> Check:
    interpreted = encoder.logic.predict(scaled, n_threads=1)
    if wrong := int((interpreted != latent).any(axis=1).sum()):
        raise ExportError(f"alkaid: its interpreter is not what Keras computes ({wrong} of {len(latent)} words differ)")
    return Check("alkaid", "interpreter", f"alkaid {version('alkaid')}", True, "", len(latent))


def _simulations(
    encoder: TriggerEncoder, folder: Path, scratch: Path, n_vectors: int, chosen: Sequence[str]
) -> Iterator[Callable[[], Check]]:
    """Yield a run of each simulator."""
    some = math.ceil(n_vectors * encoder.bit_operations / MAX_WORK) if "verilator" in chosen else 1
    run = partial(simulate, folder=folder, n_vectors=n_vectors, top=TOP)
    for name in SIMULATORS:
        stride = max(some, 1) if name == "icarus" else 1
        yield partial(run, name, scratch=_made(scratch / name), wanted=name in chosen, stride=stride)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
