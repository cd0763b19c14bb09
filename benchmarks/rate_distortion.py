"""How small files of jets become within a bound, how fast, and what it costs: ours beside what is used today.

    python -m benchmarks.rate_distortion FILE [FILE ...]

All methods compress the same jets under the same bound on the largest error, and every jet is checked.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mplhep
import numpy as np

from atlas_keras.density.densities import Densities
from benchmarks.compression import (
    Events,
    Result,
    learn,
    measure_array,
    measure_exact,
    measure_file,
    measure_peer,
    part_summary,
    split_bits,
)
from benchmarks.peers import pack_counts, peers
from benchmarks.results import DOCS, table, write
from benchmarks.throughput import BASELINE, BOUND, MOST_SCALE, Speed, measure_speed

BOUNDS = ("1e-2", "1e-3", "1e-4")
MASS = "1e-3,mass=1e-2"
FAST = 2  # level of zstd
DENSE, SMALL, QUICK = "ours, dense", "ours, portable, zstd-19", f"ours, portable, zstd-{FAST}"
OURS: dict[str, dict[str, Any]] = {
    DENSE: {"coding": "dense"},
    SMALL: {"coding": "portable", "level": 19},
    QUICK: {"coding": "portable", "level": FAST},
}
FEW = (200, 2000)  # jets of a small file
STYLES = {  # of the lines in the picture
    "truncated floats, zstd-19": ("tab:gray", "s", "--"),
    "truncated floats, lzma": ("tab:brown", "D", ":"),
    "uniform integers, zstd-19": ("black", "o", "--"),
    "blosc2": ("tab:cyan", "x", ":"),
    "zfp": ("tab:green", "^", "--"),
    "SZ3": ("tab:purple", "v", "--"),
    QUICK: ("tab:orange", "o", ":"),
    SMALL: ("tab:orange", "o", "-"),
    DENSE: ("tab:red", "o", "-"),
}


def measure(path: Path) -> dict[str, Any]:
    """Measure all methods on a file, with densities learned on its training split."""
    events, densities = Events.read(path), learn(path)
    results = []
    for bound in BOUNDS:
        results += [measure_peer(peer, events, bound) for peer in peers()]
        results += [measure_file(name, densities, events, bound, **how) for name, how in OURS.items()]
        results.append(measure_array(densities, events, bound))
    results += [measure_file(name, densities, events, MASS, **OURS[name]) for name in (DENSE, SMALL)]
    results.append(measure_file("ours, lossless", None, events, "lossless"))
    results += [measure_exact(dtype, events) for dtype in (np.float64, np.float32)]
    return {
        "file": path.name,
        "n_jets": len(events.jets),
        "n_events": len(events.n_jets),
        "structure_bits": 8 * len(pack_counts(events.n_jets)) / len(events.jets),
        "results": [result.to_dict() for result in results],
        "stream_bits_by_split": {bound: split_bits(densities, events, bound) for bound in BOUNDS},
        "few_jets": [few_jets(events, densities, n) for n in FEW if n <= len(events.jets)],
    }


def few_jets(events: Events, densities: Densities, n: int) -> dict[str, float]:
    """Measure a file of the first events with so many jets, without other columns, at 1e-3."""
    first = np.cumsum(events.n_jets) <= n
    few = Events(events.path, events.unit, events.n_jets[first], events.jets[: events.n_jets[first].sum()])
    bits: dict[str, float] = {"n_jets": len(few.jets)}
    for peer in peers():
        content = peer.tuned(few.jets, float(BOUND)).encode(few.jets)
        bits[peer.name] = 8 * (len(content) + len(pack_counts(few.n_jets))) / len(few.jets)
    for name, coding in ((SMALL, "portable"), (DENSE, "dense")):
        done = part_summary(densities, events, BOUND, first, coding, others=False)
        bits[name] = done.bits_per_jet
        bits[f"{name}: container"] = 8 * done.bytes_by_stream["container"] / len(few.jets)
    bits["ours, dense, in memory"] = measure_array(densities, few, BOUND).bits
    return bits


def draw(files: list[dict[str, Any]]) -> None:
    """Draw the bits of a jet against the bound, a line a method."""
    with plt.style.context(mplhep.style.ATLAS):
        figure, axes = plt.subplots(
            1, len(files), figsize=(9 * len(files) + 5, 9), layout="constrained", sharey=True, squeeze=False
        )
        for axis, file in zip(axes[0], files, strict=True):
            for method, (colour, marker, line) in STYLES.items():
                bits = {r["bound"]: r["bits"] for r in file["results"] if r["method"] == method}
                width = 3.5 if method in OURS else 2
                axis.plot(
                    [float(b) for b in BOUNDS],
                    [bits[b] for b in BOUNDS],
                    label=method,
                    color=colour,
                    marker=marker,
                    markersize=9,
                    linestyle=line,
                    linewidth=width,
                )
            axis.set(xscale="log", xlim=(2e-2, 5e-5), ylim=(15, 95), xlabel="largest error of E, pt, eta, phi")
            axis.set_title(f"{file['n_jets']:,} jets of {file['file']}", fontsize=16)
            axis.grid(axis="y", alpha=0.3)
        axes[0, 0].set_ylabel("bits per jet")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", fontsize=17)
        DOCS.mkdir(exist_ok=True)
        figure.savefig(DOCS / "rate_distortion.png", dpi=60)
    plt.close(figure)


def describe(file: dict[str, Any]) -> str:
    """Write the section of a file."""
    results = [Result(**result) for result in file["results"]]
    by_method: dict[str, dict[str, Result]] = defaultdict(dict)
    for result in results:
        by_method[result.method][result.bound] = result
    compared = {name: found for name, found in by_method.items() if set(BOUNDS) <= set(found)}
    rows = [(name, *(f"{found[b].bits:.2f}" for b in BOUNDS)) for name, found in compared.items()]
    parts = [f"## {file['n_jets']:,} jets in {file['n_events']:,} events of {file['file']}"]
    parts += [f"Bits per jet at each bound; {file['structure_bits']:.2f} of a peer's are the event structure:"]
    parts += [table(["bits per jet", *BOUNDS], rows)]
    for bound in BOUNDS:
        parts += [f"At {bound}:", _errors([found[bound] for found in compared.values()])]
    parts += [f"With the mass bounded as well ({MASS}; where digits of the input do not carry it, as they allow):"]
    parts += [_errors([r for r in results if r.bound == MASS])]
    parts += ["Without loss:", _errors([r for r in results if r.bound == "lossless"])]
    seen = file["stream_bits_by_split"]
    split_rows = [(name, *(f"{seen[b][name]:.2f}" for b in BOUNDS)) for name in ("train", "validation", "test")]
    parts += ["What the densities have not seen: bits of the jets' streams alone (no header), `dense`, split by split:"]
    parts += [table(["events of", *BOUNDS], split_rows), _few(file["few_jets"])]
    return "\n\n".join(parts)


def _errors(results: list[Result]) -> str:
    columns = [(name, kind) for name in ("E", "pt", "eta", "phi") for kind in ("max", "mean")]
    columns += [(name, kind) for name in ("mass", "dijet mass") for kind in ("median", "mean")]
    header = ["method", "bits", *(f"{name} {kind}" for name, kind in columns), "MB/s in", "MB/s out"]
    rows = []
    for r in results:
        errors = [f"{r.errors[name][f'{kind}_abs']:.2g}" for name, kind in columns]
        rows.append((r.method, f"{r.bits:.2f}", *errors, r.encode, r.decode))
    return table(header, rows)


def _few(few: list[dict[str, float]]) -> str:
    """Write the table of small files."""
    if not few:
        return ""
    names = [name for name in few[0] if name != "n_jets"]
    header = ["bits per jet", *(f"{found['n_jets']} jets" for found in few)]
    rows = [(name, *(f"{found[name]:.2f}" for found in few)) for name in names]
    return f"Small files, the first events alone, without other columns, at {BOUND}:\n\n" + table(header, rows)


def describe_speed(speeds: list[Speed]) -> str:
    """Write the section of large files."""
    base = speeds[0]
    header = ["method", "bits per jet", "million jets/s in", "x", "million jets/s out", "x", "GB in", "GB out"]
    rows = []
    for s in speeds:
        ratios = (f"{s.compress / base.compress:.2f}", f"{s.decompress / base.decompress:.2f}")
        memory = (f"{s.compress_memory:.2f}", f"{s.decompress_memory:.2f}")
        rows.append((s.method, f"{s.bits:.2f}", s.compress, ratios[0], s.decompress, ratios[1], *memory))
    return f"""
