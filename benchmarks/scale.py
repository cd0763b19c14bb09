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
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import DOCS, table, write

PYTHON = [sys.executable, "-m"]
STEPS = ("train", "evaluate", "compress", "decompress")
EPOCHS = 3
MACHINES = (1, 10, 100, 1000)  # cores
TARGETS = (1e9, 6e10)  # jets
FILE_JETS = 1e6  # jets of a file, where files are spread over cores
N_FILES, N_WORKERS = 200, 4
PAUSE = 0.05  # seconds between two looks at a process


def write_jets(path: Path, n_jets: int, seed: int) -> None:
    """Write the sample again and again, every jet smeared by up to 10 % and turned; a row group a copy."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from atlas_keras import load_jets

    sample, rng = load_jets(), np.random.default_rng(seed)
    n_events = int(sample["event"].max()) + 1
    schema = pa.schema([("event", pa.int64()), *((name, pa.float32()) for name in ("E", "pt", "eta", "phi"))])
    with pq.ParquetWriter(path, schema.with_metadata({"unit": "MeV"})) as writer:
        for k in range(-(-n_jets // len(sample))):
            scale = rng.normal(1, 0.03, len(sample)).clip(0.9, 1.1)
            angle = sample["phi"] + rng.uniform(0, 2 * np.pi)
            columns = {
                "event": sample["event"] + k * n_events,
                "E": sample["E"] * scale,
                "pt": sample["pt"] * scale,
                "eta": sample["eta"],
                "phi": np.mod(angle + np.pi, 2 * np.pi) - np.pi,
            }
            rows = min(len(sample), n_jets - k * len(sample))
            arrays = [pa.array(columns[field.name].to_numpy(), field.type, safe=False) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema).slice(0, rows))


def measure(command: Sequence[str | Path], code: int = 0) -> dict[str, float]:
    """Run a command; give wall time, CPU time [s] and the most memory of the process and of each of its own [GB].

    `memory` has what is resident, pages of mapped files among it, which the system takes back when it wants; `own` is
    without these.
    """
    started = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peaks: dict[int, tuple[int, int]] = {}
    watch = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
    watch.start()
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != code:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {status}: {said[-2000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    memory, own = (max((peak[k] for peak in peaks.values()), default=0) / 1e6 for k in (0, 1))
    return {"wall": time.perf_counter() - started, "cpu": cpu, "memory": memory, "own": own}


def _watch(pid: int, peaks: dict[int, tuple[int, int]]) -> None:
    """Keep the most resident and own memory of a process and its descendants [kB], as long as it lives."""
    while Path(f"/proc/{pid}/status").exists():
        for one in [pid, *_descendants(pid)]:
            try:
                lines = Path(f"/proc/{one}/status").read_text().splitlines()
            except OSError:
                continue
            found = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
            seen = (found.get("VmHWM", 0), found.get("RssAnon", 0))  # the first is the system's own peak
            peaks[one] = tuple(map(max, seen, peaks.get(one, (0, 0))))  # type: ignore[assignment]
        time.sleep(PAUSE)


def _descendants(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [one for child in children for one in (child, *_descendants(child))]


def measure_sizes(folder: Path, sizes: Sequence[int]) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Train, evaluate, compress and decompress; give each size when it is done."""
    for n in sizes:
        data = folder / f"{n}.parquet"
        measure([*PYTHON, "benchmarks.scale", "--write", data, str(n), "1"])
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


def fit_line(sizes: dict[str, dict[str, dict[str, float]]], step: str) -> tuple[float, float]:
    """Fit CPU seconds = a + b jets by least squares of relative errors."""
    import numpy as np

    n = np.array([float(size) for size in sizes])
    t = np.array([sizes[size][step]["cpu"] for size in sizes])
    if len(n) < 2:
        return 0.0, float(t[0] / n[0])
    (a, b), *_ = np.linalg.lstsq(np.stack([1 / t, n / t], axis=1), np.ones(len(n)), rcond=None)
    return max(float(a), 0.0), float(b)


