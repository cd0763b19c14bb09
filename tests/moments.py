"""Commands that end themselves by SIGKILL at a moment that is named: no test has to meet it by its clock.

The moment is before or after the n-th call of a function, wherever the machine's speed puts that.
"""

import signal
import subprocess
import sys
import tempfile

HANG = 1800  # seconds: no limit of speed, the end of a process that waits for ever

PROGRAM = """
import functools, importlib, os, signal, sys

setup, command, when, number, function, *arguments = sys.argv[1:]
exec(setup)
module, _, name = function.partition(":")
*path, name = name.split(".")
owner = functools.reduce(getattr, path, importlib.import_module(module))
original, calls = getattr(owner, name), 0

def counted(*args, **kwargs):
    global calls
    calls += 1
    call = str(calls)
    if (when, number) == ("before", call):
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*args, **kwargs)
    if (when, number) == ("after", call):
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, functools.wraps(original)(counted))
sys.exit(importlib.import_module(command).main(arguments))
"""


def begin_killed(command, arguments, moment, setup="", **options):
    """Begin a command that will kill itself, as the leader of a session.

    Args:
        command: module that has a `main`.
        arguments: of the command.
        moment: such as `"before 3 package.module:Class.method"`.
        setup: Python that runs first.
        options: of Popen.
    """
    parts = [sys.executable, "-c", PROGRAM, setup, command, *moment.split(), *map(str, arguments)]
    return subprocess.Popen(parts, start_new_session=True, **options)


def run_killed(command, arguments, moment, setup=""):
    """Run a command until it has killed itself; fail with what it said where it ended in another way.

    Its output goes to a file and no pipe: processes that it started may outlive it.
    """
    with tempfile.TemporaryFile("w+") as said:
        process = begin_killed(command, arguments, moment, setup, stdout=said, stderr=said)
        process.wait(timeout=HANG)
        said.seek(0)
        assert process.returncode == -signal.SIGKILL, (moment, said.read())
    return process
