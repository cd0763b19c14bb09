"""Going on with a trained model on other jets, for every preset: as it is, trained further two ways, trained anew.

`python -m benchmarks.fine_tuning FILE` trains on the shipped sample, and goes on with the jets of FILE.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras import NormalizedLoss, load_autoencoder
from atlas_keras.config import RunConfig, preset_config
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import JetTable, collect, split_events
from atlas_keras.evaluation.baselines import fit_baselines
from atlas_keras.evaluation.published_figures import PublishedSpace
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.prediction import predict
from atlas_keras.training.run import train_run
from benchmarks.figures import evaluate_jets
from benchmarks.results import table, write

SHORT = 0.1  # of the preset's epochs, for what goes on
ADAM = 1e-3  # rate of the three lines with plain Keras

Figures = dict[str, Any]
Split = dict[str, JetTable]


def fit_plainly(run: Path, jets: NDArray[np.float32], epochs: int, batch_size: int) -> keras.Model:
    """Train further as the README shows it."""
    model = load_autoencoder(run)
    model.compile(keras.optimizers.Adam(ADAM), loss=NormalizedLoss())
    model.fit(jets, epochs=epochs, batch_size=batch_size, verbose=0)
    return model


def measure(
    preset: str, file: Path, parts: Split, seed: int, evaluate: Callable[[NDArray], Figures]
) -> list[tuple[str, Figures]]:
    """Measure all ways for one preset; give their names and figures on the test split of the file."""
    config = preset_config(preset)
    config = replace(config, training=replace(config.training, seed=seed))
    on_file = replace(config, data=replace(config.data, paths=(str(file),)))
    epochs = max(1, round(SHORT * config.training.epochs))
    found = []

    def timed(name: str, make: Callable[[], keras.Model]) -> None:
        started = time.perf_counter()
        model = make()
        seconds = time.perf_counter() - started
        found.append((name, {"seconds": seconds, **evaluate(predict(model, parts["test"].jets))}))

    with tempfile.TemporaryDirectory() as folder:
        sample, further, anew = (Path(folder) / name for name in ("sample", "further", "anew"))

        def by_command(config: RunConfig, out: Path) -> keras.Model:
            train_run(config, out, progress=False)
            return load_autoencoder(out)

        def shorter(start: Path | None) -> RunConfig:
            start_from = None if start is None else str(start)
            return replace(on_file, training=replace(on_file.training, epochs=epochs, start_from=start_from))

        timed("sample alone", lambda: by_command(config, sample))
        timed(f"`train --start-from`, {epochs} epochs", lambda: by_command(shorter(sample), further))
        batch_size, jets = config.training.batch_size, parts["train"].jets
        timed(f"`model.fit`, {epochs} epochs", lambda: fit_plainly(sample, jets, epochs, batch_size))
        timed(f"anew, {epochs} epochs", lambda: by_command(shorter(None), Path(folder) / "short"))
        timed(f"anew, {config.training.epochs} epochs", lambda: by_command(on_file, anew))
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare ways to go on with a trained model.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    jets = collect(read_events([args.file]))
    space = PublishedSpace.of(jets.jets, jets.collection)
    split = split_events(jets, preset_config("folded").data, args.seed)
    test = split["test"]

    def evaluate(x_hat: NDArray) -> Figures:
        return evaluate_jets(test.jets, x_hat, test.collection, test.event, space, [])

    rows: list[tuple] = []
    results: dict[str, Any] = {}
    # The preset of the same name; a quantized encoder is for firmware.
    for preset in (name for name, architecture in ARCHITECTURES.items() if not architecture.for_firmware):
        for way, figures in measure(preset, args.file, split, args.seed, evaluate):
            rows.append((preset, way, *_numbers(figures), figures["seconds"]))
            results[f"{preset}: {way}"] = figures
    for baseline in fit_baselines(split["train"].jets, test.collection):
        figures = evaluate(baseline(test.jets))
        rows.append(("formula", baseline.formula, *_numbers(figures), 0.0))
        results[baseline.name] = figures
    header = ["model", "trained", "MSE", "E", "pt", "eta", "phi [rad]", "jet mass", "s"]
    body = f"""
{test.n_jets:,} jets of the test split of {args.file.name}. *sample alone* has seen none of the file. E, pt: mean
|relative error|; eta, phi: mean |error|; *jet mass*: median |relative error|; *MSE* by the published formula; *s*: of
the whole training with its report, but for `model.fit`. Adam's rate is {ADAM:g}; `train` has the preset's cycle.

{table(header, rows)}
"""
    command = "python -m benchmarks.fine_tuning FILE"
    write("fine_tuning", "Fine-tuning", command, body, {"runs": results}, ["numpy", "tensorflow", "keras"])


def _numbers(figures: Figures) -> list[float]:
    errors = [figures["test"][name]["mean_abs"] for name in ("E", "pt", "eta", "phi")]
    return [figures["published"]["mse"], *errors, figures["mass"]["median_abs"]]


if __name__ == "__main__":
    main()
