"""What light processes do: they begin anew, and import this module alone, without pytest, NumPy or TensorFlow."""

import multiprocessing

from atlas_keras.output import whole_file, whole_folder
from atlas_keras.system import locked
from tests.moments import end_at

STARTS = multiprocessing.get_context("spawn")
FOLDER = ("config.json", "run")  # its marker, its kind


def write_file(path, text, force=False):
    with whole_file(path, force=force) as unfinished:
        unfinished.write_text(text)


def write_folder(path, text, force=False):
    with whole_folder(path, *FOLDER, force=force) as unfinished:
        (unfinished / "config.json").write_text(text)


def write_killed(write, path, text, moment):
    end_at(*moment.split())
    write(path, text, force=True)


def hold(path, ready, done):
    """Hold a lock, tell so by an event, and wait for another one."""
    with locked(path, path.parent, "at work"):
        ready.set()
        done.wait()
