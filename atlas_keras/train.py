"""`python -m atlas_keras.train`: from files of jets to a run folder."""

from __future__ import annotations

import argparse
import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from atlas_keras.command import add_any_size, add_scheduler, error_units, import_tensorflow, mean_errors, run_command
from atlas_keras.errors import ConfigError
from atlas_keras.presets import DEFAULT_PRESET, GENERAL_PRESET, PRESETS

if TYPE_CHECKING:
    from atlas_keras.config import RunConfig
    from atlas_keras.schema import Collection

DESCRIPTION = "Train an autoencoder on jets and leave a run folder with model, metrics, plots and report."
INTERRUPTED = "interrupted; the same command goes on where it was"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of training."""
    add_config_arguments(parser)
    parser.add_argument(
        "--start-from",
        metavar="RUN",
        help="train the model of this run further, with its configuration, e.g. on --data",
    )
    parser.add_argument("--out", metavar="RUN", type=Path, help="run folder (default: runs/PRESET-seedN)")
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=Path,
        help="keep the jets on disk, in this folder, and not in memory; further runs on the same data take them from "
        "there (default: more than 64 MiB, or with --scheduler, are kept beside the run folder until it is done)",
    )
    add_scheduler(parser)
    parser.add_argument("--force", action="store_true", help="replace a run folder that exists")


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a configuration; what is not given comes from --config, else from the preset."""
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        nargs="+",
        metavar="PATH",
        help="files, folders, patterns or URLs, of any format that is read (default: the shipped sample)",
    )
    data.add_argument(
        "--collection",
        metavar="NAME",
        help="objects of the files, as atlas-keras info prints them, e.g. Muon; events means columns of the events "
        "(default: the jets)",
    )
    data.add_argument(
        "--features",
        metavar="NAMES",
        help="their columns, names and patterns, e.g. 'pt,eta,phi,btag*' (default: E,pt,eta,phi); patterns leave out "
        "names of things, such as jetId",
    )
    data.add_argument("--schema", metavar="FILE", help="TOML schema that says what the columns are, as info writes it")
    data.add_argument("--objects", metavar="IDS", help="object ids that count as jets, e.g. j,b (default: j)")
    data.add_argument("--unit", choices=("MeV", "GeV"), help="unit of energies in the model (default: MeV)")
    data.add_argument("--source-unit", choices=("MeV", "GeV"), help="unit of files that do not state it themselves")
    data.add_argument("--tree", metavar="NAME", help="tree of ROOT files (default: the only one that holds jets)")
    data.add_argument("--invalid", choices=("error", "drop"), help="what to do with bad input (default: error)")
    add_any_size(data)
    model = parser.add_argument_group("model and training")
    model.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        help=f"which autoencoder (default: {DEFAULT_PRESET}, with --features or --schema {GENERAL_PRESET})",
    )
    model.add_argument(
        "--latents",
        type=int,
        metavar="N",
        help="numbers that are stored (default: the preset's, half of chosen columns)",
    )
    model.add_argument(
        "--hardware", metavar="NAME", help="of the preset trigger: cms-phase2 or FILE.toml (default: the preset's)"
    )
    model.add_argument("--epochs", type=int, metavar="N", help="default: the preset's")
    model.add_argument("--batch-size", type=int, metavar="N", help="jets in a batch (default: the preset's)")
    model.add_argument(
        "--learning-rate", metavar="X|auto", help="peak rate, or auto for the finder's (default: preset)"
    )
    model.add_argument("--seed", type=int, metavar="N", help="of split, start and order of batches (default: 0)")
    model.add_argument("--early-stop", type=int, metavar="N", help="stop after N epochs without improvement")
    model.add_argument("--xla", action=argparse.BooleanOptionalAction, help="compile with XLA (default: on GPUs)")
    model.add_argument(
        "--devices", type=int, metavar="N", help="GPUs, or logical CPU devices, that share a batch (default: all GPUs)"
    )
    model.add_argument("--tensorboard", action="store_true", default=None, help="write TensorBoard logs into the run")
    parser.add_argument(
        "--config", metavar="FILE", help="JSON configuration or a part of one, e.g. a run's config.json"
    )


