"""Make the exports that the repository hands out: train `kinematic` and `folded` on the shipped sample, export both.

Run from a checkout with the extras `edge`, `onnx` and `quantize`: `python scripts/make_exports.py`. The result goes to
`exports/PRESET/`, with the run that it comes from in `exports/PRESET/run/`. `--check` trains again, compares the errors
of the new models with those of the models in the repository, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from atlas_keras import export, train
from atlas_keras.output import whole_folder
from atlas_keras.serving.manifest import MARKER

ROOT = Path(__file__).resolve().parents[1] / "exports"
SEED = 0
QUANTISATIONS = {"folded": "none", "kinematic": "none,float16,dynamic,int8"}
RUN_FILES = ("model.keras", "config.json", "metrics.json")
CLOSE = 1.25  # two trainings on different processors differ by rounding, and by this factor at most in their errors


def call(main: Callable[[Sequence[str]], int], *arguments: str | Path) -> None:
    """Run a command of the package."""
    if main([str(argument) for argument in arguments]) != 0:
        raise SystemExit(1)


def make(preset: str, run: Path, folder: Path) -> None:
    """Export a run, and keep the run beside its exports."""
    formats = ("--formats", "saved_model,tflite,onnx", "--quantize", QUANTISATIONS[preset])
    call(export.main, run, "--out", folder / "exports", *formats)
    with whole_folder(ROOT / preset, MARKER, "folder of exports", force=True) as target:
        shutil.copytree(folder / "exports", target, dirs_exist_ok=True)
        (target / "run").mkdir()
        for name in RUN_FILES:
            shutil.copy(run / name, target / "run" / name)


def differences(preset: str, run: Path) -> list[str]:
    """Compare the errors of a new run with those of the run in the repository; give a line for each that differs."""
    found = []
    old, now = (json.loads((r / "metrics.json").read_text())["test"] for r in (ROOT / preset / "run", run))
    for variable, figures in old.items():
        before, after = figures["mean_abs"], now[variable]["mean_abs"]
        if not before / CLOSE - 1e-6 <= after <= before * CLOSE + 1e-6:
            found.append(f"{preset}: mean error of {variable} is {after:.3g}, of the model in exports/ {before:.3g}")
    return found


def main() -> int:
    """Write `exports/`, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with what is in exports/, write nothing")
    args = parser.parse_args()
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for preset in QUANTISATIONS:
            run = Path(folder) / preset / "run"
            call(train.main, "--preset", preset, "--seed", str(SEED), "--out", run)
            if args.check:
                problems += differences(preset, run)
            else:
                make(preset, run, run.parent)
    print("\n".join(problems) or "done")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
