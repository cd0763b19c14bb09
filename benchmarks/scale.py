"""Time and memory of training, evaluation and codec against the number of jets, and many files on a cluster.

    python -m benchmarks.scale --sizes 1e6 1e7 1e8
    python -m benchmarks.scale --parts cluster overhead quality

Every step is a command in a process of its own. The data are the shipped sample, repeated with jets smeared anew by
another seed each time, as Parquet with a row a jet. What is measured so far stays in docs/scale.json: parts can be run
one by one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.clusters import cluster_in_networks, cluster_text, overhead_text, run_in_networks, run_overhead
from benchmarks.processes import PYTHON, measure
from benchmarks.results import DOCS, table, write

STEPS = ("train", "evaluate", "compress", "decompress")
EPOCHS = 3
MACHINES = (1, 10, 100, 1000)  # cores
TARGETS = (1e9, 6e10)  # jets
Sizes = dict[str, dict[str, dict[str, float]]]  # what `measure` gave, by jets and step
FILE_JETS = 1e6  # jets of a file, where files are spread over cores


def measure_sizes(folder: Path, sizes: Sequence[int]) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Train, evaluate, compress and decompress; give each size when it is done."""
    for n in sizes:
        data = folder / f"{n}.parquet"
        measure([*PYTHON, "benchmarks.many_jets", data, str(n), "1"])
        run, small, back = folder / "run", folder / "small.akc", folder / "back.parquet"
        commands: dict[str, list[str | Path]] = {
            "train": ["--data", data, "--epochs", str(EPOCHS), "--out", run, "--cache", folder / "cache"],
            "evaluate": [run, "--data", data, "--out", folder / "evaluation"],
            "compress": [data, small],
            "decompress": [small, back],
        }
        found = {step: measure([*PYTHON, f"atlas_keras.{step}", *commands[step], "--force"]) for step in STEPS}
        for path in (data, small, back):
            path.unlink()
        yield str(n), found


def fit_line(sizes: Sizes, step: str, clock: str = "cpu") -> tuple[float, float]:
    """Fit seconds = a + b jets by least squares of relative errors; `clock` is `cpu` or `wall`."""
    import numpy as np

    n = np.array([float(size) for size in sizes])
    t = np.array([sizes[size][step][clock] for size in sizes])
    if len(n) < 2:
        return 0.0, float(t[0] / n[0])
    (a, b), *_ = np.linalg.lstsq(np.stack([1 / t, n / t], axis=1), np.ones(len(n)), rcond=None)
    return max(float(a), 0.0), float(b)


def straightness(sizes: Sizes) -> str:
    """Say how far times are from straight lines, and by how much memory grows between the two largest sizes."""
    off = {
        clock: max(
            abs((a + b * float(size)) / sizes[size][step][clock] - 1)
            for step in STEPS
            for a, b in [fit_line(sizes, step, clock)]
            for size in sizes
        )
        for clock in ("wall", "cpu")
    }
    before, last = list(sizes)[-2:]
    grown = max(_own(sizes[last][step]) - _own(sizes[before][step]) for step in STEPS)
    return (
        f"Straight lines, seconds = a + b jets of each step, are off by {100 * off['wall']:.0f} % of the wall time and "
        f"{100 * off['cpu']:.0f} % of the CPU time at most; from {int(before):,} to {int(last):,} jets no process "
        f"grows by more than {1000 * grown:.0f} MB, without mapped files."
    )


def run_quality(folder: Path, n_jets: int, n_sample: int) -> dict[str, Any]:
    """Train on many jets and on few of them, and evaluate both on others: figures, time and memory."""
    found: dict[str, Any] = {}
    measure([*PYTHON, "benchmarks.many_jets", folder / "test.parquet", "200000", "99"])
    for n in (n_sample, n_jets):
        data, run = folder / f"q{n}.parquet", folder / f"q{n}"
        measure([*PYTHON, "benchmarks.many_jets", data, str(n), "1"])
        how = ["--data", data, "--epochs", str(EPOCHS), "--out", run, "--cache", folder / "q-cache"]
        figures: dict[str, Any] = measure([*PYTHON, "atlas_keras.train", *how])
        measure([*PYTHON, "atlas_keras.evaluate", run, "--data", folder / "test.parquet", "--out", run / "other"])
        metrics = json.loads((run / "other" / "metrics.json").read_text())
        figures |= {"mse": metrics["published"]["mse"], "mass": metrics["mass"]["median_abs"]}
        found[str(n)] = {**figures, "E": metrics["test"]["E"]["mean_abs"]}
        data.unlink()
    return found


