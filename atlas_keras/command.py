"""What all commands share: parse, run, and tell an error in one sentence on stderr with the right exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from atlas_keras.errors import AtlasKerasError, ConfigError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def run_command(
    name: str,
    description: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
    program: str | None = None,
) -> int:
    """Parse and run one command.

    Args:
        name: of the command, as `atlas-keras` knows it.
        description: first lines of its help.
        add_arguments, run: of the command's module.
        argv: by default those of the process.
        program: how the command is called, where that is not `atlas-keras NAME`.

    Returns:
        0 done, 1 bad data or a failed run, 2 bad usage, 130 interrupted.
    """
    program = program or f"atlas-keras {name}"
    parser = argparse.ArgumentParser(prog=program, description=description)
    add_arguments(parser)
    args = parser.parse_args(argv)
    _configure_logging()
    try:
        return run(args)
    except ConfigError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return USAGE
    except AtlasKerasError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{program}: {where}{error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{program}: interrupted; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED


def _configure_logging() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("atlas_keras").setLevel(logging.INFO)


def import_tensorflow() -> None:
    """Import TensorFlow without the notes about CPUs and GPUs that it writes straight to the file descriptor.

    A failing import still raises; TF_CPP_MIN_LOG_LEVEL below 3 shows the notes.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "3":
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
            importlib.import_module("keras")
        finally:
            os.dup2(kept, 2)
            os.close(kept)
