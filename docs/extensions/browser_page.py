"""The page for the browser: what lies in `docs/browser`, with the shipped ONNX files, events of the sample, a runtime.

All of it becomes scripts, so that the page works where it is opened from a disk, which fetches nothing.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import tarfile
from itertools import islice
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from atlas_keras import read_events

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "build" / "onnxruntime-web.tgz"  # by scripts/fetch_onnxruntime_web.py
MODULE, BINARY = (f"package/dist/{name}" for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"))
PRESETS = ("folded", "kinematic")
N_EVENTS = 100

log = logging.getLogger(__name__)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _model(preset: str) -> dict[str, Any]:
    """Return the files of a preset, and the width of the cells of phi in its last number; 0 where it has none."""
    folder = ROOT / "exports" / preset
    config = json.loads((folder / "run" / "config.json").read_text(encoding="utf-8"))["model"]
    cell = 2.0 ** (1 - config["phi_bits"]) if "phi_bits" in config else 0
    return {"cell": cell, **{part: _text((folder / f"{part}.onnx").read_bytes()) for part in ("encoder", "decoder")}}


def _events() -> list[dict[str, Any]]:
    """Return the first events of the sample with two jets or more: jets in MeV, and missing momentum and its phi."""
    batch = next(read_events())
    rows, counts = batch.jets().tolist(), batch.counts.tolist()
    missing = zip(batch.table["MET"].to_pylist(), batch.table["METphi"].to_pylist(), strict=True)
    jets = iter(rows)
    events = [{"jets": list(islice(jets, n)), "missing": met} for n, met in zip(counts, missing, strict=True)]
    return [event for event in events if len(event["jets"]) >= 2][:N_EVENTS]


def _runtime() -> dict[str, str]:
    """Return the module of the runtime as text, its WebAssembly zipped and in base64."""
    with tarfile.open(RUNTIME) as archive:
        module, binary = (archive.extractfile(name).read() for name in (MODULE, BINARY))  # type: ignore[union-attr]
    text = module.decode().partition("\n//# sourceMappingURL")[0]
    return {"module": text, "wasm": _text(gzip.compress(binary, 6, mtime=0))}


def write_page(folder: Path) -> None:
    """Write the page into a folder of its own; without a fetched runtime it says what it lacks."""
    shutil.copytree(ROOT / "docs" / "browser", folder, dirs_exist_ok=True)
    shipped = {"models": {preset: _model(preset) for preset in PRESETS}, "events": _events()}
    (folder / "data.js").write_text(f"const SHIPPED = {json.dumps(shipped)};\n", encoding="utf-8")
    runtime = folder / "runtime.js"
    if not RUNTIME.exists():
        log.info("the page for the browser has no runtime: python scripts/fetch_onnxruntime_web.py")
        runtime.write_text("", encoding="utf-8")
    elif not runtime.exists() or runtime.stat().st_mtime < RUNTIME.stat().st_mtime:
        runtime.write_text(f"const RUNTIME = {json.dumps(_runtime())};\n", encoding="utf-8")


def _finish(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        write_page(Path(app.outdir) / "browser")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": True}
