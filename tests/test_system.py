"""What the package asks of the operating system, and what it does on one that lacks it."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_keras import system
from atlas_keras.errors import RunError
from atlas_keras.output import whole_file
from atlas_keras.system import locked, n_cores
from atlas_keras.training.run_folder import run_folder
from atlas_keras.versions import Machine
from tests.light import STARTS, hold
from tests.moments import HANG
from tuning.search_folder import search_folder

ROOT = Path(__file__).parents[1]
ELSEWHERE = """
import os, sys
for name in ("fcntl", "resource"):
    sys.modules[name] = None
for name in ("sched_getaffinity", "fchmod"):
    if hasattr(os, name):
        delattr(os, name)
import atlas_keras.codec.files, atlas_keras.command, atlas_keras.output, atlas_keras.serving.manifest
import atlas_keras.training.run_folder, tuning.search_folder
atlas_keras.command.limit_memory(1)
"""


def test_what_a_system_lacks_does_not_keep_the_modules_from_importing():
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}  # which is imported sooner than TensorFlow
    subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, cwd=ROOT, env=environment)


def test_cores_are_those_of_the_process_or_else_of_the_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert n_cores() == Machine.here().cores == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert n_cores() == Machine.here().cores == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert n_cores() == 1


def test_files_have_their_mode_without_fchmod(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "fchmod", raising=False)
    old = os.umask(0o027)
    try:
        with whole_file(tmp_path / "file.txt") as unfinished:
            unfinished.write_text("whole")
    finally:
        os.umask(old)
    assert (tmp_path / "file.txt").stat().st_mode & 0o777 == 0o640


@pytest.fixture
def holder(tmp_path):
    """Return a process that holds a lock, and the event that lets it end."""
    ready, done = STARTS.Event(), STARTS.Event()
    other = STARTS.Process(target=hold, args=(tmp_path / "lock", ready, done))
    other.start()
    assert ready.wait(HANG)
    return other, done


def test_two_processes_do_not_hold_one_lock(holder, tmp_path):
    other, done = holder
    with (
        pytest.raises(RunError, match=r": another process is at work$"),
        locked(tmp_path / "lock", tmp_path, "at work"),
    ):
        pass
    done.set()
    other.join()
    assert other.exitcode == 0
    with locked(tmp_path / "lock", tmp_path, "at work"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_no_lock(holder, tmp_path):
    other, _ = holder
    other.kill()
    other.join()
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]
    with locked(tmp_path / "lock", tmp_path, "at work"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_was_deleted_meanwhile_is_none(monkeypatch, tmp_path):
    """Between our opening of the file and our lock, its holder deletes it and another process makes a new one."""
    lock, real, others = tmp_path / "lock", system._lock, contextlib.ExitStack()

    def overtaken(descriptor):
        monkeypatch.setattr(system, "_lock", real)
        lock.unlink()
        others.enter_context(locked(lock, tmp_path, "at work"))
        return real(descriptor)

    monkeypatch.setattr(system, "_lock", overtaken)
    with pytest.raises(RunError, match="another process is at work"), locked(lock, tmp_path, "at work"):
        pass
    others.close()
    assert list(tmp_path.iterdir()) == []


def refuse(*_):
    raise OSError(37, "No locks available")


@pytest.fixture(params=["system", "file system"])
def without_locks(request, monkeypatch):
    """Take the locks away: from the system, as on Windows, or from the file system."""
    if request.param == "system":
        monkeypatch.setattr(system, "fcntl", None)
    else:
        monkeypatch.setattr(system.fcntl, "flock", refuse)


def test_without_locks_the_file_itself_is_one(without_locks, tmp_path):
    lock = tmp_path / "lock"
    with locked(lock, tmp_path, "at work"):
        message = rf"another process is at work; if none is, delete {lock}, which a killed one left$"
        with pytest.raises(RunError, match=message), locked(lock, tmp_path, "at work"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_without_locks_everything_is_written_all_the_same(without_locks, tmp_path):
    with whole_file(tmp_path / "file") as unfinished:
        unfinished.write_text("whole")
    with run_folder(tmp_path / "run", {}, force=False) as unfinished:
        with pytest.raises(RunError, match="another process is training into this folder; if none is, delete"):
            run_folder(tmp_path / "run", {}, force=False).__enter__()
        (unfinished / "config.json").write_text("{}")
    with search_folder(tmp_path / "search", {}, force=False, share=False):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "run", "search"]