def body_of(found: dict[str, Any]) -> str:
    """Return the document for people."""
    parts = []
    if sizes := found.get("sizes"):
        rows = [
            (f"{int(n):,}", step, m["wall"], m["cpu"], f"{int(n) / m['wall']:,.0f}", *_memory(m))
            for n, steps in sizes.items()
            for step, m in steps.items()
        ]
        head = ("jets", "step", "wall [s]", "CPU [s]", "jets/s", "memory of the largest process [GB]", "mapped too")
        lines = {step: fit_line(sizes, step) for step in STEPS}
        parts += [
            f"Training is {EPOCHS} epochs of the preset `folded` from a cache that it makes first; evaluation has all "
            "tables and plots; `compress` takes the file as columns, at the usual bounds.",
            table(head, rows),
            *([straightness(sizes)] if len(sizes) > 2 else []),
            "![Time and memory against jets](scale.png)",
            "## What more would take\n\nHours, by CPU seconds = a + b jets, fitted to the sizes above by least squares "
            "of relative errors. The model says: jets are in files of a million, a task a file; every core is as fast "
            "as these and reads as fast; what is constant (a) is done once a core; nobody waits for the disks, and the "
            "scheduler for none of its tasks. Training is on one machine and has no row of more cores.",
            table(
                ("step", "a [s]", "b [s a million jets]", "jets", *(f"{cores} cores" for cores in MACHINES)),
                [
                    (step, a, 1e6 * b, f"{n:.0e}", *(_hours(step, a, b, n, cores) for cores in MACHINES))
                    for step, (a, b) in lines.items()
                    for n in TARGETS
                ],
            ),
        ]
    if cluster := found.get("cluster"):
        parts += ["## A cluster that breaks", cluster_text(cluster)]
    if overhead := found.get("overhead"):
        parts += ["## Overhead", overhead_text(overhead)]
    if quality := found.get("quality"):
        rows = [
            (f"{int(n):,}", q["mse"], q["E"], q["mass"], q["wall"], q["cpu"], *_memory(q)) for n, q in quality.items()
        ]
        errors = ("MSE, published formula", "mean error of E", "median error of the mass")
        parts += [
            f"## All jets or some of them\n\n{EPOCHS} epochs each, evaluated on 200,000 other jets.",
            table(("jets", *errors, "wall [s]", "CPU [s]", "memory of the largest process [GB]", "mapped too"), rows),
        ]
    return "\n\n".join(parts)


def _memory(measured: dict[str, float]) -> tuple[str, str]:
    """Return a process's own memory, and that with mapped files."""
    own = f"{measured['own']:.2f}" if "own" in measured else "-"
    return own, f"{measured['memory']:.2f}"


def _own(measured: dict[str, float]) -> float:
    return measured.get("own", measured["memory"])


def _hours(step: str, a: float, b: float, n: float, cores: int) -> str:
    if step == "train":
        return f"{(a + b * n) / 3600:.3g}" if cores == 1 else "-"
    busy = min(cores, n / FILE_JETS)
    return f"{(a + b * n / busy) / 3600:.3g}"


def draw(sizes: Sizes) -> None:
    """Draw time and memory against jets."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    n = [float(size) for size in sizes]
    for step in STEPS:
        axes[0].loglog(n, [sizes[size][step]["wall"] for size in sizes], "o-", label=step)
        own = [_own(sizes[size][step]) for size in sizes]
        axes[1].semilogx(n, own, "o-", label=step)
    axes[0].set(xlabel="jets", ylabel="wall time [s]")
    axes[1].set(xlabel="jets", ylabel="memory of the largest process [GB]", ylim=(0, None))
    axes[0].legend()
    figure.savefig(DOCS / "scale.png", dpi=110)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure time and memory against the number of jets.")
    parser.add_argument("--parts", nargs="+", default=["sizes"], choices=("sizes", "cluster", "overhead", "quality"))
    parser.add_argument("--sizes", nargs="+", type=float, default=[1e5, 1e6], help="jets (default: 1e5 1e6)")
    parser.add_argument("--overhead-jets", type=float, default=1e6, help="jets of a file (default: 1e6)")
    parser.add_argument("--overhead-files", nargs=2, type=int, default=[4, 16], help="few and many (default: 4 16)")
    parser.add_argument("--quality-jets", nargs=2, type=float, default=[1e6, 3e7], help="few and many (1e6 3e7)")
    parser.add_argument("--scratch", type=Path, help="folder for the data (default: that for temporary files)")
    parser.add_argument(
        "--cluster", type=Path, metavar="FOLDER", help="run the cluster in networks that are here alone"
    )
    args = parser.parse_args()
    if args.cluster:
        print(json.dumps(run_in_networks(args.cluster)))
        return
    file = DOCS / "scale.json"
    found = json.loads(file.read_text())["found"] if file.exists() else {}
    with tempfile.TemporaryDirectory(dir=args.scratch) as name:
        folder = Path(name)
        if "sizes" in args.parts:
            found["sizes"] = {}
            for size, steps in measure_sizes(folder, [int(size) for size in args.sizes]):
                found["sizes"][size] = steps
                _keep(found)
            shutil.rmtree(folder / "cache", ignore_errors=True)
        if "cluster" in args.parts:
            found["cluster"] = cluster_in_networks(folder)
            _keep(found)
        if "overhead" in args.parts:
            found["overhead"] = run_overhead(folder, int(args.overhead_jets), args.overhead_files)
            _keep(found)
        if "quality" in args.parts:
            few, many = map(int, args.quality_jets)
            found["quality"] = run_quality(folder, many, few)
            _keep(found)


def _keep(found: dict[str, Any]) -> None:
    """Write what is measured so far, so that a long part that breaks off loses nothing before it."""
    sizes = found.get("sizes", {})
    if sizes:
        draw(sizes)
    command = f"python -m benchmarks.scale --parts {' '.join(found)}"
    if sizes:
        command += f" --sizes {' '.join(f'{int(size):.0e}'.replace('e+0', 'e') for size in sizes)}"
    packages = ["numpy", "pyarrow", "tensorflow", "keras", "distributed"]
    write("scale", "Scale", command, body_of(found), {"found": found}, packages)


if __name__ == "__main__":
    main()
