"""Quantized encoders in firmware: parity, resources, errors beside packers, and the anomaly score of events.

    python -m benchmarks.encoders FILE --folder DIR

The presets `trigger` and `trigger-event` are trained on the sample, and exported with every program that is installed.
FILE has events of a signal; the background is the test split of the sample. DIR keeps runs and exports: what is there
is not made again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import atlas_keras
from atlas_keras.config import RunConfig, preset_config, read_config
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.look import choose_collection
from atlas_keras.data.source import read_splits
from atlas_keras.firmware.encoder_export import export_encoder
from atlas_keras.models.autoencoder import load_autoencoder
from atlas_keras.models.prediction import predict
from atlas_keras.training.run import train_run
from benchmarks.firmware import cpu_seconds
from benchmarks.results import table, write

ETA_MAX = 2.8  # of the sample's jets: those of FILE beyond it are left out
KEPT = (0.01, 0.001)  # of the background
WIDE = {"weight_bits": 16, "bit_weight": 0.0, "latent_bits": 12}  # where bits cost nothing
Floats = NDArray[np.float64]

BODY = """
`atlas-keras train --preset trigger` trains an encoder whose weights and activations have few bits (HGQ2), and
`atlas-keras export RUN --formats verilog,hls` makes firmware of it: Verilog and C++ by alkaid, an HLS project by
hls4ml. Fields become the codes that a [packer](firmware.md) has within the same bounds; the network takes these.
Every word that Keras computes is compared with alkaid's interpreter and with the programs of the table; one with a
number behind its name has compared so many of them, evenly chosen, as it is slow. Inputs go through twice their range,
where nothing may jump: a range that wraps passes every simulation and is wrong. LUT and the rest are counted by yosys,
codes included; nothing was placed and routed, and no clock is promised. *Built* is one export with all its checks, on a
machine that other processes used, too.

{designs}

By {tools}; {versions}.

## A jet

The preset `trigger`, 4-16-3, on the CMS Phase-2 wide jet: mean errors of {n_jets:,} jets of the test split, from what
the hardware had, pt and mass relative. *Codes alone* is a packer without a network, within guaranteed bounds.

{jets}

At equal bits the packer is better in every variable, the mass most of all, takes an eighth of the logic, and
guarantees a bound; the network guarantees none. Three numbers cannot hold four independent ones. The preset shows
that a latent of a trained model comes into firmware bit for bit; who wants a jet back takes the packer.

## An event

The preset `trigger-event`, 32-16-8-4, takes ten jets and the momentum that jets miss, and gives four numbers and a
score: its estimate of how far the decoder is going to be off, learned from events of the training and from ones with
codes that are drawn by chance. It has seen QCD of the sample alone. Signal: the {n_signal:,} events of FILE
(`{file}`), of which only jets with |eta| < {eta_max} count, as in the sample; background:
{n_background:,} events of the test split, so that 0.1 % of them are {n_least}. *Wide*: the same encoder where bits cost
nothing, with weights that begin with 16 of them and a latent of 12; it is quantized, too, and takes the same codes.
*Float*: the preset `columns`, trained on the same events to as many numbers, in float32; its error is that of its
normalized columns.

{scores}

