"""`python -m atlas_keras.export`: from a run to files that other programs load, proved equal to its model; firmware."""

from __future__ import annotations

import argparse
import functools
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas_keras.command import import_tensorflow, run_command, silence
from atlas_keras.errors import ConfigError, JetDataError, RunError
from atlas_keras.json_files import read_json
from atlas_keras.output import check_free
from atlas_keras.serving.formats import FORMATS, MARKER
from atlas_keras.serving.request import QUANTIZATIONS, check_request

if TYPE_CHECKING:
    from atlas_keras.models.jet_autoencoder import JetAutoencoder

DESCRIPTION = (
    "Export the model of a run to SavedModel, LiteRT or ONNX, and prove each export equal to it. With --formats "
    "verilog: firmware of the encoder of a run of the preset trigger; without RUN, firmware that packs the jets of a "
    "trigger into shorter words, within bounds that are proved."
)
VERILOG, HLS = "verilog", "hls"  # formats of firmware
OF_MODELS = ("quantize", "batch", "serving_version", "tolerance", "no_timing")
OF_PACKERS = ("bound", "radix")
OF_FIRMWARE = ("hardware", "tools", *OF_PACKERS)
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of exporting."""
    listed = "; ".join(f"{name}: {text}" for name, text in QUANTIZATIONS.items())
    parser.add_argument(
        "run", metavar="RUN", type=Path, nargs="?", help="run folder of `atlas-keras train`; left out for a packer"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write")
    parser.add_argument(
        "--formats",
        metavar="LIST",
        default="saved_model,tflite",
        help=f"of {', '.join(FORMATS)}, with commas; or {VERILOG}, to which {HLS} adds C++ for high-level "
        "synthesis (a project of hls4ml with RUN), and tflite the decoder (default: %(default)s)",
    )
    parser.add_argument(
        "--quantize", metavar="LIST", default="none", help=f"of LiteRT files, with commas (default: none). {listed}"
    )
    parser.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help="LiteRT and ONNX files for exactly N jets a call, where a program cannot change the shape of a tensor, as "
        "LiteRT in a browser (default: any number)",
    )
    parser.add_argument(
        "--data", nargs="+", metavar="PATH", help="where the run's data is now (default: where it was when it trained)"
    )
    parser.add_argument(
        "--serving-version", type=int, metavar="N", help="write saved_model/N/, as TensorFlow Serving wants it"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="largest deviation of any row from Keras, relative of energies such as pt, absolute of all other columns "
        "(default: in float32 what rounding explains, row by row; the preset's own for each quantization)",
    )
    parser.add_argument("--no-timing", action="store_true", help="do not measure latency and jets a second")
    parser.add_argument("--force", action="store_true", help="replace a folder of exports that exists")
    _add_firmware(parser.add_argument_group("firmware, with --formats verilog"))


def _add_firmware(firmware: argparse._ActionsContainer) -> None:
    firmware.add_argument(
        "--hardware",
        metavar="NAME",
        help="cms-phase2, atlas-jfex, or FILE.toml with the fields of a jet; with RUN that of its configuration",
    )
    firmware.add_argument(
        "--bound",
        metavar="LIST",
        default="",
        help="1e-3 for all fields that are not exact, mass=1e-2 for one, with commas (default: those of the hardware "
        "format, 1e-2 and of a mass 1e-1)",
    )
    firmware.add_argument(
        "--radix",
        choices=("bits", "mixed"),
        default="bits",
        help="bits: codes beside each other, by shifts; mixed: fewer bits, by multiplications (default: %(default)s)",
    )
    firmware.add_argument(
        "--tools",
        metavar="LIST",
        default="installed",
        help="programs to check it with, of icarus, verilator, c++, yosys, with commas; none (default: all that are "
        "%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Export and print what was written and how it was proved."""
    formats, quantizations = _names(args.formats), _names(args.quantize)
    if VERILOG in formats or HLS in formats:
        _check_firmware(formats)
        return _export_packer(args, formats) if args.run is None else _export_encoder(args, formats)
    if args.run is None:
        raise ConfigError(f"RUN is missing, a run folder of `atlas-keras train`; --formats {VERILOG} does without")
    _refuse(args, OF_FIRMWARE, f"is of firmware: add --formats {VERILOG}")
    check_request(formats, quantizations, args.batch)
    if args.serving_version is not None and args.serving_version < 1:
        raise ConfigError(f"--serving-version is a positive number. Received: {args.serving_version}")
    if args.tolerance is not None and not args.tolerance > 0:
        raise ConfigError(f"--tolerance is a positive number. Received: {args.tolerance}")
    _check_run(args.run)
    check_free(args.out, force=args.force, marker=MARKER, kind="folder of exports")
    import_tensorflow()
    from atlas_keras.serving.artifacts import check_packages, export_autoencoder

    check_packages(formats, quantizations)
    model = _load(args.run)
    splits, data = _read(args)
    with silence():  # converters are talkative
        manifest = export_autoencoder(
            model,
            args.out,
            formats=formats,
            quantizations=quantizations,
            batch=args.batch,
            serving_version=args.serving_version,
            tolerance=args.tolerance,
            timing=not args.no_timing,
            data=data,
            force=args.force,
            **splits,
        )
    _print(manifest)
    print(f"exports: {args.out}")
    return 0


def _check_run(run: Path) -> None:
    """Refuse what is no run folder."""
    if not (run / "config.json").is_file() or not (run / "model.keras").is_file():
        raise RunError(f"{run}: no run folder with a model; `atlas-keras train --out {run}` makes one")


