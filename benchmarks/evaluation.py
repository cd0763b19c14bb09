"""How long a million jets take to be evaluated, in time and memory, beside the same file with a tenth of them.

    python -m benchmarks.evaluation

Whole processes of the command: start, reading, encoding and decoding, all tables, all plots, the report.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras import load_jets
from benchmarks.results import table, write

PRESETS = ("folded", "published")
SIZES = (100_000, 1_000_000)


def write_jets(path: Path, n_jets: int) -> int:
    """Repeat the shipped sample to at least n jets, each copy turned by another angle and scaled by up to 1 %."""
    sample, copies = load_jets(), []
    rng = np.random.default_rng(1)
    n_events = int(sample["event"].max()) + 1
    for k in range(-(-n_jets // len(sample))):
        copy = sample.copy()
        copy["event"] += k * n_events
        copy[["E", "pt"]] *= rng.uniform(0.99, 1.01)
        copy["phi"] = np.mod(copy["phi"] + rng.uniform(0, 2 * np.pi) + np.pi, 2 * np.pi) - np.pi
        copies.append(pa.Table.from_pandas(copy, preserve_index=False))
    jets = pa.concat_tables(copies).slice(0, n_jets)
    pq.write_table(jets.replace_schema_metadata({"unit": "MeV"}), path)
    return jets.num_rows


def measure(command: list[str]) -> dict[str, float]:
    """Run a process; give its wall time, its CPU time and the most memory that it held."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": time.perf_counter() - started, "cpu": cpu, "memory": usage.ru_maxrss / 1024**2}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure the evaluation of many jets.")
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    python = [sys.executable, "-m"]
    runs: dict[str, list[dict[str, float]]] = {}
    rows: list[tuple[Any, ...]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for preset in PRESETS:
            measure([*python, "atlas_keras.train", "--preset", preset, "--epochs", "10", "--out", str(folder / preset)])
        files = {size: folder / f"{size}.parquet" for size in SIZES}
        n_jets = {size: write_jets(file, size) for size, file in files.items()}
        for _ in range(args.repeat):
            for preset in PRESETS:
                for size, file in files.items():
                    command = [*python, "atlas_keras.evaluate", str(folder / preset), "--data", str(file), "--force"]
                    runs.setdefault(f"{preset}, {size}", []).append(measure(command))
        for key, measured in runs.items():
            preset, size = key.split(", ")
            middle = sorted(measured, key=lambda run: run["wall"])[len(measured) // 2]
            rows.append((preset, f"{n_jets[int(size)]:,}", middle["wall"], middle["cpu"], middle["memory"]))
    body = f"""
`python -m atlas_keras.evaluate RUN --data FILE`: the whole process, with all tables, plots and the report. FILE is
Parquet with one row a jet: the shipped sample, repeated. The process of median wall time of {args.repeat}, which take
turns; memory is the most that the process held. Other processes shared the cores: CPU time tells more than wall time.

{table(("preset", "jets", "wall [s]", "CPU [s]", "memory [GiB]"), rows)}
"""
    packages = ["numpy", "pandas", "pyarrow", "matplotlib", "tensorflow", "keras"]
    write("evaluation", "Evaluation", "python -m benchmarks.evaluation", body, {"runs": runs}, packages)


if __name__ == "__main__":
    main()
