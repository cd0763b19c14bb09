"""`atlas-keras COMMAND`: the commands of this package, each also `python -m atlas_keras.COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import atlas_keras
from atlas_keras.system import begin_command

COMMANDS = {
    "train": "train an autoencoder on jets",
    "evaluate": "see how any jets come back through a run's model",
    "export": "write what other programs load, proved equal to the model",
    "compress": "make small files, from which every value comes back within its bound",
    "decompress": "give a compressed file back",
    "fit-entropy": "fit an entropy model to many files, to compress others with",
    "info": "tell what a file holds",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Hand the arguments to a command's own `main`."""
    if argv is None:
        begin_command()
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and argv[0] in COMMANDS:
        return importlib.import_module(f"atlas_keras.{argv[0].replace('-', '_')}").main(argv[1:])
    commands = "\n".join(f"  {name:<13}{text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="atlas-keras",
        description="Learned compression of particle-physics data: autoencoders of jets, whole files within bounds.",
        epilog=f"commands:\n{commands}\n\nOptions of a command: atlas-keras COMMAND --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"atlas_keras {atlas_keras.__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="what to do")
    parser.parse_args(argv)
    return 2


if __name__ == "__main__":
    sys.exit(main())
