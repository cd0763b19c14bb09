"""How small files of jets become within a bound, how fast, and what it costs: ours beside what is used today.

    python -m benchmarks.rate_distortion FILE [FILE ...]

All methods compress the same jets under the same bound on the largest error, and every jet is checked.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mplhep
import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.data.samples import SAMPLE
from benchmarks.compression import (
    Events,
    learn,
    measure_array,
    measure_exact,
    measure_file,
    measure_peer,
    part_summary,
    split_bits,
)
from benchmarks.copies import write_copies
from benchmarks.peers import pack_counts, peers
from benchmarks.rate_report import BOUNDS, CONTAINER, ENTROPY, MASS, MEMORY, SMALL, report
from benchmarks.results import DOCS, write
from benchmarks.throughput import BASELINE, BOUND, FAST, measure_speed

QUICK = f"ours, parquet, zstd-{FAST}"
OURS: dict[str, dict[str, Any]] = {
    ENTROPY: {"coding": "entropy"},
    SMALL: {"coding": "parquet", "level": 19},
    QUICK: {"coding": "parquet", "level": FAST},
}
FEW = (200, 2000)  # jets of a small file
MANY = 200_000
STYLES = {  # of the lines in the picture: color, marker, line
    "truncated floats, zstd-19": ("tab:gray", "s", "--"),
    "truncated floats, lzma": ("tab:brown", "D", ":"),
    "uniform integers, zstd-19": ("black", "o", "--"),
    "blosc2": ("tab:cyan", "x", ":"),
    "zfp": ("tab:green", "^", "--"),
    "SZ3": ("tab:purple", "v", "--"),
    QUICK: ("tab:orange", "o", ":"),
    SMALL: ("tab:orange", "o", "-"),
    ENTROPY: ("tab:red", "o", "-"),
}


def measure(path: Path) -> dict[str, Any]:
    """Measure all methods on a file, with entropy_model learned on its training split."""
    events, entropy_model = Events.read(path), learn(path)
    results = []
    for bound in BOUNDS:
        results += [measure_peer(peer, events, bound) for peer in peers()]
        results += [measure_file(name, entropy_model, events, bound, **how) for name, how in OURS.items()]
        results.append(measure_array(MEMORY, entropy_model, events, bound))
    results += [measure_file(name, entropy_model, events, MASS, **OURS[name]) for name in (ENTROPY, SMALL)]
    results.append(measure_file("ours, lossless", None, events, "lossless"))
    results += [measure_exact(dtype, events) for dtype in (np.float64, np.float32)]
    return {
        "file": path.name,
        "n_jets": len(events.jets),
        "n_events": len(events.n_jets),
        "structure_bits": 8 * len(pack_counts(events.n_jets)) / len(events.jets),
        "results": [result.to_dict() for result in results],
        "stream_bits_by_split": {bound: split_bits(entropy_model, events, bound) for bound in BOUNDS},
        "few_jets": [few_jets(events, entropy_model, n) for n in FEW if n <= len(events.jets)],
    }


def few_jets(events: Events, entropy_model: EntropyModel, n: int) -> dict[str, float]:
    """Measure the first events with so many jets as a file of their own, without other columns."""
    first = np.cumsum(events.n_jets) <= n
    few = Events(events.path, events.unit, events.n_jets[first], events.jets[: events.n_jets[first].sum()])
    bits = {"n_jets": len(few.jets), **_peer_bits(few)}
    for name in (ENTROPY, SMALL):
        done = part_summary(entropy_model, events, BOUND, first, OURS[name]["coding"], others=False)
        bits[name] = done.bits_per_jet
        bits[name + CONTAINER] = 8 * done.bytes_by_stream["container"] / len(few.jets)
    return {**bits, MEMORY: measure_array(MEMORY, entropy_model, few, BOUND).bits}


def many_jets(entropy_model: EntropyModel) -> dict[str, float]:
    """Measure a larger file, made from the shipped sample."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.parquet"
        write_copies(path, MANY)
        events = Events.read(path)
        everything: NDArray[np.bool_] = np.ones(len(events.n_jets), bool)
        bits = {"n_jets": len(events.jets), **_peer_bits(events)}
        for name in (ENTROPY, SMALL):
            done = part_summary(entropy_model, events, BOUND, everything, OURS[name]["coding"], others=True)
            bits[name] = done.bits_per_jet
    return bits


def _peer_bits(events: Events) -> dict[str, float]:
    return {peer.name: measure_peer(peer, events, BOUND).bits for peer in peers()}


def draw(files: list[dict[str, Any]]) -> None:
    """Draw the bits of a jet against the bound, a line a method."""
    with plt.style.context(mplhep.style.ATLAS):
        figure, axes = plt.subplots(
            1, len(files), figsize=(8 * len(files) + 5, 9), layout="constrained", sharey=True, squeeze=False
        )
        for axis, file in zip(axes[0], files, strict=True):
            for method, (color, marker, line) in STYLES.items():
                bits = {r["bound"]: r["bits"] for r in file["results"] if r["method"] == method}
                style = {"color": color, "marker": marker, "linestyle": line, "markersize": 9}
                style["linewidth"] = 3.5 if method in OURS else 2
                axis.plot([float(b) for b in BOUNDS], [bits[b] for b in BOUNDS], label=method, **style)
            axis.set(xscale="log", xlim=(2e-2, 5e-5), ylim=(15, 95), xlabel="largest error of E, pt, eta, phi")
            axis.set_title(f"{file['n_jets']:,} jets of {file['file']}", fontsize=15)
            axis.grid(axis="y", alpha=0.3)
        axes[0, 0].set_ylabel("bits per jet")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", fontsize=17)
        DOCS.mkdir(exist_ok=True)
        figure.savefig(DOCS / "rate_distortion.png", dpi=60)
    plt.close(figure)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare ways to compress jets within a bound.")
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+")
    parser.add_argument(
        "--speed-jets", type=int, default=5_000_000, help="jets of the large file; 0: none (default: 5,000,000)"
    )
    args = parser.parse_args()
    files = [measure(path) for path in args.files]
    entropy_model = learn(SAMPLE)
    many = many_jets(entropy_model) if args.speed_jets else None
    speeds = measure_speed(entropy_model, args.speed_jets) if args.speed_jets else []
    draw(files)
    figures = {
        "files": files,
        "many_jets": many,
        "speed": {"bound": BOUND, "baseline": BASELINE, "measured": [speed.to_dict() for speed in speeds]},
    }
    packages = ["numpy", "pyarrow", "constriction", "zstandard", "blosc2", "zfpy", "h5py", "hdf5plugin"]
    command = "python -m benchmarks.rate_distortion FILE [FILE ...]"
    write("rate_distortion", "Rate and distortion", command, report(files, many, speeds), figures, packages)


if __name__ == "__main__":
    main()
