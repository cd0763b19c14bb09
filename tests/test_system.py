"""What the package asks of the operating system, and what it does on one that lacks it."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from atlas_keras import system
from atlas_keras.errors import RunError
from atlas_keras.output import whole_file
from atlas_keras.serving.manifest import machine
from atlas_keras.system import locked, n_cores
from atlas_keras.training.folder import run_folder
from tests.moments import HANG
from tuning.folder import search_folder

ROOT = Path(__file__).parents[1]
ELSEWHERE = """
import os, sys
for name in ("fcntl", "resource"):
    sys.modules[name] = None
for name in ("sched_getaffinity", "fchmod"):
    if hasattr(os, name):
        delattr(os, name)
import atlas_keras.codec.files, atlas_keras.command, atlas_keras.output, atlas_keras.serving.manifest
import atlas_keras.training.folder, tuning.folder
atlas_keras.command.limit_memory(1)
"""


def hold(path, ready, done):
    with locked(path, "training"):
        ready.set()
        done.wait()


def test_what_a_system_lacks_does_not_keep_the_modules_from_importing():
    subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, cwd=ROOT)


def test_cores_are_those_of_the_process_or_else_of_the_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert n_cores() == machine()["cores"] == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    assert n_cores() == machine()["cores"] == 12
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


def test_two_processes_do_not_hold_one_lock(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    ready, done = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(tmp_path / "lock", ready, done))
    other.start()
    assert ready.wait(HANG)
    with (
        pytest.raises(RunError, match="another process is training into this folder"),
        locked(tmp_path / "lock", "training"),
    ):
        pass
    done.set()
    other.join()
    assert other.exitcode == 0
    with locked(tmp_path / "lock", "training"):
        pass


def test_a_file_system_without_locks_is_not_another_process(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(system.fcntl, "flock", refuse)
    with pytest.raises(RunError, match="cannot be locked"), locked(tmp_path / "lock", "training"):
        pass


def test_a_system_without_locks_is_told_in_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(system, "fcntl", None)
    sentence = "needs the file locks of Linux and macOS; on Windows, use WSL"
    with pytest.raises(RunError, match=sentence), run_folder(tmp_path / "run", {}, force=False):
        pass
    with pytest.raises(RunError, match=sentence), search_folder(tmp_path / "search", {}, force=False, share=False):
        pass
