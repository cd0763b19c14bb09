"""Our preset `published` beside the same recipe in plain PyTorch: quality and time, one after the other, seed by seed.

    python -m benchmarks.training FILE

Both are whole processes on the same cores; ours also draws its plots and writes its report.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results import table, write


def train_ours(file: Path, seed: int, folder: Path) -> dict[str, Any]:
    """Run the command of a user; its time is that of the whole process."""
    out = folder / str(seed)
    command = [sys.executable, "-m", "atlas_keras.train", "--data", str(file), "--preset", "published"]
    started = time.perf_counter()
    subprocess.run([*command, "--seed", str(seed), "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    process_seconds = time.perf_counter() - started
    metrics = json.loads((out / "metrics.json").read_text())
    return {
        "mse": metrics["published"]["mse"],
        "constant_mass": metrics["baselines"]["constant_mass"]["published"]["mse"],
        "train_seconds": metrics["train_seconds"],
        "process_seconds": process_seconds,
    }


def train_torch(file: Path, seed: int) -> dict[str, Any]:
    """Run the peer."""
    command = [sys.executable, "-m", "benchmarks.torch_recipe", str(file), "--seed", str(seed)]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout)
    return {key: figures[key] for key in ("mse", "train_seconds")} | {"process_seconds": time.perf_counter() - started}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare our training with the recipe in PyTorch.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 (default: 3)")
    args = parser.parse_args()
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.seeds):
            peer.append(train_torch(args.file, seed))
            ours.append(train_ours(args.file, seed, Path(folder)))
    rows = []
    for seed, (a, b) in enumerate(zip(ours, peer, strict=True)):
        rows.append((seed, a["mse"], b["mse"], a["constant_mass"], *_times(a, b)))
    mean = [{key: statistics.mean(row[key] for row in runs) for key in runs[0]} for runs in (ours, peer)]
    rows.append(("mean", mean[0]["mse"], mean[1]["mse"], mean[0]["constant_mass"], *_times(*mean)))
    header = [
        "seed",
        "MSE",
        "MSE, PyTorch",
        "MSE, one line",
        "fit [s]",
        "fit, PyTorch [s]",
        "all [s]",
        "all, PyTorch [s]",
    ]
    body = f"""
The preset `published` (150 epochs, batch 256, one-cycle policy, AdamW) beside the same recipe in plain PyTorch on
{args.file.name}: same jets, same split by event, MSE of the test split by the published formula. *One line* is
E = sqrt(p^2 + (c pt)^2), c fitted on the training split, with pt, eta and phi kept: no training at all. *All* is the
whole process; ours includes plots and report.

{table(header, rows)}
"""
    packages = ["numpy", "tensorflow", "keras", "torch"]
    figures = {"atlas_keras": ours, "pytorch": peer}
    write("training", "Training", "python -m benchmarks.training FILE", body, figures, packages)


def _times(ours: dict[str, Any], peer: dict[str, Any]) -> tuple[float, float, float, float]:
    return ours["train_seconds"], peer["train_seconds"], ours["process_seconds"], peer["process_seconds"]


if __name__ == "__main__":
    main()
