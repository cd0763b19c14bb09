"""The words and tables of docs/rate_distortion.md, all from the numbers that were measured."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from benchmarks.compression import Result
from benchmarks.copies import MAX_EXCESS, MAX_MOVE, MAX_SCALE
from benchmarks.peers import peers
from benchmarks.results import table
from benchmarks.throughput import BOUND, Speed

BOUNDS = ("1e-2", "1e-3", "1e-4")
MASS = "1e-3,mass=1e-2"
ENTROPY, SMALL, MEMORY = "ours, entropy", "ours, parquet, zstd-19", "ours, entropy, in memory"
CONTAINER = ": container"  # of a file, beside its bits

INTRODUCTION = """
The largest error of any jet is bounded: relative for E and pt, absolute for eta and phi [rad]. Every method gives its
jets back, and every jet is checked. *Bits per jet* count the whole file of ours, with header and tables, but not the
other columns; of peers their streams alone, and the number of jets of each event as bytes through zstd-19. Entropy
models are learned on the training split (seed 0, 80 % of the events) of each file, as `train` does. Errors are
relative for E, pt and the masses. *MB/s* are of four float32 a jet: peers from memory to memory in one thread, the
search for settings not counted; ours the whole command, which reads the file, verifies and writes, and back to
Parquet, but for *in memory* (`JetCodec`: one thread, verification included, no missing momentum known). *in* is to
compress, *out* to decompress.

![Bits per jet against the bound](rate_distortion.png)

SZ3 leaves the picture where it needs more than 95 bits.
""".strip()


def report(files: list[dict[str, Any]], many: dict[str, float] | None, speeds: list[Speed]) -> str:
    """Write the whole page, but for its title."""
    notes = "\n".join(f"- {peer.name}: {peer.note}." for peer in peers())
    parts = [
        INTRODUCTION,
        "## Where others win",
        _losses(files, speeds),
        "## How the peers were set up",
        notes,
        *(_describe(file) for file in files),
    ]
    if many is not None:
        parts += [_many(many)]
    if speeds:
        parts += [_speed(speeds)]
    return "\n\n".join(parts)


def _losses(files: list[dict[str, Any]], speeds: list[Speed]) -> str:
    """Say where others win, from the numbers."""
    first = files[0]
    at: dict[str, dict[str, Any]] = {r["method"]: r for r in first["results"] if r["bound"] == BOUND}
    lines = [
        f"- Speed from memory at {BOUND}: {_fastest(at, 'encode')} in and {_fastest(at, 'decode')} out; {MEMORY}: "
        f"{at[MEMORY]['encode']:.0f} and {at[MEMORY]['decode']:.0f} MB/s."
    ]
    ours = at[ENTROPY]["errors"]["mass"]["median_abs"]
    better = [(r["errors"]["mass"]["median_abs"], name) for name, r in at.items() if not name.startswith("ours")]
    named = ", ".join(f"{name} {error:.2g}" for error, name in sorted(better) if error < ours)
    lines.append(
        f"- Errors below the bound: ours uses the bound up, some others do not. Median error of the jet mass at "
        f"{BOUND}: {named}; ours {ours:.2g} (who needs the mass bounds it, see below)."
    )
    for file in files:
        for few in file["few_jets"]:
            name = min((few[peer.name], peer.name) for peer in peers())[1]
            lines.append(
                f"- {few['n_jets']:.0f} jets of {file['file']} at {BOUND}: the smallest peer is {name}, "
                f"{few[name]:.1f} bits; our files have {few[ENTROPY]:.1f} (entropy, {few[ENTROPY + CONTAINER]:.1f} of "
                f"them container) and {few[SMALL]:.1f} (parquet, {few[SMALL + CONTAINER]:.1f})."
            )
    for way in ("compress", "decompress") if speeds else ():
        rates = ", ".join(f"{s.method} {getattr(s, way).rate(s.n_jets):.2f}" for s in speeds)
        lines.append(f"- Large files, million jets/s to {way}: {rates}.")
    exact = {r["method"]: r["bits"] for r in first["results"] if r["bound"] == "lossless"}
    lines.append("- Without loss: " + ", ".join(f"{name}: {bits:.1f} bits" for name, bits in exact.items()) + ".")
    lines.append("- To read an entropy-coded file takes the model (which it may embed); no other method needs one.")
    return "\n".join(lines)


def _fastest(at: dict[str, dict[str, Any]], way: str) -> str:
    winner = max(at, key=lambda name: at[name][way])
    return f"{winner} {at[winner][way]:.0f} MB/s"


def _describe(file: dict[str, Any]) -> str:
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
    parts += [f"With the mass bounded as well ({MASS}; where the input's digits do not carry the mass, as they allow):"]
    parts += [_errors([r for r in results if r.bound == MASS])]
    parts += ["Without loss:", _errors([r for r in results if r.bound == "lossless"])]
    seen = file["stream_bits_by_split"]
    split_rows = [(name, *(f"{seen[b][name]:.2f}" for b in BOUNDS)) for name in ("train", "validation", "test")]
    parts += ["The entropy model saw the events of *train* alone. Bits per jet of the streams (no header), `entropy`:"]
    parts += [table(["events of", *BOUNDS], split_rows), _few(file["few_jets"])]
    return "\n\n".join(parts)


def _errors(results: list[Result]) -> str:
    columns = [(name, kind) for name in ("E", "pt", "eta", "phi") for kind in ("max", "mean")]
    columns += [(name, kind) for name in ("mass", "dijet mass") for kind in ("median", "mean")]
    speeds = ["MB/s in", "MB/s out", "million jets/s in", "million jets/s out"]
    rows = []
    for r in results:
        errors = [f"{r.errors[name][f'{kind}_abs']:.2g}" for name, kind in columns]
        jets = [f"{rate / 16:.2f}" for rate in (r.encode, r.decode)]
        rows.append((r.method, f"{r.bits:.2f}", *errors, f"{r.encode:.3g}", f"{r.decode:.3g}", *jets))
    return table(["method", "bits", *(f"{name} {kind}" for name, kind in columns), *speeds], rows)


def _few(few: list[dict[str, float]]) -> str:
    if not few:
        return ""
    header = ["bits per jet", *(f"{found['n_jets']} jets" for found in few)]
    rows = [(name, *(f"{found[name]:.2f}" for found in few)) for name in few[0] if name != "n_jets"]
    return f"Small files, the first events alone, without other columns, at {BOUND}:\n\n" + table(header, rows)


def _many(many: dict[str, float]) -> str:
    rows = [(name, f"{bits:.2f}") for name, bits in many.items() if name != "n_jets"]
    return f"""
