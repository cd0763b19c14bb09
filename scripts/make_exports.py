"""Make the exports that the repository hands out: train `kinematic` and `folded` on the shipped sample, export both.

Run from a checkout with the extras `edge`, `onnx` and `quantize`: `python scripts/make_exports.py`. The result goes to
`exports/PRESET/`, with the run that it comes from in `exports/PRESET/run/`. `tests/models/test_presets.py` trains both
presets again, and compares their errors with those of these runs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from atlas_keras import export, train
from atlas_keras.output import whole_folder
from atlas_keras.serving.formats import MARKER

ROOT = Path(__file__).resolve().parents[1] / "exports"
SEED = 0
QUANTIZATIONS = {"folded": "none", "kinematic": "none,float16,dynamic,int8"}
RUN_FILES = ("model.keras", "config.json", "metrics.json")


def call(main: Callable[[Sequence[str]], int], *arguments: str | Path) -> None:
    """Run a command of the package."""
    if main([str(argument) for argument in arguments]) != 0:
        raise SystemExit(1)


def make(preset: str, run: Path, folder: Path) -> None:
    """Export a run, and keep the run beside its exports."""
    formats = ("--formats", "saved_model,tflite,onnx", "--quantize", QUANTIZATIONS[preset])
    call(export.main, run, "--out", folder / "exports", *formats)
    with whole_folder(ROOT / preset, MARKER, "folder of exports", force=True) as target:
        shutil.copytree(folder / "exports", target, dirs_exist_ok=True)
        (target / "run").mkdir()
        for name in RUN_FILES:
            shutil.copy(run / name, target / "run" / name)


def main() -> int:
    """Write `exports/`."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for preset in QUANTIZATIONS:
            run = Path(folder) / preset / "run"
            call(train.main, "--preset", preset, "--seed", str(SEED), "--out", run)
            make(preset, run, run.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
