"""What all commands share: parse, run, and tell an error in one sentence on stderr with the right exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence

from atlas_keras.errors import AtlasKerasError, ConfigError, RunError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def run_command(
    name: str,
    description: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
) -> int:
    """Parse and run one command.

    Returns:
        0 done, 1 bad data or a failed run, 2 bad usage, 130 interrupted.
    """
    parser = argparse.ArgumentParser(prog=f"atlas-keras {name}", description=description)
    add_arguments(parser)
    args = parser.parse_args(argv)
    _configure_logging()
    try:
        return run(args)
    except ConfigError as error:
        print(f"atlas-keras {name}: {error}", file=sys.stderr)
        return USAGE
    except AtlasKerasError as error:
        print(f"atlas-keras {name}: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"atlas-keras {name}: {where}{error.strerror or error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"atlas-keras {name}: interrupted; the same command goes on where it was", file=sys.stderr)
        return INTERRUPTED


def _configure_logging() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("atlas_keras").setLevel(logging.INFO)


def import_tensorflow() -> None:
    """Import TensorFlow without the notes about CPUs and GPUs that it writes straight to the file descriptor.

    Raises:
        RunError: an install for edges, without TensorFlow. Any other failing import raises as it is.
    """
    try:
        with silence():
            importlib.import_module("tensorflow")
            importlib.import_module("keras")
    except ModuleNotFoundError as error:
        raise RunError(
            f"{error.name} is not installed: this install runs exported encoders and decoders only; "
            f"pip install atlas_keras brings the rest"
        ) from error


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
