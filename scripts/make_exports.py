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
from pathlib import Path

from atlas_keras import export, train
from atlas_keras.output import whole_folder
from atlas_keras.serving.manifest import MARKER

ROOT = Path(__file__).resolve().parents[1] / "exports"
SEED = 0
QUANTISATIONS = {"folded": "none", "kinematic": "none,float16,dynamic,int8"}
RUN_FILES = ("model.keras", "config.json", "metrics.json")
CLOSE = 1.25  # two trainings on different processors differ by rounding, and by this factor at most in their errors


def train_and_export(preset: str, folder: Path) -> Path:
    """Train a preset and export it; give the folder of exports, with the run inside."""
    run, out = folder / preset / "run", folder / preset / "exports"
    steps = (
        (train.main, ["--preset", preset, "--seed", str(SEED), "--out", str(run)]),
        (
            export.main,
            [str(run), "--out", str(out), "--formats", "saved_model,tflite,onnx", "--quantize", QUANTISATIONS[preset]],
        ),
    )
    for main, arguments in steps:
        if main(arguments) != 0:
            raise SystemExit(f"{preset}: failed")
    (out / "run").mkdir()
    for name in RUN_FILES:
        shutil.copy(run / name, out / "run" / name)
    return out


def differences(preset: str, new: Path) -> list[str]:
    """Compare the errors of a new run with those of the run in the repository; give a line for each that differs."""
    found = []
    old, now = (json.loads((p / "run" / "metrics.json").read_text())["test"] for p in (ROOT / preset, new))
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
            made = train_and_export(preset, Path(folder))
            if args.check:
                problems += differences(preset, made)
                continue
            with whole_folder(ROOT / preset, MARKER, "folder of exports", force=True) as target:
                shutil.copytree(made, target, dirs_exist_ok=True)
    print("\n".join(problems) or "done")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
