"""`python -m tuning.search`: from files of jets to the best hyperparameters of a preset, and the run that has them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_keras import extras
from atlas_keras.command import import_tensorflow, run_command
from atlas_keras.errors import ConfigError
from atlas_keras.train import add_config_arguments, build_config
from tuning.objective import AGAINST, FIGURES, Objective
from tuning.search_folder import search_folder

if TYPE_CHECKING:
    from atlas_keras.config import RunConfig
    from atlas_keras.training.space import Space

DESCRIPTION = """Search the hyperparameters of a preset with keras-tuner, and train the best ones found. Killed and
started again, it goes on where it was. Options that are not searched fix the configuration, as in atlas_keras.train."""
TUNERS = ("hyperband", "bayesian", "random", "grid")
TRIALS = 30
PROGRAM = "python -m tuning.search"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: those of a configuration, and those of the search."""
    add_config_arguments(parser)
    search = parser.add_argument_group("search")
    search.add_argument("--tuner", choices=TUNERS, default="hyperband", help="default: %(default)s")
    search.add_argument(
        "--space", metavar="FILE", help="JSON space instead of the architecture's (--print-space shows it)"
    )
    search.add_argument(
        "--search", metavar="NAME=VALUES", action="append", default=[],
        help="search NAME too, or elsewhere: a,b,c or low:high or low:high:log; may be repeated",
    )  # fmt: skip
    search.add_argument("--print-space", action="store_true", help="print the space as JSON and do nothing")
    search.add_argument("--trials", type=int, metavar="N", help=f"not of Hyperband (default: {TRIALS}; grid: all)")
    search.add_argument("--factor", type=int, default=4, metavar="N", help="Hyperband keeps 1 in N (default: 4)")
    search.add_argument("--objective", choices=tuple(FIGURES), default="val_loss", help="default: %(default)s")
    search.add_argument("--against", choices=tuple(AGAINST), help="weigh the objective against this, show the front")
    search.add_argument(
        "--trade", type=float, default=0.1, metavar="X",
        help="half the parameters or latency are worth a 2^X times larger error (default: %(default)s)",
    )  # fmt: skip
    search.add_argument(
        "--confirm", type=int, default=0, metavar="N", help="train start and best with N more seeds (default: 0)"
    )
    several = parser.add_argument_group("several processes or machines")
    several.add_argument("--chief", metavar="HOST:PORT", help="hand out trials at this address, run none")
    several.add_argument("--worker", metavar="NAME@HOST:PORT", help="run trials of the chief there, all else as it has")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder of the search (default: runs/search-PRESET)")
    parser.add_argument("--force", action="store_true", help="discard a search of another kind in DIR")


def build_space(args: argparse.Namespace, config: RunConfig) -> Space:
    """Build the space: the architecture's, or that of --space; then --search.

    Raises:
        ConfigError: no space, or one that the architecture refuses.
    """
    from atlas_keras.training.space import Space, check_space, default_space, read_space  # imports Keras

    space = read_space(args.space) if args.space else default_space(config)
    dimensions = {**space.to_dict(), **dict(_flag(text) for text in args.search)}
    space = Space.from_dict(dimensions)
    if args.tuner == "grid":
        space = space.gridded()
    check_space(space, config)
    return space


def _flag(text: str) -> tuple[str, dict[str, Any]]:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise ConfigError(f"--search is NAME=a,b,c or NAME=low:high or NAME=low:high:log. Received: {text!r}")
    if ":" not in values:
        return name, {"values": [_value(v) for v in values.split(",")]}
    low, high, *scale = values.split(":")
    return name, {"low": _value(low), "high": _value(high), **({"scale": scale[0]} if scale else {})}


def _value(text: str) -> float | int | str:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            pass
    return text


def set_role(args: argparse.Namespace) -> None:
    """Tell keras-tuner whether this process is chief or worker, by its own environment variables.

    Raises:
        ConfigError: an address or name that cannot be.
    """
    if args.chief and args.worker:
        raise ConfigError("A process is --chief or --worker, not both")
    if not (args.chief or args.worker):
        return
    name, at, address = args.worker.rpartition("@") if args.worker else ("chief", "@", args.chief)
    host, _, port = address.rpartition(":")
    if not (name and at and host and port.isdigit()) or (args.worker and "chief" in name):
        raise ConfigError(
            "--chief is HOST:PORT, --worker is NAME@HOST:PORT, its name without 'chief'. "
            f"Received: {args.chief or args.worker}"
        )
    os.environ.update(KERASTUNER_TUNER_ID=name, KERASTUNER_ORACLE_IP=host, KERASTUNER_ORACLE_PORT=port)


def _check(args: argparse.Namespace) -> None:
    if args.tuner == "hyperband" and args.trials is not None:
        raise ConfigError("Hyperband counts its own trials, from --epochs and --factor; --trials is of the others")
    for name, value, least in (("trials", args.trials, 1), ("factor", args.factor, 2), ("confirm", args.confirm, 0)):
        if value is not None and value < least:
            raise ConfigError(f"--{name} is at least {least}. Received: {value}")


def run(args: argparse.Namespace) -> int:
    """Search, or go on with a search; then write results and train the best."""
    _check(args)
    set_role(args)
    import_tensorflow()
    from atlas_keras.models.architectures import ARCHITECTURES

    config = build_config(args)

    space = build_space(args, config)
    if args.print_space:
        print(json.dumps(space.to_dict(), indent=2))
        return 0
    objective = Objective(args.objective, args.against, args.trade, ARCHITECTURES[config.model.architecture])
    objective.check(space)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns that every trial is a new model
    extras.require("keras_tuner")
    from atlas_keras.data.source import fingerprint
    from tuning.running import run_search  # takes seconds: --help and usage errors do without
    from tuning.tuner import is_worker

    out = args.out or Path("runs") / f"search-{config.model.preset}"
    trials = args.trials or (None if args.tuner in ("grid", "hyperband") else TRIALS)
    settings = {
        "config": config.to_dict(),
        "space": space.to_dict(),
        "tuner": args.tuner,
        "objective": {"figure": args.objective, "against": args.against, "trade": args.trade},
        "factor": args.factor if args.tuner == "hyperband" else None,
        **fingerprint(config.data.paths),
    }
    with search_folder(out, settings, force=args.force, share=is_worker()):
        run_search(
            config, space, objective, out, tuner=args.tuner, trials=trials, factor=args.factor, n_confirm=args.confirm
        )
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    interrupted = "interrupted; the same command goes on where it was"
    return run_command("search", DESCRIPTION, add_arguments, run, argv, interrupted=interrupted, program=PROGRAM)


if __name__ == "__main__":
    sys.exit(main())
