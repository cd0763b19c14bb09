"""Files of experiments, one after the other: what is in them, train, evaluate, write, read again, and compare.

    python -m benchmarks.real_files FOLDER [FOLDER ...]

Of every file one collection is read, with all of its columns, and compared with what uproot or pyarrow read by
themselves; it is written as ROOT and as Parquet and read again; a small autoencoder of half as many numbers is trained
for two epochs on it, and evaluated. What a file gave is kept at once: `--go-on` measures those that are missing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import uproot
from numpy.typing import NDArray

import atlas_keras
from atlas_keras.data.contents import DEFAULT, Group, TreeContents
from atlas_keras.data.events import EventBatch, InvalidPolicy
from atlas_keras.data.find_collection import find_collection
from atlas_keras.data.look import choose_collection, read_contents
from atlas_keras.errors import AtlasKerasError
from atlas_keras.evaluate import main as evaluate
from atlas_keras.schema import EVENTS, Collection
from atlas_keras.train import main as train
from benchmarks.results import DOCS, table, write

PARTICLES = "ReconstructedParticleCollection"
UNITS = {  # of files that do not state theirs
    "uproot-HZZ.root": "GeV",
    "uproot-Zmumu.root": "GeV",
    "uproot-issue-513.root": "MeV",
    "uproot-issue-816.root": "MeV",
}
SUFFIXES = (".root", ".parquet")
# What `info` does, in a process of its own: neither what it imports nor what another file has warmed up counts.
INFO = """
import json, sys, time
import awkward, pyarrow.parquet, uproot
import atlas_keras.data.look, atlas_keras.data.root_contents
from atlas_keras.codec.columns import opening
from atlas_keras.info import describe
wall, cpu = time.perf_counter(), time.process_time()
found = describe(sys.argv[1])
seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
print(json.dumps({"seconds": seconds, "columns": sum(tree["n_columns"] for tree in found["trees"])}))
"""


@dataclass(frozen=True)
class Chosen:
    """The collection of a file that is looked at."""

    path: Path
    tree: TreeContents
    group: Group
    collection: Collection

    def batches(self, path: Path | None = None, collection: Collection | None = None) -> list[EventBatch]:
        """Read it as the file has it, from the file or from one that was written from it."""
        return list(
            atlas_keras.read_events(
                path or self.path,
                collection=collection or self.collection,
                unit="file",
                source_unit=UNITS.get(self.path.name),
                policy=InvalidPolicy("keep"),
                tree=self.tree.name or None if path is None else None,
            )
        )


def choose(path: Path) -> Chosen:
    """Choose the jets of a file, else reconstructed particles or what has most columns, else those of the events."""
    trees = read_contents(path).trees
    found = find_collection(trees, DEFAULT) or find_collection(trees, PARTICLES)
    found = found or [(tree, group) for tree in trees for group in tree.groups] or find_collection(trees, EVENTS)
    tree, group = max(found, key=lambda pair: len(pair[1].collection))
    collection = choose_collection(path, group.collection.name, ["*"], tree.name or None)
    return Chosen(path, tree, group, collection)


def flat(batches: list[EventBatch], name: str) -> NDArray:
    """Return the values of a column of all objects."""
    parts = [pc.list_flatten(batch.table[name]) for batch in batches]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks]).to_numpy()


def alone(chosen: Chosen) -> Callable[[str], NDArray]:
    """Return how another library reads a column of the file: uproot or pyarrow."""
    if chosen.path.suffix == ".root":
        tree = uproot.open(chosen.path)[chosen.tree.name]
        return lambda source: ak.to_numpy(ak.flatten(tree[source].array(), axis=None))

    def read(source: str) -> NDArray:
        column = pq.read_table(chosen.path, columns=[source])[source]
        storage = [c.storage if isinstance(c, pa.ExtensionArray) else c for c in column.chunks]
        return ak.to_numpy(ak.flatten(ak.from_arrow(pa.chunked_array(storage))))

    return read


def same(a: NDArray, b: NDArray) -> bool:
    """Tell whether values are the same, NaN included."""
    return len(a) == len(b) and bool(np.array_equal(np.asarray(a, float), np.asarray(b, float), equal_nan=True))


def done(command: Callable[[list[str]], int], words: list[str]) -> None:
    """Run a command; what it says where it fails is the error."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = command(words)
    if code:
        raise AtlasKerasError(said.getvalue().strip().splitlines()[-1])


