"""Commands that end themselves by SIGKILL at a moment that is named: no test has to meet it by its clock.

The moment is before or after the n-th call of a function, wherever the machine's speed puts that.
"""

import functools
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path

HANG = 1800  # seconds: no limit of speed, the end of a process that waits for ever

# A command is a process of its own, forked from one that has imported what all of them import: an interpreter that
# imports TensorFlow takes longer than a training of the tests. Where no `tests` is found, the others are imported.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.preloaded", "tensorflow", "atlas_keras.training.run"])


def begin(command, arguments, log, moment=None, setup=""):
    """Begin a command as a process of its own, the leader of a session; let it kill itself at a moment, if any.

    Args:
        command: module that has a `main`.
        arguments: of the command.
        log: path of the file that its output goes to. It is no pipe: processes that it started may outlive it.
        moment: such as `"before 3 package.module:Class.method"`.
        setup: Python that runs first.
    """
    process = FORKS.Process(target=_run, args=(command, [*map(str, arguments)], str(log), moment, setup))
    process.start()
    return process


def run_killed(command, arguments, moment, setup=""):
    """Run a command until it has killed itself; fail with what it said where it ended in another way."""
    with tempfile.NamedTemporaryFile() as log:
        process = begin(command, arguments, log.name, moment, setup)
        process.join(timeout=HANG)
        assert process.exitcode == -signal.SIGKILL, (moment, Path(log.name).read_text())
    return process


def _run(command, arguments, log, moment, setup):
    os.setsid()
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(said, stream.fileno())
    exec(setup)
    if moment is not None:
        end_at(*moment.split())
    sys.exit(importlib.import_module(command).main(arguments))


def end_at(when, number, function):
    """Let this process end itself by SIGKILL before or after the n-th call of a function."""
    module, _, name = function.partition(":")
    *path, name = name.split(".")
    owner = functools.reduce(getattr, path, importlib.import_module(module))
    original, calls = getattr(owner, name), 0

    @functools.wraps(original)
    def counted(*args, **kwargs):
        nonlocal calls
        calls += 1
        call = str(calls)
        if (when, number) == ("before", call):
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if (when, number) == ("after", call):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)