def _load(run: Path) -> JetAutoencoder:
    """Load the model of a run."""
    from atlas_keras.models.autoencoder import load_autoencoder  # takes seconds: --help and usage errors do without
    from atlas_keras.models.jet_autoencoder import JetAutoencoder

    model = load_autoencoder(run)
    if not isinstance(model, JetAutoencoder):
        raise RunError(f"{run / 'model.keras'}: is no autoencoder of atlas_keras")
    return model


def _export_encoder(args: argparse.Namespace, formats: Sequence[str]) -> int:
    """Export the encoder of a run as firmware."""
    _refuse(args, (*OF_MODELS, *OF_PACKERS), f"is not of --formats {VERILOG} with RUN")
    _check_run(args.run)
    from atlas_keras.firmware.hardware_format import read_hardware

    hardware = read_hardware(args.hardware) if args.hardware else None
    import_tensorflow()
    from atlas_keras.firmware.encoder_export import check_convertible, export_encoder
    from atlas_keras.firmware.summary import encoder_summary

    options = {
        "hls": HLS in formats,
        "litert": "tflite" in formats,
        "tools": _tools(args),
        "force": args.force,
        "hardware": hardware,
    }
    model = _load(args.run)
    check_convertible(model)
    splits, _ = _read(args)
    with silence():  # converters are talkative
        report = export_encoder(model, args.out, **options, **splits)
    print("\n".join(encoder_summary(report)))
    print(f"firmware: {args.out}")
    return 0


def _check_firmware(formats: Sequence[str]) -> None:
    """Refuse formats that do not come with firmware."""
    if others := [name for name in formats if name not in (VERILOG, HLS, "tflite")]:
        raise ConfigError(
            f"{VERILOG} and {HLS} are firmware, which tflite adds a decoder to; export {others[0]} by itself"
        )
    if VERILOG not in formats:
        raise ConfigError(f"{HLS} comes with {VERILOG}, by which it is proved: --formats {VERILOG},{HLS}")


def _tools(args: argparse.Namespace) -> Sequence[str] | None:
    return {"installed": None, "none": ()}.get(args.tools, _names(args.tools))


def _export_packer(args: argparse.Namespace, formats: Sequence[str]) -> int:
    """Export a packer."""
    _refuse(args, OF_MODELS, f"is of models, not of --formats {VERILOG}")
    if not args.hardware:
        raise ConfigError("--hardware is missing: cms-phase2, atlas-jfex, or FILE.toml with the fields of a jet")
    from atlas_keras.firmware.packer_export import export_packer  # imports pandas
    from atlas_keras.firmware.summary import summary

    options = {
        "bound": args.bound, "radix": args.radix, "data": args.data, "hls": HLS in formats, "force": args.force,
    }  # fmt: skip
    if "tflite" in formats:
        import_tensorflow()
        options["litert"] = True
    with silence():
        report = export_packer(args.out, args.hardware, tools=_tools(args), **options)
    print("\n".join(summary(report)))
    print(f"firmware: {args.out}")
    return 0


def _refuse(args: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Refuse options that are about something else."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for name in names:
        if getattr(args, name) != parser.get_default(name):
            raise ConfigError(f"--{name.replace('_', '-')} {why}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _read(args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the training and the test split of a run, and describe where they come from."""
    from atlas_keras.config import read_config
    from atlas_keras.data.events import InvalidPolicy
    from atlas_keras.data.source import fingerprint, read_splits

    config = read_config(args.run / "config.json")
    if args.data:
        config = replace(config, data=replace(config.data, paths=tuple(args.data)))
    try:
        files = fingerprint(config.data.paths)
    except JetDataError as error:
        raise JetDataError(f"{error}; the run was trained on it: say with --data where it is now") from error
    file = args.run / "metrics.json"
    metrics = read_json(file, RunError, "give a run folder of `atlas_keras.train`") if file.exists() else {}
    if metrics.get("data_sha256", files["data_sha256"]) != files["data_sha256"]:
        log.warning("the data is not the one that the run was trained on; its test split is another one too")
    policy, seed = InvalidPolicy(config.data.invalid), config.training.seed  # type: ignore[arg-type]
    return read_splits(config.data, seed, policy, ("train", "test")), {**files, "seed": seed}


def _print(manifest: dict[str, Any]) -> None:
    """Print a line for each export."""
    for export in manifest["exports"]:
        worst = {}
        for data, figures in export["parity"].items():
            largest = [max(found["from_keras"]["max"].items(), key=lambda item: item[1]) for found in figures.values()]
            name, value = max(largest, key=lambda item: item[1])
            worst[data] = f"{value:.1e} ({name})"
        size = sum(
            file["bytes"]
            for name, file in manifest["files"].items()
            if name == export["name"] or name.startswith(export["name"] + "/")
        )
        print(
            f"{export['name']}: {size / 1e3:.0f} kB, largest deviation from Keras {worst['test']} on the test split, "
            f"{worst['extreme']} on extreme jets{_rounding(export['parity'])}"
        )


def _rounding(parity: dict[str, Any]) -> str:
    """Say how a float32 export stands to float64; nothing for a quantized one."""
    far = [f["from_float64"]["spreads"] for data in parity.values() for f in data.values() if f["from_float64"]]
    return f", {max(far):.1f} spreads of float32 from float64" if far else ""


main = functools.partial(run_command, "export", DESCRIPTION, add_arguments, run)

if __name__ == "__main__":
    sys.exit(main())
