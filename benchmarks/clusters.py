"""Many files on a Dask cluster: one whose workers and scheduler are killed, and what Dask costs beside a plain loop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.many_jets import write_jets
from benchmarks.processes import PAUSE, PYTHON, measure
from benchmarks.results import table

N_FILES, N_WORKERS = 200, 4
HOST = "10.123.0.1"  # of the scheduler, in a network that ends with its processes
NETWORKS = f"""
ip link set lo up; ip link add cluster type bridge; ip addr add {HOST}/24 dev cluster; ip link set cluster up
mkdir -p /run/netns; mount -t tmpfs tmpfs /run/netns
for k in $(seq {N_WORKERS}); do
    ip netns add worker$k; ip link add port$k type veth peer name eth0 netns worker$k
    ip link set port$k master cluster up
    ip -n worker$k addr add {HOST.rpartition(".")[0]}.$((k + 1))/24 dev eth0
    ip -n worker$k link set eth0 up; ip -n worker$k link set lo up
done
"""
TRIES = 3
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # of Arrow and others
WAYS = {  # the scheduler, and whether each half of the files has a command of its own, at the same time
    "a loop": ("loop", False),
    "one worker": ("local:1", False),
    "two workers": ("local:2", False),
    "two loops at once": ("loop", True),
}


def cluster_in_networks(folder: Path) -> dict[str, Any]:
    """Run `run_cluster` with a network for each worker where the machine allows that: else all have this one."""
    own = ["unshare", "--net", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*own, "bash", "-ec", NETWORKS], capture_output=True).returncode:
        return run_cluster(folder, [])
    done = subprocess.run([*own, *PYTHON, "benchmarks.scale", "--cluster", folder], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_in_networks(folder: Path) -> dict[str, Any]:
    """Make the networks, which end with this process and its own, and run `run_cluster` in them."""
    subprocess.run(["bash", "-ec", NETWORKS], check=True)
    return run_cluster(folder, [f"worker{k + 1}" for k in range(N_WORKERS)])


def run_cluster(folder: Path, networks: Sequence[str]) -> dict[str, Any]:
    """Compress many files on a cluster of processes of which some are killed, and compare with one process.

    Args:
        folder: for the files.
        networks: names of the network namespaces of the workers; none for this one.
    """
    source, out, alone = folder / "many", folder / "out", folder / "alone"
    source.mkdir()
    for k in range(N_FILES):
        write_jets(source / f"{k:03}.parquet", 2000, k)
    measure([*PYTHON, "atlas_keras.compress", source, alone, "--jobs", "1"])
    first = _Cluster(folder / "first", networks)
    command = [*PYTHON, "atlas_keras.compress", str(source), str(out), "--scheduler", first.address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    _wait(lambda: _n_done(out) >= N_FILES // 8, process)
    for worker in first.workers[:2]:
        worker.send_signal(signal.SIGKILL)
    _wait(lambda: _n_done(out) >= N_FILES // 2, process)
    first.scheduler.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    killed = {"code": process.returncode, "said": said.strip().splitlines()[-1], "done": _n_done(out)}
    second = _Cluster(folder / "second", networks)
    again = subprocess.run([*command[:-1], second.address], capture_output=True, text=True)
    first.close()
    second.close()
    same = all((out / path.name).read_bytes() == path.read_bytes() for path in alone.glob("*.akc"))
    left = sorted(path.name for path in out.iterdir() if path.suffix not in (".akc", ".jsonl"))
    about = {"files": N_FILES, "networks": len(networks)}
    return {**about, "first": killed, "second": again.returncode, "same": same, "left": left}


def _n_done(folder: Path) -> int:
    return len(list(folder.glob("*.akc")))


def _wait(reached: Callable[[], bool], process: subprocess.Popen) -> None:
    while not reached():
        if process.poll() is not None:
            raise RuntimeError(f"the command ended too early, with {process.returncode}")
        time.sleep(PAUSE)


class _Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, networks: Sequence[str]) -> None:
        folder.mkdir()
        file, quiet = folder / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        dask = [*PYTHON, "dask"]
        about = ["--scheduler-file", str(file)]
        where = ["--host", HOST] if networks else []
        scheduler = [*dask, "scheduler", "--port", "0", "--no-dashboard", *where, *about]
        self.scheduler = subprocess.Popen(scheduler, **quiet)
        while not file.exists() or not file.read_text().strip():
            time.sleep(PAUSE)
        self.address = json.loads(file.read_text())["address"]
        worker = [*dask, "worker", *about, "--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        worker.append("--no-dashboard")
        inside = [["ip", "netns", "exec", name, *worker, "--interface", "eth0"] for name in networks]
        self.workers = [subprocess.Popen(command, **quiet) for command in inside or [worker] * N_WORKERS]

    def close(self) -> None:
        """End all processes."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


