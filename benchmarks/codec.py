"""The learned coding of columns: four-vectors, jets of many columns, small files; bits beside rivals, and speed.

    python scripts/make_substructure_sample.py --jets 34000 --seed 11 --out FOLDER
    python -m benchmarks.codec FOUR_VECTORS FOLDER/substructure.parquet

FOUR_VECTORS is a file of events with missing momentum, such as that of the notebooks. Of the jets of many columns, the
first half of the events is learned from, and the other one is measured. Every value is compared with the source once
more.
"""

from __future__ import annotations

import argparse
import fnmatch
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.models import fit_columns
from atlas_keras.codec.columns.reader import open_columns
from atlas_keras.config import DataConfig
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import SPLITS, split_of_events
from atlas_keras.schema import FOUR_MOMENTUM
from benchmarks.array_rivals import array_rivals
from benchmarks.column_rivals import rounded_parquet
from benchmarks.compression import Events, learn, measure_file, measure_peer
from benchmarks.copies import write_copies
from benchmarks.peers import peers
from benchmarks.results import table as markdown
from benchmarks.results import write
from benchmarks.whole_files import check

BOUNDS = ("1e-2", "1e-3", "1e-4")
MISSING = ("MET", "METphi")
FEW = 100  # jets of a small file
SOME_JETS, SOME_EVENTS = 2000, (600, 2400)
COPIES, N_FOUR_VECTORS = 10, 1_000_000  # of what is timed
SMALLEST = "uniform integers, zstd-19"
TRUNCATED = "truncated floats, zstd-19"
OF_PEERS = (TRUNCATED, SMALLEST)


def n_jets(table: pa.Table) -> int:
    """Count the rows of the first column of lists."""
    name = next(name for name in table.column_names if pa.types.is_list(table.schema.field(name).type))
    return len(table[name].combine_chunks().flatten())


def first_jets(table: pa.Table, n: int) -> pa.Table:
    """Take the first events that have at most so many jets together."""
    name = next(name for name in table.column_names if pa.types.is_list(table.schema.field(name).type))
    counts = np.diff(table[name].combine_chunks().offsets.to_numpy())
    return table.slice(0, int((np.cumsum(counts) <= n).sum()))


def jet_bits(table: pa.Table, bounds: Sequence[str], folder: Path, model: Path | None = None) -> float:
    """Compress a table and check all of it; count the bits of a jet: all bytes but the streams of event columns."""
    source, target = folder / "source.parquet", folder / "ours.akc"
    pq.write_table(table, source)
    summary = compress_columns(source, target, bounds, model=model, force=True)
    with open_columns(target, model) as file:
        check(table, file.table(), summary.bounds)
        others = [size for name, size in file.column_bytes().items() if not is_list(table, name)]
    return 8 * (summary.size - sum(others)) / n_jets(table)


def is_list(table: pa.Table, name: str) -> bool:
    """Tell whether a column has a list an event."""
    return bool(pa.types.is_list(table.schema.field(name).type))


def fitted(table: pa.Table, bounds: Sequence[str], folder: Path) -> Path:
    """Fit an entropy model to a table."""
    source, target = folder / "learned.parquet", folder / "model.akc"
    pq.write_table(table, source)
    fit_columns([source], target, bounds, force=True)
    return target


