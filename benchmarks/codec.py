"""The learned coding of columns: four-vectors, jets of many columns, small files; bits beside rivals, and speed.

    python scripts/make_substructure_sample.py --jets 34000 --seed 11 --out FOLDER
    python scripts/make_detector_jets.py --jets 30000 --seed 11 --out FOLDER
    python -m benchmarks.codec FOUR_VECTORS FOLDER/substructure.parquet FOLDER/detector.parquet

FOUR_VECTORS is a file of events with missing momentum, such as that of the notebooks. Of files of jets of many columns,
the first half of the events is learned from, and the other one is measured; a schema beside such a file, of the same
name, has bounds of its columns. Every value is compared with the source once more.
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
from benchmarks.compression import Events, learn, measure_file, measure_peer
from benchmarks.copies import write_copies
from benchmarks.many_columns import bounds_of, first_jets, fitted, halves, jet_bits, measure_bits, n_jets, only_lists
from benchmarks.peers import peers
from benchmarks.results import table as markdown
from benchmarks.results import write

BOUNDS = ("1e-2", "1e-3", "1e-4")
MISSING = ("MET", "METphi")
FEW = 100  # jets of a small file
COPIES, N_FOUR_VECTORS = 10, 4_000_000  # of what is timed
SMALLEST = "uniform integers, zstd-19"
TRUNCATED = "truncated floats, zstd-19"
OF_PEERS = (TRUNCATED, SMALLEST)


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
        bits["any columns, model of the training split"] = jet_bits(whole, bounds, folder, model)[0]
        bits["any columns, model fitted to the file, in it"] = jet_bits(whole, bounds, folder)[0]
        found[bound] = bits
        print(bound, bits, flush=True)
        if bound == "1e-3":
            part = first_jets(whole, FEW)
            n = n_jets(part)
            small = Events(path, events.unit, events.n_jets[: part.num_rows], events.jets[:n])
            few = {"n_jets": n, "any columns, model of the training split": jet_bits(part, bounds, folder, model)[0]}
            few |= {peer.name: measure_peer(peer, small, bound).bits for peer in peers()}
    return {"file": path.name, "n_jets": len(events.jets), "bits": found, "few_jets": few}


def speed(source: Path, model: Path, bounds: Sequence[str], n_values: int, folder: Path) -> dict[str, float]:
    """Measure values a second, by the clock and by the CPU time of all threads: compressed, checked; back to Arrow."""
    target, found = folder / "timed.akc", []
    for _ in range(3):
        times = [np.array([time.perf_counter(), time.process_time()])]
        compress_columns(source, target, bounds, model=model, force=True)
        times.append(np.array([time.perf_counter(), time.process_time()]))
        with open_columns(target, model) as file:
            for _ in file.tables():
                pass
        times.append(np.array([time.perf_counter(), time.process_time()]))
        found.append(np.diff(times, axis=0))
    rates = n_values / np.min(found, axis=0) / 1e6
    return {"n_values": n_values, **dict(zip(("in", "in_cpu", "out", "out_cpu"), rates.ravel().tolist(), strict=True))}


def column_speed(learned: pa.Table, measured: pa.Table, bounds: Sequence[str], folder: Path) -> dict[str, float]:
    """Time the lists of a file, some times over."""
    learned, measured = only_lists(learned), only_lists(measured)
    source = folder / "timed.parquet"
    pq.write_table(pa.concat_tables([measured] * COPIES), source, row_group_size=20_000)
    own = [bound for bound in bounds if any(name_fits(bound, name) for name in measured.column_names)]
    n = COPIES * n_jets(measured) * measured.num_columns
    return speed(source, fitted(learned, own, folder), own, n, folder)


def many_columns(path: Path, usual: Sequence[str], folder: Path) -> dict[str, Any]:
    """Measure jets of many columns: bits and speed."""
    (learned, measured), bounds = halves(path), bounds_of(path, usual)
    rows, others = measure_bits(learned, measured, bounds, folder)
    return {
        "file": path.name,
        "n_columns": only_lists(measured).num_columns,
        "bits": rows,
        "others": others,
        "speed": column_speed(learned, measured, bounds, folder),
    }


def four_vector_speed(folder: Path) -> dict[str, float]:
    """Time four-vectors."""
    source, model = folder / "timed.parquet", folder / "model.akc"
    n = write_copies(source, N_FOUR_VECTORS)
    fit_columns([source], model, ["1e-3"], columns=["E", "pt", "eta", "phi"], force=True)
    return speed(source, model, ["1e-3", "MET*=drop"], 4 * n, folder)


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
    parser.add_argument("columns", type=Path, nargs="+", help="Parquet files of jets of many columns")
    parser.add_argument("--bound", nargs="+", default=["1e-3"], help="of the many columns, as of compress")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "four_vectors": four_vectors(args.four_vectors, folder),
            "many_columns": [many_columns(path, args.bound, folder) for path in args.columns],
            "four_vector_speed": four_vector_speed(folder),
            "start": start(folder),
        }
    report(found)


def of_columns(found: dict[str, Any]) -> str:
    """Tell the bits of a file of jets of many columns."""
    bits = [
        (
            row["model"],
            f"{row['n_events']:,}",
            f"{row['n_jets']:,}",
            f"{row['bits']:.1f}",
            f"{row['rounded_parquet']['rows']:.1f}",
            f"{row['rounded_parquet']['lists']:.1f}",
        )
        for row in found["bits"]
    ]
    others = [(name, f"{bits:.1f}") for name, bits in found["others"].items()]
    return f"""
