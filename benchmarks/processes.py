"""Run commands as processes, and measure their time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

PYTHON = [sys.executable, "-m"]
PAUSE = 0.05  # seconds between two looks at a process


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