def four_vectors(path: Path, folder: Path) -> dict[str, Any]:
    """Measure bits of four-vectors at three bounds, and of a small file of them."""
    batches = list(read_events([path], unit="file"))
    whole = pa.concat_tables([batch.table for batch in batches]).combine_chunks()
    whole = whole.select([*MISSING, *FOUR_MOMENTUM.names])
    train = split_of_events(whole.num_rows, DataConfig(), 0) == SPLITS.index("train")
    events, special = Events.read(path), learn(path)
    found: dict[str, dict[str, float]] = {}
    few: dict[str, float] = {}
    for bound in BOUNDS:
        bounds = [f"*=rel {bound}", f"*eta=abs {bound}", f"*phi=angle {bound}", "MET*=exact"]
        model = fitted(whole.filter(pa.array(train)), bounds, folder)
        bits = {peer.name: measure_peer(peer, events, bound).bits for peer in peers() if peer.name in OF_PEERS}
        bits["compress RUN, for four-vectors alone"] = measure_file("special", special, events, bound, rounds=1).bits
        bits["any columns, model of the training split"] = jet_bits(whole, bounds, folder, model)
        bits["any columns, model fitted to the file, in it"] = jet_bits(whole, bounds, folder)
        found[bound] = bits
        print(bound, bits, flush=True)
        if bound == "1e-3":
            part = first_jets(whole, FEW)
            n = n_jets(part)
            small = Events(path, events.unit, events.n_jets[: part.num_rows], events.jets[:n])
            few = {"n_jets": n, "any columns, model of the training split": jet_bits(part, bounds, folder, model)}
            few |= {peer.name: measure_peer(peer, small, bound).bits for peer in peers()}
    return {"file": path.name, "n_jets": len(events.jets), "bits": found, "few_jets": few}