### {found["n_columns"]} columns: jets of {found["file"]}

{markdown(("model of", "events", "jets", "bits per jet", "Parquet, a row a jet", "Parquet, lists"), bits)}

The same {found["bits"][0]["n_jets"]:,} jets in compressors of arrays, a column at a time, lengths of lists once,
without what tells where columns are:

{markdown(("method", "bits per jet"), others)}
"""


def report(found: dict[str, Any]) -> None:
    """Write what was measured."""
    vectors, columns = found["four_vectors"], found["many_columns"]
    bits = [
        (method, *(f"{vectors['bits'][bound][method]:.2f}" for bound in BOUNDS)) for method in vectors["bits"]["1e-3"]
    ]
    few = sorted((item for item in vectors["few_jets"].items() if item[0] != "n_jets"), key=lambda item: item[1])
    speeds = [(f"{part['n_columns']} columns", part["speed"]) for part in columns]
    speeds.append(("four-vectors", found["four_vector_speed"]))
    rates = [
        (what, f"{s['n_values']:,}", *(f"{s[way]:.2f}" for way in ("in", "out", "in_cpu", "out_cpu")))
        for what, s in speeds
    ]
    body = f"""
Bits of a jet count all bytes of a file but the streams of event columns, with lists, head, index and, where it is in
the file, the model. What event columns tell of the jets (missing momentum, vertex) is used. Every value was compared
with the source once more, and is within its bound.

## Four-vectors: {vectors["n_jets"]:,} jets of {vectors["file"]}

{markdown(("bits per jet", *BOUNDS), bits)}

The first {vectors["few_jets"]["n_jets"]} jets alone, at 1e-3:

{markdown(("method", "bits per jet"), few)}

## Jets of many columns

`scripts/make_substructure_sample.py` computes 31 columns from particles; bounds are the usual ones, 1e-3.
`scripts/make_detector_jets.py` adds what a detector has besides (tracks by vertex, secondary vertices, calibration),
drawn from distributions that it tells: such columns say little of real ones. Its schema has bounds of 1e-3, relative
for momenta, masses and D2, absolute for fractions and shapes, and of 1e-2 for time and vertex; whole numbers are exact.

Parquet has rounded values, the best of three encodings for each column, zstd-19, and no footer. As lists it has the
lengths in every column; with a row a jet it has them once, in a column of their own.
{"".join(map(of_columns, columns))}
## Speed

Million values a second, the verification counted, with a thread on every core, and a CPU second of all threads; a
four-vector is four values. A command on a file of two events takes {found["start"]["cpu_seconds"]:.2f} CPU seconds, the
compiled code being there.

{markdown(("what", "values", "in", "out", "in, a CPU second", "out, a CPU second"), rates)}
"""
    packages = ["numpy", "pyarrow", "numba", "zstandard", "blosc2", "zfpy", "hdf5plugin"]
    command = "python -m benchmarks.codec FOUR_VECTORS COLUMNS [COLUMNS ...]"
    write("codec", "The learned coding of columns", command, body, found, packages)


if __name__ == "__main__":
    main()