The signal is selected by its missing momentum, and QCD of the sample has none but that of its resolution: a cut on
MET, one comparison in firmware, is all that is needed, and no score comes near it. The score is of use for what
nobody has thought of a cut for; how far it is from the error of its own decoder is the price of having no decoder in
firmware. Settings were tried by hand, and this signal was looked at while they were.
"""
DESIGN = ("preset", "bits in", "bits out", "clock edges", "LUT", "SRL", "FF", "DSP", "BRAM", "bit operations")
PARITY = ("programs", "vectors, of them random", "mismatches", "largest jump", "built [s]", "built [CPU s]")


def train(name: str, config: RunConfig, folder: Path) -> tuple[Path, float]:
    """Train, where that is not done; return the run and its CPU seconds."""
    run, noted = folder / name, folder / f"{name}.json"
    if not noted.exists():
        begun = cpu_seconds()
        train_run(config, run, force=True, progress=False)
        noted.write_text(json.dumps(cpu_seconds() - begun), encoding="utf-8")
    return run, json.loads(noted.read_text(encoding="utf-8"))


def event_config(folder: Path) -> RunConfig:
    """Write the events of the sample as rows, and return the configuration of the preset for them."""
    file = folder / "events.parquet"
    if not file.exists():
        atlas_keras.leading_objects(eta_max=ETA_MAX).to_parquet(file)
    config = preset_config("trigger-event")
    collection = choose_collection(file, None, ["*"], None)
    data = replace(config.data, paths=(str(file),), collection=collection, unit="GeV", source_unit="GeV")
    return replace(config, data=data)


def splits_of(run: Path) -> dict[str, Any]:
    """Read the training and the test split of a run."""
    config = read_config(run / "config.json")
    return read_splits(config.data, config.training.seed, InvalidPolicy("error"), ("train", "test"))


def export(run: Path, folder: Path) -> dict[str, Any]:
    """Export, where that is not done; return the report, seconds and CPU seconds."""
    noted = folder / f"{run.name}-export.json"
    if not noted.exists():
        model, begun, clock = load_autoencoder(run), cpu_seconds(), time.perf_counter()
        options = {"hls": True, "force": True, **splits_of(run)}
        report = export_encoder(model, folder / f"{run.name}-firmware", **options)  # type: ignore[arg-type]
        done = {"report": report.to_dict(), "cpu_seconds": cpu_seconds() - begun}
        noted.write_text(json.dumps({**done, "seconds": time.perf_counter() - clock}), encoding="utf-8")
    return json.loads(noted.read_text(encoding="utf-8"))


def scores_of(run: Path, rows: NDArray[np.float32]) -> dict[str, Floats]:
    """Return the score of events, which firmware has, and the error of the decoder, which it has not."""
    model: Any = load_autoencoder(run)
    scaled = predict(model.training_setup.normalize, rows)
    outputs = predict(model.training_setup.trained, scaled)
    error = np.asarray(model.objective.error(scaled, outputs))
    return {"score": predict(model.get_layer("encoder"), rows)[:, -1], "error": error}


def float_errors(run: Path, rows: NDArray[np.float32]) -> Floats:
    """Return the mean squared error of the normalized columns of events."""
    model: Any = load_autoencoder(run)
    scaled = predict(model.training_setup.normalize, rows)
    return np.mean((predict(model.training_setup.trained, scaled) - scaled) ** 2, axis=1)


def separation(background: Floats, signal: Floats) -> dict[str, float]:
    """Return the area under the curve, and how much signal is kept where so much background is."""
    ranks = np.searchsorted(np.sort(background), signal, side="left") + np.searchsorted(
        np.sort(background), signal, "right"
    )
    found = {"auc": float(ranks.mean() / 2 / len(background))}
    for kept in KEPT:
        found[f"{kept:.1%}"] = float((signal > np.quantile(background, 1 - kept, method="higher")).mean())
    return found


def anomalies(
    quantized: Path, wide: Path, floats: Path, file: str
) -> tuple[dict[str, dict[str, float]], tuple[int, int]]:
    """Return how well scores separate the signal of a file, and how many events of it and of background there are."""
    background = splits_of(quantized)["test"]
    signal = atlas_keras.leading_objects(file, eta_max=ETA_MAX).to_numpy(np.float32)
    met = -2  # the column
    found = {"MET": separation(background[:, met], signal[:, met])}
    found["sum of ten jets' pt"] = separation(background[:, :-2:3].sum(axis=1), signal[:, :-2:3].sum(axis=1))
    for title, run in {"quantized": quantized, "wide": wide}.items():
        of_background, of_signal = scores_of(run, background), scores_of(run, signal)
        for kind in of_background:
            found[f"{title}: {kind}"] = separation(of_background[kind], of_signal[kind])
    found["float: error"] = separation(*(float_errors(floats, events) for events in (background, signal)))
    return found, (len(signal), len(background))


def design_row(name: str, exported: Mapping[str, Any]) -> list[Any]:
    """Return the row of an encoder."""
    r = exported["report"]
    counts = [str(r["resources"]["counts"].get(kind, "–")) for kind in ("LUT", "SRL", "FF", "DSP", "BRAM")]
    bits = [str(r[key]) for key in ("bits", "word_bits", "latency")]
    vectors = f"{sum(r['vectors'].values()):,}, {r['vectors']['random']:,}"
    jump = f"{r['saturation']['largest_step']:.0%} of what weights allow"
    took = [f"{exported[key]:.0f}" for key in ("seconds", "cpu_seconds")]
    most = max(check["vectors"] for check in r["checks"])
    ran = ", ".join(
        check["tool"] + (f" ({check['vectors']:,})" if check["vectors"] < most else "")
        for check in r["checks"]
        if check["simulated"]
    )
    return [name, *bits, *counts, f"{r['bit_operations']:,}", ran, vectors, "0", jump, *took]


def main() -> None:
    """Run the benchmark, and write docs/encoders.md and docs/encoders.json."""
    parser = argparse.ArgumentParser(description="Measure quantized encoders in firmware.")
    parser.add_argument("file", metavar="FILE", help="file of jets of a signal")
    parser.add_argument("--folder", metavar="DIR", type=Path, required=True, help="keeps runs and exports")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True)
    config = event_config(args.folder)
    free = replace(config, model=replace(config.model, **WIDE))
    columns = preset_config("columns")
    columns = replace(columns, data=config.data, model=replace(columns.model, n_latent=config.model.n_latent))
    runs = {"trigger": preset_config("trigger"), "trigger-event": config, "wide": free, "columns": columns}
    trained = {name: train(name, config, args.folder) for name, config in runs.items()}
    exported = {name: export(trained[name][0], args.folder) for name in ("trigger", "trigger-event")}
    found, (n_signal, n_background) = anomalies(
        *(trained[name][0] for name in ("trigger-event", "wide", "columns")), args.file
    )
    comparison = exported["trigger"]["report"]["comparison"]
    variables = list(comparison["codes"]["mean"])
    methods = {"network": "encoder", "codes alone": "codes", "low bits dropped": "truncation"}
    checks = {check["tool"]: check for check in exported["trigger"]["report"]["checks"]}
    resources = exported["trigger"]["report"]["resources"]
    versions = exported["trigger"]["report"]["versions"]
    body = BODY.format(
        designs=table((*DESIGN, *PARITY), [design_row(name, one) for name, one in exported.items()]),
        tools="; ".join([*(check["version"] for check in checks.values()), resources["version"]]),
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        n_jets=comparison["n_jets"],
        jets=table(
            ("", "bits", *variables),
            [[m, str(comparison[key]["bits"]), *comparison[key]["mean"].values()] for m, key in methods.items()],
        ),
        file=Path(args.file).name,
        n_signal=n_signal,
        n_background=n_background,
        n_least=f"{KEPT[-1] * n_background:.1f}",
        eta_max=ETA_MAX,
        scores=table(
            ("", "AUC", *(f"signal kept at {kept:.1%} of background" for kept in KEPT)),
            [
                [name, f"{one['auc']:.3f}", *(f"{one[f'{kept:.1%}']:.1%}" for kept in KEPT)]
                for name, one in found.items()
            ],
        ),
    )
    seconds = {name: took for name, (_, took) in trained.items()}
    figures = {"exports": exported, "anomalies": found, "n_events": [n_signal, n_background], "training_cpu": seconds}
    packages = ["numpy", "keras", "tensorflow", "alkaid", "hgq2", "hls4ml"]
    write(
        "encoders", "Encoders in firmware", "python -m benchmarks.encoders FILE --folder DIR", body, figures, packages
    )


if __name__ == "__main__":
    main()
