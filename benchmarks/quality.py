"""How well jets come back: all presets, the published recipe in PyTorch, and formulas without training, side by side.

    python -m benchmarks.quality FILE

Every method sees the same split by event; all train on the same cores, one after the other, seed by seed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import matplotlib.pyplot as plt
import mplhep
import numpy as np
from numpy.typing import NDArray

from atlas_keras.config import DataConfig, preset_config
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import JetTable, collect, split_events
from atlas_keras.evaluation.baselines import fit_baselines
from atlas_keras.evaluation.published_figures import NOTEBOOK_FIGURES, PublishedSpace, published_figures
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.prediction import Predictor, predict
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.training.fit import fit
from benchmarks.figures import evaluate_jets, residuals
from benchmarks.results import DOCS, table, write

PRESETS = ("published", "kinematic", "folded")
TORCH = "published, PyTorch"
FORMULAS = {"massless": "E = p", "constant_ratio": "E = k p", "constant_mass": "E = sqrt(p^2 + (c pt)^2)"}
COLORS = ("black", "tab:orange", "tab:red", "tab:blue", "tab:green")
TARGET = NOTEBOOK_FIGURES["mse"]
Split = dict[str, JetTable]


def seconds_to_target(history: list[tuple[float, float]]) -> float | None:
    """Find when the MSE of the validation split first was as small as the published one."""
    return next((seconds for seconds, mse in history if mse <= TARGET), None)


class Weights(keras.callbacks.Callback):
    """Keep the trained weights of every epoch, to look at them when the clock no longer runs."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[list[NDArray]] = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Keep them."""
        self.epochs.append(self.model.get_weights())


def train_preset(preset: str, split: Split, space: PublishedSpace, seed: int) -> tuple[NDArray, dict[str, Any]]:
    """Train one of our presets; give the test split's jets as they come back, and the figures of the training."""
    keras.utils.set_random_seed(seed)
    config = preset_config(preset)
    training = replace(config.training, seed=seed)
    training_setup = set_up_training(config.model, split["train"].jets)
    rows = {name: predict(training_setup.normalize, part.jets) for name, part in split.items()}
    weights, peak = Weights(), training.learning_rate
    assert peak is not None
    history = fit(
        training_setup,
        rows["train"],
        rows["validation"],
        training,
        learning_rate=peak,
        callbacks=[weights],
        progress=False,
    )
    predictor, validation = Predictor(training_setup.autoencoder), split["validation"].jets
    x_hat = predictor(split["test"].jets)
    seconds, reached = np.cumsum(history["seconds"]), None
    for moment, values in zip(seconds, weights.epochs, strict=True):
        training_setup.trained.set_weights(values)
        mse = published_figures(validation, predictor(validation), space)["mse"]
        if mse is not None and mse <= TARGET:
            reached = float(moment)
            break
    return x_hat, {
        "n_parameters": training_setup.n_parameters,
        "seconds": float(seconds.iloc[-1]),
        "to_published": reached,
    }


