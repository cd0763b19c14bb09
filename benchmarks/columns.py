"""Jets of 27 variables in k numbers: principal components, `columns`, and the published recipe in PyTorch.

    python scripts/make_substructure_sample.py --jets 34000 --seed 11 --out FOLDER
    python -m benchmarks.columns FOLDER/substructure.parquet

All see the same split by event and train on one core; `columns` gets the published weights, so that it minimizes the
error by which it is compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.config import DataConfig, preset_config
from atlas_keras.data.look import choose_collection
from atlas_keras.data.readers import find_files, read_events
from atlas_keras.data.splitting import JetTable, collect, split_events
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.models.prediction import predict
from atlas_keras.schema import Collection
from atlas_keras.serving.litert import litert_bytes
from atlas_keras.training.fit import fit
from benchmarks.figures import residuals
from benchmarks.results import DOCS, table, write

# The published normalization: a logarithm to the base 10 of x + a, less b, by c; or x by c.
LOGARITHMS = {
    "pt": (0, 1.3, 1.2), "E": (0, 1.3, 1.2), "mass": (1, 0, 1.8), "D2": (1, 0, 1.8),
    "sumPtTracks500": (1, 0, 2.4), "sumPtTracks1000": (1, 0, 2.4),
}  # fmt: skip
SIZES = {
    "eta": 5, "phi": 3, "area": 0.8, "nConstituents": 60, "nCharged": 40, "phEF": 1, "chHEF": 1, "neHEF": 1,
    "girth": 0.6, "ptD": 1, "tau1": 0.6, "tau2": 0.6, "tau3": 0.6, "e2": 0.3, "C2": 0.4, "leadingFraction": 1,
    "timing": 4, "emFraction1": 0.5, "emFraction2": 1, "tileFraction": 1, "charge": 1,
}  # fmt: skip
FEATURES = (*LOGARITHMS, *SIZES)
NOT_NEGATIVE = ("mass", "D2", "sumPtTracks500", "sumPtTracks1000")
LATENTS = (8, 10, 12, 14, 16, 18, 20)
EPOCHS = 300  # of columns; the peer gets as many as take the same time, and
LONGER = 12  # times as many
METHODS = ("pca", "columns", "peer", "peer_longer")
PEER = ("--batch", "256", "--peak", "5e-3")  # the recipe has 4096 and 1e-2, for more jets: worse here at 14


def normalize(jets: NDArray[np.floating], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Normalize as published; what cannot be negative and comes back so counts as 0."""
    parts = []
    for column, name in zip(np.asarray(jets, np.float64).T, names, strict=True):
        if name in LOGARITHMS:
            offset, middle, size = LOGARITHMS[name]
            x = np.maximum(column, 0) if name in NOT_NEGATIVE else column
            parts.append((np.log10(np.maximum(x + offset, 1e-9)) - middle) / size)
        else:
            parts.append(column / SIZES[name])
    return np.column_stack(parts)


