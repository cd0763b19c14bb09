"""What differs between operating systems and processes: cores, processor, locks between processes, what runs."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from atlas_keras.errors import BusyError, RunError

try:
    import fcntl
    import resource
except ImportError:  # Windows
    fcntl = resource = None  # type: ignore[assignment]


_commands: list[str] = []


def begin_command() -> None:
    """Note that this process belongs to a command: nobody's program goes on in it."""
    _commands.append(sys.argv[0])


def is_command() -> bool:
    """Tell whether this process belongs to a command."""
    return bool(_commands)


def n_cores() -> int:
    """Tell how many cores this process may use; how many there are where the system does not say that."""
    affinity = getattr(os, "sched_getaffinity", None)  # of Linux
    return len(affinity(0)) if affinity else os.cpu_count() or 1


_given: ContextVar[int | None] = ContextVar("given", default=None)  # by using_threads


@contextlib.contextmanager
def using_threads(n: int | None) -> Iterator[None]:
    """Let work that this thread does in the block use so many threads; None leaves it what it is."""
    before = _given.set(_given.get() if n is None else n)
    try:
        yield
    finally:
        _given.reset(before)


def n_threads() -> int:
    """Tell how many threads, or processes, one piece of work may use here: one a core, where nothing else is said.

    In a task of a Dask worker it is one: the worker does as many tasks at once as it has threads.
    """
    given = _given.get()
    if given is not None:
        return given
    get_worker = getattr(sys.modules.get("distributed"), "get_worker", None)
    if get_worker is not None:
        with contextlib.suppress(ValueError):  # of threads that do no task
            get_worker()
            return 1
    return n_cores()


def processor() -> str:
    """Name the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if "model name" in line:
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def locked(lock: Path, name: Path, purpose: str) -> Iterator[None]:
    """Hold a lock while the block runs; the system lets go of it when the process ends, however it does.

    Where the system or the file system has no locks (Windows, some network disks), that the file is there is the lock,
    and a process that is killed leaves it.

    Args:
        lock: the file that is locked. It is deleted in the end; a process that is killed leaves it, unlocked.
        name: what the lock is for, for messages.
        purpose: what the holder of the lock does, for messages.

    Raises:
        BusyError: another process holds the lock.
        RunError: it seems so, where the system has no locks.
    """
    descriptor = _take(lock, name, purpose)
    try:
        yield
    finally:
        if fcntl is None:  # Windows deletes no open file
            os.close(descriptor)
            lock.unlink(missing_ok=True)
        else:  # once it is let go, it may be the lock of another process
            lock.unlink(missing_ok=True)
            os.close(descriptor)


def _take(lock: Path, name: Path, purpose: str) -> int:
    """Lock a file, made where there is none: its descriptor."""
    while True:
        descriptor, is_new = _open(lock)
        try:
            has_locks = _lock(descriptor)
        except BlockingIOError as error:
            os.close(descriptor)
            raise BusyError(f"{name}: another process is {purpose}") from error
        if _is_at(descriptor, lock) if has_locks else is_new:
            return descriptor
        os.close(descriptor)
        if not has_locks:
            raise RunError(f"{name}: another process is {purpose}; if none is, delete {lock}, which a killed one left")


def _open(lock: Path) -> tuple[int, bool]:
    """Open the file of a lock; tell whether it is new."""
    while True:
        with contextlib.suppress(FileExistsError):
            return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
        with contextlib.suppress(FileNotFoundError):  # its holder has just deleted it
            return os.open(lock, os.O_RDWR), False


def _lock(descriptor: int) -> bool:
    """Lock an open file; tell whether this system and this file system can.

    Raises:
        BlockingIOError: another process holds the lock.
    """
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file still has its name: the last holder of a lock may have deleted it meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def peak_memory() -> int:
    """Tell the most memory that this process has had so far [bytes]; 0 where the system does not say that."""
    status = Path("/proc/self/status")
    if status.exists():  # of Linux, whose getrusage counts what the parent had before
        lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return 1024 * int(lines[0].split()[1]) if lines else 0
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep what native libraries write to stderr from the user; TF_CPP_MIN_LOG_LEVEL below 3 shows it."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "3":
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