def build_config(args: argparse.Namespace, start_from: str | None = None) -> RunConfig:
    """Build the configuration: preset, then --config, which may be a part, then flags.

    Args:
        args: of the command.
        start_from: run folder to start from; its configuration takes the place of the preset's.

    Raises:
        ConfigError: a value that is refused, or a preset that contradicts --config.
    """
    from atlas_keras.config import preset_config, read_config  # imports Keras: --help does without

    file = args.config or (start_from and Path(start_from) / "config.json")
    usual = GENERAL_PRESET if args.features or args.schema else DEFAULT_PRESET
    config = read_config(file, args.preset) if file else preset_config(args.preset or usual)
    if file and args.preset not in (None, config.model.preset):
        raise ConfigError(f"--preset {args.preset} contradicts {file}, which has {config.model.preset!r}")
    data = {
        "paths": tuple(args.data) if args.data else None,
        "objects": tuple(args.objects.split(",")) if args.objects else None,
        "any_size": args.any_size or None,
        **{name: getattr(args, name) for name in ("unit", "source_unit", "tree", "invalid")},
    }
    if args.collection or args.features or args.schema:
        data["collection"] = _collection(args, config)
    latents = args.latents
    if latents is None and not file and "collection" in data and config.model.preset == GENERAL_PRESET:
        latents = (len(data["collection"]) + 1) // 2
    named = ("epochs", "batch_size", "seed", "early_stop", "tensorboard", "devices")
    training = {name: getattr(args, name) for name in named} | {"jit_compile": args.xla, "start_from": start_from}
    if args.hardware is not None and not hasattr(config.model, "hardware"):
        raise ConfigError(f"--hardware is of the preset trigger, and not of {config.model.preset!r}")
    config = replace(
        config,
        data=replace(config.data, **_given(data)),
        model=replace(config.model, **_given({"n_latent": latents, "hardware": args.hardware})),
        training=replace(config.training, **_given(training)),
    )
    if args.learning_rate is not None:
        config = replace(config, training=replace(config.training, learning_rate=_rate(args.learning_rate)))
    return config


def _collection(args: argparse.Namespace, config: RunConfig) -> Collection:
    """Choose the collection that --collection, --features and --schema name, of the first file."""
    from atlas_keras.data.look import choose_collection, choose_columns, to_be_learned
    from atlas_keras.data.readers import find_files
    from atlas_keras.schema_files import read_schema

    features = [name.strip() for name in (args.features or "").split(",") if name.strip()]
    if args.features and not features:
        raise ConfigError(f"--features names no column. Received: {args.features!r}")
    if args.schema:
        schema = read_schema(args.schema)
        if not schema.collections:
            raise ConfigError(f"{args.schema}: has no collection, whose columns a model could learn")
        if args.collection is None and len(schema.collections) > 1:
            names = ", ".join(collection.name for collection in schema.collections)
            raise ConfigError(f"{args.schema}: has several collections ({names}); choose one with --collection")
        name = args.collection or schema.collections[0].name
        try:
            chosen = choose_columns(schema.collection(name), features or ["*"], args.schema)
            return to_be_learned(chosen, features, args.schema)
        except ConfigError as error:
            raise ConfigError(f"{args.schema}: {error}") from error
    paths = args.data or config.data.paths
    if not paths:
        raise ConfigError(
            "--collection and --features are about the files of --data; the sample has E, pt, eta and phi"
        )
    path = find_files(paths)[0]
    return to_be_learned(
        choose_collection(path, args.collection, features, args.tree or config.data.tree), features, str(path)
    )


def _given(values: dict) -> dict:
    return {key: value for key, value in values.items() if value is not None}


def _rate(text: str) -> float | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"--learning-rate is a number or auto. Received: {text!r}") from None


def run(args: argparse.Namespace) -> int:
    """Train and print where the run is and how well it does."""
    import_tensorflow()
    config = build_config(args, args.start_from)
    out = args.out or Path("runs") / f"{config.model.preset}-seed{config.training.seed}"
    from atlas_keras.training.run import train_run

    if args.cache is not None or args.scheduler != "loop":
        config = replace(config, data=replace(config.data, split="lots"))
    metrics = train_run(config, out, cache=args.cache, scheduler=args.scheduler, force=args.force)
    collection = config.data.collection
    errors = f"{mean_errors(metrics['test'], collection)} ({error_units(collection)})"
    print(f"test split, {metrics['n_jets']['test']} {collection.title}: mean errors {errors}")
    if "pca" in metrics["baselines"]:
        pca = metrics["baselines"]["pca"]
        print(f"MSE of the transformed columns {metrics['normalized_mse']:.3g}; ", end="")
        print(f"{pca['formula']}: {pca['normalized_mse']:.3g}")
    if "published" in metrics:  # of a four-momentum
        baseline = metrics["baselines"]["constant_mass"]
        print(f"MSE by the published formula {metrics['published']['mse']:.3g}; ", end="")
        print(f"one line of NumPy, {baseline['formula']}: {baseline['published']['mse']:.3g}")
    print(f"run: {out}")
    return 0


main = functools.partial(run_command, "train", DESCRIPTION, add_arguments, run, interrupted=INTERRUPTED)

if __name__ == "__main__":
    sys.exit(main())