def train_torch(file: Path, seed: int) -> tuple[NDArray, dict[str, Any]]:
    """Train the published recipe in PyTorch, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "jets.npy"
        command = [sys.executable, "-m", "benchmarks.torch_recipe", str(file), "--seed", str(seed)]
        done = subprocess.run(
            [*command, "--reconstructed", str(out)], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        figures = json.loads(done)
        training = {"n_parameters": figures["n_parameters"], "seconds": figures["train_seconds"]}
        return np.load(out), {**training, "to_published": seconds_to_target(figures["history"])}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare presets, the published recipe and formulas.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 (default: 3)")
    args = parser.parse_args()
    jets = collect(read_events([args.file]))
    space = PublishedSpace.of(jets.jets, jets.collection)
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    came_back: dict[str, NDArray] = {}
    for seed in range(args.seeds):
        split = split_events(jets, DataConfig(), seed)
        test, baselines = split["test"], fit_baselines(split["train"].jets, jets.collection)
        for method in (TORCH, *PRESETS):
            trained = train_torch(args.file, seed) if method == TORCH else train_preset(method, split, space, seed)
            came_back[method], training = trained
            runs[method].append(
                {**training, **evaluate_jets(test.jets, trained[0], test.collection, test.event, space, [])}
            )
        for baseline in baselines:
            x_hat = came_back[FORMULAS[baseline.name]] = baseline(test.jets)
            figures = evaluate_jets(test.jets, x_hat, test.collection, test.event, space, [])
            nothing = {"n_parameters": int(baseline.name != "massless"), "seconds": 0.0, "to_published": 0.0}
            runs[FORMULAS[baseline.name]].append({**nothing, **figures})
    draw(test.jets, came_back)
    methods = [*FORMULAS.values(), TORCH, *PRESETS]
    header = ["method", "MSE", "E", "pt", "eta", "phi [rad]", "jet mass", "spacelike", "parameters", "training [s]"]
    rows = [_row(method, runs[method]) for method in methods]
    times = [(method, " / ".join(_moment(run["to_published"]) for run in runs[method])) for method in (TORCH, *PRESETS)]
    body = f"""
{jets.n_jets:,} jets in {jets.n_events:,} events of {args.file.name}; test split, mean of {args.seeds} seeds. *MSE* is
by the published formula. E, pt: mean |relative error|; eta, phi: mean |error|; *jet mass*: median |relative error|;
*spacelike*: part of the jets with E < p. The formulas keep pt, eta and phi and need no training.

{table(header, rows)}

Seconds of training until the MSE of the validation split is the published {TARGET:.3g}, seed by seed (tracing of the
graph included; *not*: never in the whole training):

{table(["method", "seconds"], times)}

![Residuals of every method](quality.png)

Three float32 carry four variables in `folded`: phi is rounded to 2^14 cells and the mass is kept in the remaining bits
of the same number. This is no gain in bits by itself; the latent has 96 of them.
"""
    packages = ["numpy", "tensorflow", "keras", "torch"]
    write("quality", "Quality", "python -m benchmarks.quality FILE", body, {"runs": runs}, packages)


def _moment(seconds: float | None) -> str:
    return "not" if seconds is None else f"{seconds:.2f}"


def _row(method: str, runs: list[dict[str, Any]]) -> tuple:
    def mean(*keys: str) -> float:
        values: Any = runs
        for key in keys:
            values = [value[key] for value in values]
        return float(np.mean(values))

    errors = [mean("test", name, "mean_abs") for name in ("E", "pt", "eta", "phi")]
    rest = (mean("mass", "median_abs"), mean("spacelike_fraction"), str(runs[0]["n_parameters"]), mean("seconds"))
    return (method, mean("published", "mse"), *errors, *rest)


def draw(x: NDArray, came_back: dict[str, NDArray]) -> None:
    """Draw for each variable how many jets err by more than so much."""
    labels = {"E": "|relative error of E|", "pt": "|relative error of pt|", "eta": "|error of eta|"}
    labels["phi"] = "|error of phi| [rad]"
    methods = {"constant m/pt": FORMULAS["constant_mass"], TORCH: TORCH, **{preset: preset for preset in PRESETS}}
    with plt.style.context(mplhep.style.ATLAS):
        figure, axes = plt.subplots(2, 2, figsize=(13, 10), layout="constrained")
        for axis, (name, label) in zip(axes.flat, labels.items(), strict=True):
            for index, (title, method) in enumerate(methods.items()):
                size = np.sort(np.abs(residuals(x, came_back[method], FOUR_MOMENTUM)[name]))
                part = 1 - np.arange(len(size)) / len(size)
                # A variable that a method keeps exactly has no line, but its place in the legend.
                shown = size > 0
                axis.plot(size[shown], part[shown], label=title, linewidth=2.5, color=COLORS[index])
            axis.set(xscale="log", yscale="log", xlim=(1e-9, 1), ylim=(1 / len(x), 1.3), xlabel=label)
            axis.set_ylabel("part of the jets that err more")
        axes[0, 0].legend(fontsize=13, loc="lower left")
        DOCS.mkdir(exist_ok=True)
        figure.savefig(DOCS / "quality.png", dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    main()
