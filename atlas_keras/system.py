"""What differs between operating systems: cores, processor, the lock that keeps two processes out of one folder."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from atlas_keras.errors import RunError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def n_cores() -> int:
    """Tell how many cores this process may use; how many there are where the system does not say that."""
    affinity = getattr(os, "sched_getaffinity", None)  # of Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def processor() -> str:
    """Name the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if "model name" in line:
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def locked(path: Path, purpose: str) -> Iterator[None]:
    """Hold the lock of a folder while the block runs; the system lets go of it when the process ends, however it does.

    Args:
        path: the file that is locked, made where there is none; another process that is killed leaves it, unlocked.
        purpose: what the process does there, for the message.

    Raises:
        RunError: another process holds the lock, or the system or the file system has no such locks.
    """
    if fcntl is None:
        raise RunError(f"{path.parent}: {purpose} needs the file locks of Linux and macOS; on Windows, use WSL")
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunError(f"{path.parent}: another process is {purpose} into this folder") from error
        except OSError as error:
            raise RunError(f"{path.parent}: cannot be locked ({error.strerror}); choose a folder on a disk") from error
        yield