## {base.n_jets:,} jets: speed and memory of the commands

The shipped sample again and again, in Parquet, float32, with missing momentum; the events of every copy come in an order
of their own, each turned, mirrored in eta or not, and scaled by up to {100 * MOST_SCALE:g} %, so that zstd finds no copies.
Bound {BOUND}. Each method is a command in a process of its own, its start included, *in* to a file and *out* to Parquet;
*x* is the ratio to the baseline. Ours verifies every jet before its file appears, and uses all cores; the baseline
verifies nothing, and is one process (its bits: the four columns). *GB*: largest resident memory of the command and its
workers together.

{table(header, rows)}
"""


def losses(files: list[dict[str, Any]], speeds: list[Speed]) -> str:
    """Say in words where others win, from the numbers."""
    first = files[0]
    at = {r["method"]: r for r in first["results"] if r["bound"] == BOUND}
    fastest = {way: max(at.values(), key=lambda r, way=way: r[way]) for way in ("encode", "decode")}
    lines = [
        f"- Speed: at {BOUND}, from memory, {fastest['encode']['method']} takes {fastest['encode']['encode']:.0f} MB/s and "
        f"{fastest['decode']['method']} gives {fastest['decode']['decode']:.0f} MB/s back; ours, dense, in memory, "
        f"{at['ours, dense, in memory']['encode']:.0f} and {at['ours, dense, in memory']['decode']:.0f}."
    ]
    if speeds:
        for way in ("compress", "decompress"):
            winner = max(speeds, key=lambda s, way=way: getattr(s, way))
            lines.append(f"- Large files: the fastest to {way} is {winner.method}.")
    for file in files:
        for few in file["few_jets"]:
            ways = {name: bits for name, bits in few.items() if name != "n_jets" and not name.endswith("container")}
            winner = min(ways, key=lambda name, ways=ways: ways[name])
            lines.append(
                f"- {few['n_jets']:.0f} jets of {file['file']}: the smallest is {winner} ({ways[winner]:.1f} bits); our "
                f"dense file has {few[DENSE]:.1f}, {few[DENSE + ': container']:.1f} of them header and container."
            )
    lines.append("- A dense file needs its model (or embeds it); all others are read without one.")
    exact = {r["method"]: r["bits"] for r in first["results"] if r["bound"] == "lossless"}
    lines.append("- Without loss: " + ", ".join(f"{name} {bits:.1f} bits" for name, bits in exact.items()) + ".")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare ways to compress jets within a bound.")
    parser.add_argument("files", metavar="FILE", type=Path, nargs="+")
    parser.add_argument(
        "--speed-jets", type=int, default=5_000_000, help="jets of the large file; 0: none (default: 5,000,000)"
    )
    args = parser.parse_args()
    files = [measure(path) for path in args.files]
    speeds = measure_speed(learn_sample(), args.speed_jets) if args.speed_jets else []
    draw(files)
    notes = "\n".join(f"- {peer.name}: {peer.note}." for peer in peers())
    body = f"""