## {many["n_jets"]:,} jets: what larger files change

Peers with tables of their own need many jets. Bits per jet at {BOUND} on the file below, at that size; our entropy
model is that of the shipped sample, from which these jets are made:

{table(["method", "bits per jet"], rows)}
""".strip()


def _speed(speeds: list[Speed]) -> str:
    base = speeds[0]
    ways = [(f"million jets/s {way}", "x", f"CPU s {way}", f"GB {way}") for way in ("in", "out")]
    header = ["method", "bits per jet", *ways[0], *ways[1]]
    rows = []
    for s in speeds:
        cells: list[str] = []
        for usage, first in ((s.compress, base.compress), (s.decompress, base.decompress)):
            cells += [f"{usage.rate(s.n_jets):.2f}", f"{first.seconds / usage.seconds:.2f}"]
            cells += [f"{1e6 * usage.cpu / s.n_jets:.2f}", f"{usage.memory:.2f}"]
        rows.append((s.method, f"{s.bits:.2f}", *cells))
    return f"""
## {base.n_jets:,} jets: speed and memory of the commands

The shipped sample again and again, in Parquet, float32, with missing momentum. zstd would find copies, so the events
of every copy come in an order of their own, each turned in phi, mirrored in eta or not, and scaled by up to
{100 * MAX_SCALE:g} %; the eta of every jet is moved by up to {MAX_MOVE:g}, its E/p - 1 scaled by up to
{100 * MAX_EXCESS:g} %. The bound is {BOUND}. Each method is a command in a process of its own, its start included:
*in* to a compressed file, *out* to Parquet; *x* is the ratio to the baseline. Ours verifies every jet before its file
appears, with a process or a thread on every core, and *any columns* fits its entropy model to the file, which is in it;
the baseline verifies nothing and is one process (its bits: the four columns,
which Parquet gives list lengths each). *CPU s*: of all processes and cores together, for a million jets. *GB*: largest
resident memory of the command and its workers together, pages that they share counted each time.

{table(header, rows)}
""".strip()