def squares(rows: NDArray, target: NDArray, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Compute the squared errors of normalized rows; an angle errs by half a turn at most."""
    errors = np.asarray(rows, np.float64) - target
    turn, at = 2 * np.pi / SIZES["phi"], names.index("phi")
    errors[:, at] -= turn * np.round(errors[:, at] / turn)
    return errors**2


def principal_components(train: NDArray, test: NDArray, k: int) -> NDArray:
    """Give the rows back from k principal components of the training split."""
    mean = train.mean(axis=0)
    axes = np.linalg.svd(train - mean, full_matrices=False)[2][:k]
    return (test - mean) @ axes.T @ axes + mean


def train_columns(split: dict[str, JetTable], collection: Collection, k: int) -> tuple[JetAutoencoder, dict[str, Any]]:
    """Train our autoencoder; give it and its figures."""
    keras.utils.set_random_seed(0)
    config = preset_config("columns")
    deviations = normalize(split["train"].jets, collection.names).std(axis=0)
    weights = dict(zip(collection.names, map(float, deviations), strict=True))
    model = replace(config.model, n_latent=k, weights=weights)
    training = replace(config.training, epochs=EPOCHS)
    started = time.process_time()
    setup = set_up_training(model, split["train"].jets, collection, "GeV")
    rows = {name: predict(setup.normalize, part.jets) for name, part in split.items()}
    peak = training.learning_rate
    assert isinstance(peak, float)
    fit(setup, rows["train"], rows["validation"], training, learning_rate=peak, progress=False)
    return setup.autoencoder, {"cpu_seconds": time.process_time() - started, "n_parameters": setup.n_parameters}


def train_peer(rows: Path, k: int, epochs: int) -> tuple[NDArray, dict[str, Any]]:
    """Train the published recipe in PyTorch, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.npy"
        command = [sys.executable, "-m", "benchmarks.torch_columns", str(rows), str(out), *PEER]
        numbers = ["--latents", str(k), "--epochs", str(epochs)]
        done = subprocess.run([*command, *numbers], check=True, stdout=subprocess.PIPE, text=True).stdout
        return np.load(out), json.loads(done)


def encoder_speed(model: JetAutoencoder, jets: NDArray[np.float32]) -> float:
    """Measure how many jets a second the LiteRT encoder does, as the peer's is measured."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=litert_bytes(model, ["encode"]), num_threads=1)
    runner, batch, rates = interpreter.get_signature_runner("encode"), jets[:4096], []
    for _ in range(20):
        started = time.perf_counter()
        runner(jets=batch)
        rates.append(len(batch) / (time.perf_counter() - started))
    return max(rates)


def codec_bits(path: Path, collection: Collection, medians: dict[str, float], n_jets: int) -> float:
    """Compress the columns so that each errs by as much in the median, and count the bits of the file for a jet.

    A value within a bound errs by half of it in the median. E follows from the others, and whole numbers stay exact.
    """
    bounds, names = [], ["event"]
    for column in collection:
        if column.name != "E":
            kind = "rel" if column.is_relative else "angle" if column.periodic else "abs"
            names.append(f"Jet_{column.name}")
            if not column.is_whole:
                bounds.append(f"Jet_{column.name}={kind} {2 * medians[column.name]!r}")
    with tempfile.TemporaryDirectory() as folder:
        summary = compress_columns(path, Path(folder) / "jets.akc", bounds, columns=names)
    return 8 * summary.size / n_jets


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.0f}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare autoencoders of 27 columns.")
    parser.add_argument("file", nargs="?", default="sample:substructure")
    parser.add_argument("--latents", type=int, nargs="+", default=LATENTS)
    parser.add_argument("--codec", action="store_true", help="keep what was trained, and measure the codec anew")
    parser.add_argument(
        "--longer", type=int, nargs="+", metavar="K", help="keep the rest, and train the peer longer at K"
    )
    args = parser.parse_args()
    (path,) = find_files(args.file)
    collection = choose_collection(path, None, FEATURES)
    jets = collect(read_events(path, collection=collection, unit="GeV"))
    if args.codec or args.longer:
        known = json.loads((DOCS / "columns.json").read_text())["runs"]
        runs = {int(k): run for k, run in known.items()}
    else:
        runs = train_all(jets, collection, args.latents)
    for run in runs.values():
        if not args.longer:
            run["codec_bits"] = codec_bits(path, collection, run["median_error"], jets.n_jets)
    report(path.name, jets, collection, runs)
    if not args.codec:
        for _ in train_longer(jets, collection, {k: runs[k] for k in args.longer or runs}):
            report(path.name, jets, collection, runs)


@dataclass(frozen=True)
class Rows:
    """The splits in the published normalization.

    Args:
        names: of the columns.
        splits: by name, shape `(n_jets, n_columns)`.
        file: that the peer reads.
    """

    names: tuple[str, ...]
    splits: dict[str, NDArray[np.float64]]
    file: Path

    @classmethod
    @contextmanager
    def of(cls, split: dict[str, JetTable], names: tuple[str, ...]) -> Iterator[Self]:
        """Normalize the splits, and keep them in a file for a while."""
        splits = {name: normalize(part.jets, names) for name, part in split.items()}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.npz"
            np.savez(file, **{name: part.astype(np.float32) for name, part in splits.items()})  # type: ignore[arg-type]
            yield cls(names, splits, file)

    def peer_epoch(self) -> float:
        """Measure the CPU seconds that an epoch of the peer takes: the fastest, as a busy machine only adds to them."""
        return float(train_peer(self.file, 14, 12)[1]["fastest_epoch"])

    def keep(self, run: dict[str, Any], method: str, rows: NDArray, **training: float) -> None:
        """Keep in a run how the rows of the test split come back by a method, and what its training took."""
        test = self.splits["test"]
        errors = squares(rows, test, self.names)
        shares = errors.mean(axis=0) / test.var(axis=0)
        run.setdefault("mse", {})[method] = float(errors.mean())
        run.setdefault("by_column", {})[method] = dict(zip(self.names, shares.tolist(), strict=True))
        for measure, taken in training.items():
            run.setdefault(measure, {})[method] = taken


def train_all(jets: JetTable, collection: Collection, latents: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Train ours and, for as long, the peer, for every number of latents."""
    split = split_events(jets, DataConfig(), 0)
    test = split["test"].jets
    runs: dict[int, dict[str, Any]] = {}
    with Rows.of(split, collection.names) as rows:
        an_epoch = rows.peer_epoch()
        for k in latents:
            model, ours = train_columns(split, collection, k)
            back = predict(model, test)
            epochs = max(1, round(ours["cpu_seconds"] / an_epoch))
            equal, peer = train_peer(rows.file, k, epochs)
            own = residuals(test.astype(np.float64), back.astype(np.float64), collection)
            runs[k] = {
                "median_error": {name: float(np.nanmedian(np.abs(own[name]))) for name in collection.names},
                "n_parameters": {"columns": ours["n_parameters"], "peer": peer["n_parameters"]},
                "encoder_per_second": {"columns": encoder_speed(model, test), "peer": peer["encoder_per_second"]},
            }
            rows.keep(runs[k], "pca", principal_components(rows.splits["train"], rows.splits["test"], k))
            rows.keep(runs[k], "columns", normalize(back, collection.names), cpu_seconds=ours["cpu_seconds"])
            rows.keep(runs[k], "peer", equal, cpu_seconds=peer["cpu_seconds"], epochs=epochs)
            print(k, runs[k]["mse"], runs[k]["cpu_seconds"], flush=True)
    return runs


def train_longer(jets: JetTable, collection: Collection, runs: dict[int, dict[str, Any]]) -> Iterator[int]:
    """Train the peer for many times as long; yield each number of latents when its run has the figures."""
    with Rows.of(split_events(jets, DataConfig(), 0), collection.names) as rows:
        an_epoch = rows.peer_epoch()
        for k, run in runs.items():
            epochs = max(1, round(LONGER * run["cpu_seconds"]["columns"] / an_epoch))
            back, peer = train_peer(rows.file, k, epochs)
            rows.keep(run, "peer_longer", back, cpu_seconds=peer["cpu_seconds"], epochs=epochs)
            run["longer"] = LONGER
            yield k


def _longer(runs: dict[int, dict[str, Any]]) -> str:
    """Say how much longer the peer was trained at which k."""
    times = sorted({run["longer"] for run in runs.values() if "longer" in run}, reverse=True)
    at = {n: ", ".join(str(k) for k, run in runs.items() if run.get("longer") == n) for n in times}
    return ", ".join(f"{n} times as many at k = {ks}" for n, ks in at.items()) or "no longer time yet"


def _compared(runs: dict[int, dict[str, Any]]) -> str:
    """Say at which k the peer is better."""
    better = {
        method: ", ".join(str(k) for k, run in runs.items() if run["mse"].get(method, np.inf) < run["mse"]["columns"])
        for method in METHODS[2:]
    }
    equal, longer = (f"at k = {ks}" if ks else "nowhere" for ks in better.values())
    return (
        f"The peer's MSE is below that of `columns` {equal} at equal time, and {longer} where it trains longer: its "
        "network is larger, and goes on learning. Longer runs of `columns` were not tried."
    )


def _shares(collection: Collection, runs: dict[int, dict[str, Any]]) -> str:
    """Tell MSE / variance of each column: a table for each method, a column for each k."""
    titles = ("PCA", "columns", "peer, equal time", "peer, longer")
    parts = []
    for method, title in zip(METHODS, titles, strict=True):
        known = {k: run["by_column"][method] for k, run in runs.items() if method in run["by_column"]}
        rows = [(column, *(shares[column] for shares in known.values())) for column in collection.names]
        parts.append(table([title, *map(str, known)], rows))
    return "\n\n".join(parts)


def report(name: str, jets: JetTable, collection: Collection, runs: dict[int, dict[str, Any]]) -> None:
    """Write what was measured."""
    quality = [
        (
            k,
            *(run["mse"].get(method, "–") for method in METHODS),
            *(_seconds(run["cpu_seconds"].get(method)) for method in METHODS[1:]),
            *(f"{run['encoder_per_second'][method] / 1e6:.2f}" for method in ("columns", "peer")),
        )
        for k, run in runs.items()
    ]
    header = ["k", "PCA", "columns", "peer, equal time", "peer, longer", "columns [CPU s]", "peer", "peer, longer"]
    physical = [
        (
            f"{column.name}{', relative' if column.is_relative else ''}",
            *(run["median_error"][column.name] for run in runs.values()),
        )
        for column in collection
    ]
    bits = [
        ("latent, float32", *(f"{32 * k}" for k in runs)),
        ("latent, float16", *(f"{16 * k}" for k in runs)),
        ("file of columns", *(f"{run['codec_bits']:.1f}" for run in runs.values())),
    ]
    body = f"""
{jets.n_jets:,} jets in {jets.n_events:,} events of {name}, {len(collection)} variables, split by event. *MSE* of the
test split in the published normalization. *PCA*: principal components of the normalized columns. *peer*: the published
recipe ({len(collection)}-200-200-200-k-200-200-200-{len(collection)}, batch norm, leaky ReLU, AdamW, one-cycle) in
PyTorch, on the same jets and one core: for as many epochs as take the CPU time of `columns`, and longer, for
{_longer(runs)}. *encoder*: million jets a second in batches of 4096 on one thread, ours in LiteRT from physical units,
the peer's in PyTorch from normalized rows.

{table([*header, "encoder [M/s]", "peer"], quality)}

{_compared(runs)}

MSE over the variance of each column:

{_shares(collection, runs)}

Median |error| of each column in its own terms, `columns` with as many latents:

{table(["column", *map(str, runs)], physical)}

Bits a jet: of the latent as it is and in half precision, and of a whole file by `compress`, lists of events included,
whose columns err by as much in the median (each bound is twice the median error; whole numbers stay exact there):

{table(["bits a jet", *map(str, runs)], bits)}

A latent bounds nothing: single jets err by far more than the median, and those of the file never by more than
its bound. For files, code the columns; a latent is for records of fixed size, triggers and averages.
"""
    packages = ["numpy", "tensorflow", "keras", "torch", "ai-edge-litert"]
    write("columns", "27 columns in k numbers", "python -m benchmarks.columns FILE", body, {"runs": runs}, packages)


if __name__ == "__main__":
    main()