The largest error of any jet is bounded: relative for E and pt, absolute for eta and phi [rad]. Every method gives its
jets back, and every jet is checked. *Bits per jet* count the whole file of ours, with header and tables, but not the other
columns; of peers their streams alone, and the number of jets of each event as bytes through zstd-19. Densities are learned
on the training split (seed 0, 80 % of the events) of each file, as `train` does. Errors are relative for E, pt and the
masses. *MB/s* are of four float32 a jet: peers from memory to memory in one thread, the search for settings not
counted; ours the whole command, reading {files[0]["file"]} and its like, verifying, writing, and back to Parquet, but for
*in memory* (`JetCodec`: one thread, verification included, no missing momentum known).

![Bits per jet against the bound](rate_distortion.png)

(SZ3 leaves the picture where it needs more than 95 bits.)

Where others win:

{losses(files, speeds)}

How the peers were set up:

{notes}

{(chr(10) * 2).join(describe(file) for file in files)}
{describe_speed(speeds) if speeds else ""}
"""
    figures = {"files": files, "baseline": BASELINE, "speed": [speed.to_dict() for speed in speeds]}
    packages = ["numpy", "pyarrow", "constriction", "zstandard", "blosc2", "zfpy", "h5py", "hdf5plugin"]
    command = "python -m benchmarks.rate_distortion FILE [FILE ...]"
    write("rate_distortion", "Rate and distortion", command, body, figures, packages)


def learn_sample() -> Densities:
    """Learn the densities of the shipped sample."""
    from atlas_keras.data.reading import SAMPLE

    return learn(SAMPLE)


if __name__ == "__main__":
    main()
