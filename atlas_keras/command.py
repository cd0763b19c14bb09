"""What all commands share: parse, run, and tell an error in one sentence on stderr with the right exit code."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_keras.backends import require_tensorflow
from atlas_keras.errors import AtlasKerasError, ConfigError, RunError, reason_of
from atlas_keras.schema import Collection
from atlas_keras.suggestions import few
from atlas_keras.system import begin_command, silence

if TYPE_CHECKING:
    from atlas_keras.distributed.manifest import Record

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def run_command(
    name: str,
    description: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None = None,
    interrupted: str = "interrupted",
    program: str | None = None,
) -> int:
    """Parse and run one command.

    Args:
        name, description: of the command.
        add_arguments, run: of its module.
        argv: without the program's name; None means those of this process.
        interrupted: what to say after Ctrl-C.
        program: how the command is called, where that is not `atlas-keras NAME`.

    Returns:
        0 done, 1 bad data or a failed run, 2 bad usage, 130 interrupted.
    """
    if argv is None:
        begin_command()
    program = program or f"atlas-keras {name}"
    parser = argparse.ArgumentParser(prog=program, description=description)
    add_arguments(parser)
    args = parser.parse_args(argv)
    _configure_logging()
    try:
        code = run(args)
        sys.stdout.flush()  # now, while a closed pipe can still be told from other faults
        return code
    except BrokenPipeError:  # of `| head`, which has read what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "atlas_keras"):
            raise
        print(f"{program}: {_not_installed(error)}", file=sys.stderr)
        return FAILED
    except AtlasKerasError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return USAGE if isinstance(error, ConfigError) else FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"{program}: {where}{error.strerror or error}", file=sys.stderr)
        return FAILED
    except MemoryError as error:
        print(f"{program}: more memory is asked for than there is ({error})", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"{program}: {interrupted}", file=sys.stderr)
        return INTERRUPTED


def add_any_size(parser: argparse._ActionsContainer) -> None:
    """Add the option that lifts the limits of `atlas_keras.data.limits`."""
    parser.add_argument(
        "--any-size",
        action="store_true",
        help="read a file whatever it unfolds to (default: refuse one that takes more than 256 MiB in memory and "
        "more than 1000 times its size, and an event of more than ten million jets)",
    )


def split_names(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of an option that takes several, each with commas between names."""
    return tuple(name for text in texts or () for name in text.split(",") if name)


def tell_left_out(what: str, names: Sequence[str]) -> None:
    """Tell on stderr, in a line, what is not in a file that was written."""
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        print(f"left out {what}: {', '.join(names[:5])}{more}", file=sys.stderr)


def add_scheduler(parser: argparse._ActionsContainer) -> None:
    """Add the option that says where many files are worked on, see `atlas_keras.distributed.scheduling.workers`."""
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        default="loop",
        help="Dask cluster that works on many files: its address, or local or local:N for N processes on this machine "
        "(default: loop, one file after the other in this process)",
    )


def add_conversion(parser: argparse.ArgumentParser, workers: str) -> None:
    """Add the options of the commands that write files from files.

    Args:
        parser: of the command.
        workers: what `--jobs` counts.
    """
    parser.add_argument(
        "--jobs", type=int, metavar="N", help=f"{workers} of a file (default: one a core, on a cluster one)"
    )
    add_scheduler(parser)
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def check_conversion(args: argparse.Namespace, done: str) -> None:
    """Refuse a number of jobs that cannot be, and paths without a target.

    Args:
        args: of the command.
        done: what it does to a file, such as `compressed`.

    Raises:
        ConfigError: says what is wrong.
    """
    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"--jobs is at least 1. Received: {args.jobs}")
    if len(args.paths) < 2:
        raise ConfigError(f"name what is {done}, and what is written: IN OUT")


def report_files(records: Sequence[Record], folder: Path) -> int:
    """Print what became of many files, and on stderr which of them failed.

    Returns:
        The exit code: 1 where one failed.
    """
    done = [record for record in records if record.state == "done"]
    for record in records:
        if record.state == "failed":
            print(f"failed: {record.error}", file=sys.stderr)
        elif record.left_out:
            print(f"{record.input}: left out {few(record.left_out)}", file=sys.stderr)
    rows, read, written = (sum(getattr(one, name) for one in done) for name in ("rows", "bytes", "output_bytes"))
    ratio = f", {written / read:.3f} of the input" if read else ""
    print(f"{folder}: {len(done):,} of {len(records):,} files, {rows:,} rows, {written:,} bytes{ratio}")
    return 0 if len(done) == len(records) else FAILED


def _configure_logging() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("atlas_keras").setLevel(logging.INFO)


def limit_memory(gigabytes: float) -> None:
    """Let this process, and those that it starts, take so much more memory and no more, where the system can do that.

    A hostile file can claim, in a few bytes, columns that fill any memory.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = Path("/proc/self/statm")
    used = int(pages.read_text().split()[0]) * resource.getpagesize() if pages.exists() else 0
    limit = used + int(gigabytes * 2**30)
    if (soft == resource.RLIM_INFINITY or limit < soft) and (hard == resource.RLIM_INFINITY or limit < hard):
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def mean_errors(test: Mapping[str, Mapping[str, Any]], collection: Collection) -> str:
    """Format the mean errors of all columns, of masses the median: `E 0.003, pt 4e-06, mass 0.02 (median)`.

    A relative error of a mass near zero has no bound, so that its mean says little.

    Args:
        test: figures of a test split by the name of the column.
        collection: what the columns are.
    """
    parts = []
    for column in collection:
        usual, note = ("median_abs", " (median)") if column.quantity == "mass" else ("mean_abs", "")
        value = test[column.name][usual]
        parts.append(f"{column.name} {'-' if value is None else format(value, '.2g')}{note}")
    return ", ".join(parts)


def error_units(collection: Collection) -> str:
    """Say which errors are relative, and which have a unit: `E, pt relative; phi in rad`."""
    relative = [column.name for column in collection if column.is_relative]
    angles = [column.name for column in collection if column.periodic]
    parts = [(relative, "relative"), (angles, "in rad")]
    return "; ".join(f"{', '.join(names)} {how}" for names, how in parts if names) or "absolute"


def import_tensorflow() -> None:
    """Import TensorFlow without the notes about CPUs and GPUs that it writes straight to the file descriptor.

    Raises:
        RunError: an install for edges, without TensorFlow, or Keras on another backend. Any other failing import raises
            as it is.
    """
    try:
        with silence():
            importlib.import_module("keras")  # on its own backend alone
            require_tensorflow("this command")
            importlib.import_module("tensorflow")
    except ModuleNotFoundError as error:
        raise RunError(_not_installed(error)) from error
    except ValueError as error:  # of Keras, for a backend that it does not know
        raise RunError(f"Keras does not start: {reason_of(error)}") from error


def _not_installed(error: ModuleNotFoundError) -> str:
    return (
        f"{error.name} is not installed: this install runs exported encoders and decoders only; "
        f"`pip install .` in a checkout brings the rest"
    )