@contextlib.contextmanager
def timed(seconds: dict[str, dict[str, float]], step: str) -> Iterator[None]:
    """Measure how long something takes: wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    seconds[step] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def measure_info(path: Path) -> dict[str, Any]:
    """Measure `info`, and count the columns that it tells of."""
    done = subprocess.run([sys.executable, "-c", INFO, str(path)], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(path: Path, folder: Path, *, training: bool) -> dict[str, Any]:
    """Go through everything with one file, or through all but the training."""
    told = measure_info(path)
    seconds = {"info": told["seconds"]}
    result: dict[str, Any] = {"file": path.name, "kB": path.stat().st_size / 1000, "columns_of_file": told["columns"]}
    result["seconds"] = seconds
    try:
        chosen = choose(path)
        names = chosen.collection.names
        result |= {"kind": chosen.tree.kind, "collection": chosen.collection.name, "columns": len(names)}
        with timed(seconds, "read"):
            batches = chosen.batches()
        result["rows"] = int(sum(batch.counts.sum() for batch in batches))
        other = alone(chosen)
        result["as_another_library"] = sum(same(flat(batches, n), other(chosen.group.sources[n])) for n in names)
        for ending in SUFFIXES:
            target = folder / f"{path.name}{ending}"
            atlas_keras.write_events(batches, target)
            again = chosen.batches(target, choose_collection(target, chosen.collection.name, names))
            result[ending] = sum(same(flat(batches, n), flat(again, n)) for n in names)
        if training:
            run = folder / f"{path.name}.run"
            words = ["--data", str(path), "--collection", chosen.collection.name, "--features", "*", "--epochs", "2"]
            words += ["--source-unit", UNITS[path.name]] if path.name in UNITS else []
            words += ["--tree", chosen.tree.name] if chosen.tree.name else []
            with timed(seconds, "train"):
                done(train, [*words, "--invalid", "drop", "--out", str(run)])
            with timed(seconds, "evaluate"):
                done(evaluate, [str(run), "--out", str(folder / f"{path.name}.evaluation")])
    except AtlasKerasError as error:
        result["refused"] = str(error).replace(f"{path}: ", "")
    return result


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Read, write, train and evaluate files of experiments.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--without-training", action="store_true", help="read, compare and write alone")
    parser.add_argument("--go-on", action="store_true", help="keep what is measured, and measure what is missing")
    args = parser.parse_args()
    files = sorted({path for folder in args.folders for path in folder.iterdir() if path.suffix in SUFFIXES})
    file = DOCS / "real_files.json"
    results = json.loads(file.read_text())["files"] if args.go_on else []
    for path in files:
        if path.name not in {result["file"] for result in results}:
            with tempfile.TemporaryDirectory() as folder:
                results.append(measure(path, Path(folder), training=not args.without_training))
            report(results, training=not args.without_training)


def report(results: list[dict[str, Any]], *, training: bool) -> None:
    """Write what was measured."""
    rows = [_row(result) for result in results]
    header = ["file", "kB", "its columns", "info [s]", "kind", "collection", "rows", "columns", "as another library",
              "ROOT and back", "Parquet and back", "read [s]", "train [s]", "evaluate [s]", ""]  # fmt: skip
    body = f"""
One collection of every file, with all of its columns. *as another library*: columns whose values are those that uproot
or pyarrow read by themselves; *and back*: columns that are the same after writing and reading, NaN included. Seconds
are of wall time / of the CPU, on a machine that other processes used, too. *info* is a process of its own that has
imported what it needs and opened no file; it looks at the values of all columns where there are no more than a
thousand. *train* is two epochs with all plots and the report, without names of things, in a process that has imported
TensorFlow.

{table(header, rows)}
"""
    packages = ["numpy", "uproot", "awkward", "pyarrow", "tensorflow"]
    command = "python -m benchmarks.real_files FOLDER..." + " --without-training" * (not training)
    write("real_files", "Files of experiments", command, body, {"files": results}, packages)


def _row(result: dict[str, Any]) -> tuple:
    seconds = {step: f"{took['wall']:.1f} / {took['cpu']:.1f}" for step, took in result["seconds"].items()}
    known = [result.get(name, "–") for name in ("kind", "collection", "rows", "columns")]
    same_columns = [result.get(name, "–") for name in ("as_another_library", *SUFFIXES)]
    start = (result["file"], f"{result['kB']:.0f}", result["columns_of_file"], seconds["info"])
    rest = [seconds.get(step, "–") for step in ("read", "train", "evaluate")]
    return (*start, *known, *same_columns, *rest, result.get("refused", ""))


if __name__ == "__main__":
    main()