def many_columns(learned: pa.Table, measured: pa.Table, bounds: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Measure bits of jets of many columns: with a model of other events, and with one of their own."""

    def rival(table: pa.Table) -> float:
        resolved = compress_columns(folder / "source.parquet", folder / "ours.akc", bounds, force=True).bounds
        sizes = rounded_parquet(table, resolved, folder)[0]
        return 8 * sum(size for name, size in sizes.items() if is_list(table, name)) / n_jets(table)

    few = first_jets(learned, SOME_JETS)
    cases = [(f"{n_jets(t):,} jets of other events", measured, t) for t in (learned, few)]
    cases += [
        ("the file itself, in it", part, None) for part in (measured, *(measured.slice(0, n) for n in SOME_EVENTS))
    ]
    rows = []
    for what, table, source in cases:
        model = None if source is None else fitted(source, bounds, folder)
        ours = jet_bits(table, bounds, folder, model)
        rows.append({"model": what, "n_jets": n_jets(table), "bits": ours, "rounded_parquet": rival(table)})
        print(rows[-1], flush=True)
    return rows


def others(table: pa.Table, bounds: Sequence[str], folder: Path) -> dict[str, float]:
    """Measure bits of jets of many columns with compressors of arrays."""
    lists = table.select([name for name in table.column_names if is_list(table, name)])
    source = folder / "source.parquet"
    pq.write_table(table, source)
    resolved = compress_columns(source, folder / "ours.akc", bounds, force=True).bounds
    found = {name: 8 * size / n_jets(table) for name, size in array_rivals(lists, resolved).items()}
    print(found, flush=True)
    return found


def speed(source: Path, model: Path, bounds: Sequence[str], n_values: int, folder: Path) -> dict[str, float]:
    """Measure values a CPU second, of all threads together: source to a compressed file, checked; and back to Arrow."""
    target = folder / "timed.akc"
    best = [float("inf")] * 2
    for _ in range(2):
        started = time.process_time()
        compress_columns(source, target, bounds, model=model, force=True)
        middle = time.process_time()
        with open_columns(target, model) as file:
            for _ in file.tables():
                pass
        best = [min(a, b) for a, b in zip(best, (middle - started, time.process_time() - middle), strict=True)]
    return {"n_values": n_values, "in": n_values / best[0] / 1e6, "out": n_values / best[1] / 1e6}


def speeds(learned: pa.Table, measured: pa.Table, bounds: Sequence[str], folder: Path) -> dict[str, dict[str, float]]:
    """Time many columns, and four-vectors."""
    lists = [name for name in measured.column_names if is_list(measured, name)]
    source = folder / "timed.parquet"
    pq.write_table(pa.concat_tables([measured.select(lists)] * COPIES), source, row_group_size=20_000)
    of_lists = [bound for bound in bounds if any(name_fits(bound, name) for name in lists)]
    n = COPIES * n_jets(measured) * len(lists)
    found = {
        f"{len(lists)} columns": speed(source, fitted(learned.select(lists), of_lists, folder), of_lists, n, folder)
    }
    n = write_copies(source, N_FOUR_VECTORS)
    model = folder / "model.akc"
    fit_columns([source], model, ["1e-3"], columns=["E", "pt", "eta", "phi"], force=True)
    kept = ["1e-3", "MET*=drop"]
    return {**found, "four-vectors": speed(source, model, kept, 4 * n, folder)}


def name_fits(bound: str, name: str) -> bool:
    """Tell whether a bound is one of all columns, or of the column with this name."""
    pattern, equals, _ = bound.rpartition("=")
    return not equals or fnmatch.fnmatchcase(name, pattern)


def start(folder: Path) -> dict[str, float]:
    """Measure the CPU seconds of a command on a file of two events, the compiled code being there."""
    source, target = folder / "two.parquet", folder / "two.akc"
    pq.write_table(pa.table({"pt": [1.0, 2.0]}), source)
    command = [sys.executable, "-m", "atlas_keras", "compress", str(source), str(target), "--force"]
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"cpu_seconds": min(seconds)}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Measure the learned coding of columns.")
    parser.add_argument("four_vectors", type=Path, help="events with jets and missing momentum")
    parser.add_argument("columns", type=Path, help="Parquet file of jets of many columns")
    parser.add_argument("--bound", nargs="+", default=["1e-3"], help="of the many columns, as of compress")
    args = parser.parse_args()
    columns = pq.read_table(args.columns).combine_chunks()
    half = columns.num_rows // 2
    learned, measured = (part.take(np.arange(part.num_rows)) for part in (columns[:half], columns[half:]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "four_vectors": four_vectors(args.four_vectors, folder),
            "many_columns": many_columns(learned, measured, args.bound, folder),
            "others": others(measured, args.bound, folder),
            "speed": speeds(learned, measured, args.bound, folder),
            "start": start(folder),
        }
    report(found, args.columns.name, sum(is_list(measured, name) for name in measured.column_names))


def report(found: dict[str, Any], measured: str, n_columns: int) -> None:
    """Write what was measured."""
    vectors = found["four_vectors"]
    bits = [
        (method, *(f"{vectors['bits'][bound][method]:.2f}" for bound in BOUNDS)) for method in vectors["bits"]["1e-3"]
    ]
    few = sorted((item for item in vectors["few_jets"].items() if item[0] != "n_jets"), key=lambda item: item[1])
    many = [
        (r["model"], f"{r['n_jets']:,}", f"{r['bits']:.1f}", f"{r['rounded_parquet']:.1f}")
        for r in found["many_columns"]
    ]
    others = [(name, f"{bits:.1f}") for name, bits in found["others"].items()]
    rates = [(what, f"{s['n_values']:,}", f"{s['in']:.2f}", f"{s['out']:.2f}") for what, s in found["speed"].items()]
    body = f"""
Bits of a jet count all bytes of a file but the streams of event columns, with lists, head, index and, where it is in
the file, the model. Every value was compared with the source once more, and is within its bound.

## Four-vectors: {vectors["n_jets"]:,} jets of {vectors["file"]}

{markdown(("bits per jet", *BOUNDS), bits)}

The first {vectors["few_jets"]["n_jets"]} jets alone, at 1e-3:

{markdown(("method", "bits per jet"), few)}

## {n_columns} columns: jets of {measured}

{markdown(("model of", "jets", "bits per jet", "rounded Parquet, zstd-19"), many)}

The same {found["many_columns"][0]["n_jets"]:,} jets in compressors of arrays, a column at a time, lengths of lists
once, without what tells where columns are:

{markdown(("method", "bits per jet"), others)}

The columns are those that `scripts/make_substructure_sample.py` computes from particles. What detectors have besides
(tracks by vertex, secondary vertices, calibration) would be random numbers here, and say nothing of real ones.

## Speed

Million values a CPU second, all threads and the verification counted; a four-vector is four values. A command on a file
of two events takes {found["start"]["cpu_seconds"]:.2f} CPU seconds, the compiled code being there.

{markdown(("what", "values", "in", "out"), rates)}
"""
    packages = ["numpy", "pyarrow", "numba", "zstandard", "blosc2", "zfpy", "hdf5plugin"]
    command = "python -m benchmarks.codec FOUR_VECTORS COLUMNS"
    write("codec", "The learned coding of columns", command, body, found, packages)


if __name__ == "__main__":
    main()