def run_overhead(folder: Path, n_jets: int, n_files: Sequence[int]) -> dict[str, Any]:
    """Compress few and many files in a loop, on clusters of one and two workers, and in two loops at once.

    What more files take is what the work takes, without the start of commands and clusters. All processes have one
    thread, so that a loop and a worker have as much of the machine; two loops show what two processes can do on it.

    Returns:
        Wall times of the commands by how they work, for each number of files: the shortest of some tries.
    """
    first = folder / "first.parquet"
    measure([*PYTHON, "benchmarks.many_jets", first, str(n_jets), "1"])
    found: dict[str, Any] = {"jets": n_jets, "files": list(n_files)}
    for n in n_files:
        for k in range(n):
            source = folder / f"{n}" / f"{k % 2}" / f"{k:03}.parquet"
            source.parent.mkdir(parents=True, exist_ok=True)
            source.hardlink_to(first)
    for name, (scheduler, at_once) in WAYS.items():
        found[name] = [_shortest(folder, folder / f"{n}", scheduler, at_once) for n in n_files]
    return found


def _shortest(folder: Path, source: Path, scheduler: str, at_once: bool) -> float:
    """Compress the files of two folders, in one command or in one each at the same time; return seconds."""
    out, found = folder / "out", []
    halves = sorted(source.iterdir())
    for _ in range(TRIES):
        started = time.perf_counter()
        commands = [[half] for half in halves] if at_once else [halves]
        command = [*PYTHON, "atlas_keras.compress", "--jobs", "1", "--scheduler", scheduler]
        running = [
            subprocess.Popen([*map(str, [*command, *some, out / f"{k}"])], stdout=subprocess.DEVNULL, env=ONE_THREAD)
            for k, some in enumerate(commands)
        ]
        if any([process.wait() for process in running]):
            raise RuntimeError(f"a command with --scheduler {scheduler} failed")
        found.append(time.perf_counter() - started)
        shutil.rmtree(out)
    return min(found)


def cluster_text(found: dict[str, Any]) -> str:
    """Say what became of the cluster that breaks."""
    where = ", each worker in a network namespace of its own" if found.get("networks") else ""
    first, second, left = found["first"], found["second"], ", ".join(found["left"])
    return (
        f"{found['files']} files, `dask scheduler` and {N_WORKERS} `dask worker`s as processes{where}. Two workers are "
        "killed (SIGKILL) when an eighth of the files is done, the scheduler when half is. The command ends then with "
        f"exit code {first['code']} and says: `{first['said']}`. The same command on a new cluster ends with {second}; "
        f"every file is byte for byte what one process makes: {'yes' if found['same'] else 'NO'}; left half-written: "
        f"{left or 'nothing'}."
    )


def overhead_text(found: dict[str, Any]) -> str:
    """Say what Dask costs: of further files, and of whole commands with their start."""
    few, many = found["files"]
    each = {name: (found[name][1] - found[name][0]) / (many - few) for name in WAYS}
    rows = [
        (name, f"{each[name]:.2f}", f"{found[name][0] - few * each[name]:.1f}", *(f"{t:.1f}" for t in found[name]))
        for name in WAYS
    ]
    head = ("how", "s a further file", "start [s]", f"{few} files [s]", f"{many} files [s]")
    text = (
        f"Files of {found['jets']:,} jets are compressed by processes of one thread; wall times of whole commands, the "
        f"shortest of {TRIES}. What {many - few} further files take is the work, the rest is the start of commands, "
        "compilers and clusters."
    )
    whole = {name: found[name][1] for name in WAYS}
    said = [
        _compared(what, times) for what, times in (("A further file", each), (f"With the start, {many} files", whole))
    ]
    return "\n\n".join((text, table(head, rows), *said))


def _compared(what: str, seconds: dict[str, float]) -> str:
    loop, one, two, loops = (seconds[name] for name in WAYS)
    return (
        f"{what}: one worker takes {one / loop:.2f} times as long as a loop; two workers are {one / two:.2f} times as "
        f"fast as one, two loops at once {loop / loops:.2f} times as fast as one."
    )
