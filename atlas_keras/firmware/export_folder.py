"""The folder of an export of firmware: what each of them holds, and that it appears whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

import atlas_keras
from atlas_keras.checksum import list_files
from atlas_keras.errors import ConfigError, ExportError
from atlas_keras.firmware.emulation import bench
from atlas_keras.firmware.hardware_format import Hardware
from atlas_keras.firmware.records import ExportReport
from atlas_keras.firmware.vectors import write_vectors
from atlas_keras.output import check_free, whole_folder, write_json
from atlas_keras.schema_files import to_toml

MARKER, KIND = "decoder.json", "folder of firmware"
Report = TypeVar("Report", bound=ExportReport)


def check_request(out: Path, n_random: int, *, force: bool) -> None:
    """Refuse what cannot be exported, before anything is computed.

    Raises:
        ConfigError: no random vector.
        RunError: the folder exists, and is not to be replaced.
    """
    check_free(out, force=force, marker=MARKER, kind=KIND)
    if n_random < 1:
        raise ConfigError(f"There is at least one random vector. Received: {n_random}")


@contextmanager
def firmware_folder(out: Path, *, force: bool) -> Iterator[tuple[Path, Path]]:
    """Give a folder to fill, which becomes `out` when the block ends well, and one for scratch.

    Raises:
        ExportError: it cannot be written.
        RunError: the name is taken.
    """
    try:
        with whole_folder(out, MARKER, KIND, force=force) as folder, tempfile.TemporaryDirectory() as scratch:
            yield folder, Path(scratch)
    except OSError as error:
        raise ExportError(f"{out}: the export cannot be written ({error.strerror or error})") from error


def write_texts(folder: Path, texts: dict[str, str]) -> None:
    """Write files into a folder, which is made where it is not there."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def write_vectors_and_bench(
    folder: Path, top: str, hardware: Hardware, word_bits: int, latency: int, rows: NDArray[np.int64], words: Any
) -> None:
    """Write `bench/`, `vectors/` and `hardware.toml`.

    Args:
        folder: of the export.
        top: name of the top module.
        hardware: its fields are the ports.
        word_bits: bits of a word.
        latency: clock edges to the word, both counted.
        rows: whole numbers of the hardware, shape `(n, n_fields)`.
        words: of them, as the golden model computes them.
    """
    write_texts(folder / "bench", {f"{top}_tb.v": bench(hardware, word_bits, latency, len(rows), top)})
    write_texts(folder, {"hardware.toml": to_toml(hardware)})
    (folder / "vectors").mkdir()
    write_vectors(folder / "vectors" / "vectors.hex", hardware, rows, words, word_bits)


def described(hardware: Hardware, word_bits: int, vectors: dict[str, NDArray[np.int64]]) -> dict[str, Any]:
    """Return what reports of all kinds say in the same way."""
    return {
        "atlas_keras": atlas_keras.__version__,
        "hardware": hardware.title,
        "source": hardware.source,
        "bits": hardware.bits,
        "word_bits": word_bits,
        "initiation_interval": 1,
        "vectors": {name: len(part) for name, part in vectors.items()},
    }


def write_report(folder: Path, write_page: Callable[[Path, Report], None], build: Callable[..., Report]) -> Report:
    """Write `report.json` and `report.html` beside the files that are there, and return the report.

    Args:
        folder: of the export.
        write_page: writes the page of a report to a path.
        build: builds the report from its files.
    """
    report = build(files=list_files(folder))
    write_json(folder / "report.json", report.to_dict())
    write_page(folder / "report.html", report)
    return report
