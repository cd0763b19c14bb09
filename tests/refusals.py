"""What commands say where they fail: one sentence on stderr, and the right exit code."""

import re


def refused(main, arguments, capture, code=1):
    """Run a command that has to fail with an exit code; return the one line that it says on stderr.

    Args:
        main: of the command.
        arguments: of the command line.
        capture: `capsys` or `capfd`.
        code: the exit code.
    """
    assert main([str(argument) for argument in arguments]) == code
    said = capture.readouterr().err
    assert said.count("\n") == 1
    assert re.match(r"(atlas-keras [\w-]+|python -m [\w.]+): ", said)
    return said