def run_cluster(folder: Path) -> dict[str, Any]:
    """Compress many files on a cluster of processes of which some are killed, and compare with one process."""
    source, out, alone = folder / "many", folder / "out", folder / "alone"
    source.mkdir()
    for k in range(N_FILES):
        write_jets(source / f"{k:03}.parquet", 2000, k)
    measure([*PYTHON, "atlas_keras.compress", source, alone, "--jobs", "1"])
    first = _Cluster(folder / "first")
    command = [*PYTHON, "atlas_keras.compress", str(source), str(out), "--scheduler", first.address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _wait(lambda: _n_done(out) >= N_FILES // 8, process)
    for worker in first.workers[:2]:
        worker.send_signal(signal.SIGKILL)
    _wait(lambda: _n_done(out) >= N_FILES // 2, process)
    first.scheduler.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    killed = {"code": process.returncode, "said": said.strip().splitlines()[-1], "done": _n_done(out)}
    second = _Cluster(folder / "second")
    again = subprocess.run([*command[:-1], second.address], capture_output=True, text=True)
    first.close()
    second.close()
    same = all((out / path.name).read_bytes() == path.read_bytes() for path in alone.glob("*.akc"))
    left = sorted(path.name for path in out.iterdir() if path.suffix not in (".akc", ".jsonl"))
    return {"files": N_FILES, "first": killed, "second": again.returncode, "same": same, "left": left}


def _n_done(folder: Path) -> int:
    return len(list(folder.glob("*.akc")))


def _wait(reached: Callable[[], bool], process: subprocess.Popen) -> None:
    while not reached():
        if process.poll() is not None:
            raise RuntimeError(f"the command ended too early, with {process.returncode}")
        time.sleep(PAUSE)


class _Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        file, quiet = folder / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        dask = [*PYTHON, "dask"]
        about = ["--scheduler-file", str(file)]
        self.scheduler = subprocess.Popen([*dask, "scheduler", "--port", "0", "--no-dashboard", *about], **quiet)
        while not file.exists() or not file.read_text().strip():
            time.sleep(PAUSE)
        self.address = json.loads(file.read_text())["address"]
        worker = [*dask, "worker", *about, "--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        self.workers = [subprocess.Popen([*worker, "--no-dashboard"], **quiet) for _ in range(N_WORKERS)]

    def close(self) -> None:
        """End all processes."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def run_overhead(folder: Path, n_jets: int) -> dict[str, float]:
    """Compress sixteen files in a loop, and on clusters of one and two workers: seconds."""
    source = folder / "some"
    source.mkdir()
    for k in range(16):
        measure([*PYTHON, "benchmarks.scale", "--write", source / f"{k}.parquet", str(n_jets), str(k)])
    found = {}
    for scheduler in ("loop", "local:1", "local:2"):
        command = [*PYTHON, "atlas_keras.compress", source, folder / f"o-{scheduler}", "--scheduler", scheduler]
        found[scheduler] = measure([*command, "--jobs", "1"])["wall"]
    return found


def run_quality(folder: Path, n_jets: int, n_sample: int) -> dict[str, Any]:
    """Train on many jets and on few of them, and evaluate both on others: figures, time and memory."""
    found: dict[str, Any] = {}
    measure([*PYTHON, "benchmarks.scale", "--write", folder / "test.parquet", "200000", "99"])
    for n in (n_sample, n_jets):
        data, run = folder / f"q{n}.parquet", folder / f"q{n}"
        measure([*PYTHON, "benchmarks.scale", "--write", data, str(n), "1"])
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
        parts += [
            f"## A cluster that breaks\n\n{cluster['files']} files, `dask scheduler` and {N_WORKERS} `dask worker`s as "
            "processes. Two workers are killed (SIGKILL) when an eighth of the files is done, the scheduler when half "
            f"is. The command ends then with exit code {cluster['first']['code']} and says: "
            f"`{cluster['first']['said']}`. The same command on a new cluster ends with {cluster['second']}; every "
            f"file is byte for byte what one process makes: {'yes' if cluster['same'] else 'NO'}; left half-written: "
            f"{', '.join(cluster['left']) or 'nothing'}.",
        ]
    if overhead := found.get("overhead"):
        loop, one, two = (overhead[name] for name in ("loop", "local:1", "local:2"))
        parts += [
            f"## Overhead\n\nSixteen files, whole commands with the start of the cluster: a loop {loop:.1f} s, one "
            f"worker {one:.1f} s ({100 * (one / loop - 1):+.0f} %), two workers {two:.1f} s ({one / two:.2f} times "
            "as fast as one).",
        ]
    if quality := found.get("quality"):
        rows = [
            (f"{int(n):,}", q["mse"], q["E"], q["mass"], q["cpu"], f"{q['memory']:.2f}") for n, q in quality.items()
        ]
        head = ("jets", "MSE, published formula", "mean error of E", "median error of the mass", "CPU [s]", "GB")
        parts += [
            f"## All jets or some of them\n\n{EPOCHS} epochs each, evaluated on 200,000 other jets.",
            table(head, rows),
        ]
    return "\n\n".join(parts)


def _memory(measured: dict[str, float]) -> tuple[str, str]:
    """Return a process's own memory, and that with mapped files."""
    own = f"{measured['own']:.2f}" if "own" in measured else "-"
    return own, f"{measured['memory']:.2f}"


def _hours(step: str, a: float, b: float, n: float, cores: int) -> str:
    if step == "train":
        return f"{(a + b * n) / 3600:.3g}" if cores == 1 else "-"
    busy = min(cores, n / FILE_JETS)
    return f"{(a + b * n / busy) / 3600:.3g}"


def draw(sizes: dict[str, dict[str, dict[str, float]]]) -> None:
    """Draw time and memory against jets."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    n = [float(size) for size in sizes]
    for step in STEPS:
        axes[0].loglog(n, [sizes[size][step]["wall"] for size in sizes], "o-", label=step)
        own = [sizes[size][step].get("own", sizes[size][step]["memory"]) for size in sizes]
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
    parser.add_argument("--overhead-jets", type=float, default=1e6, help="of each of sixteen files (default: 1e6)")
    parser.add_argument("--quality-jets", nargs=2, type=float, default=[1e6, 3e7], help="few and many (1e6 3e7)")
    parser.add_argument("--scratch", type=Path, help="folder for the data (default: that for temporary files)")
    parser.add_argument("--write", nargs=3, metavar=("PATH", "JETS", "SEED"), help="write a file, and nothing else")
    args = parser.parse_args()
    if args.write:
        write_jets(Path(args.write[0]), int(args.write[1]), int(args.write[2]))
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
            found["cluster"] = run_cluster(folder)
            _keep(found)
        if "overhead" in args.parts:
            found["overhead"] = run_overhead(folder, int(args.overhead_jets))
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
