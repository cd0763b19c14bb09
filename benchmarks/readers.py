"""How fast a Dark Machines file becomes a table of jets: `load_jets` beside loops over its cells and its text.

    python -m benchmarks.readers FILE

All ways run in turn in one process, several times; the medians and their ratios are what counts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from atlas_keras import load_jets
from benchmarks.results import table, write

NAMES = ["E", "pt", "eta", "phi"]


def notebook(path: Path) -> NDArray[np.float64]:
    """The documented steps of the published notebooks: cells of a DataFrame, nulls removed, objects j selected."""
    columns = max(line.count(";") for line in path.read_text().splitlines()) + 1
    cells = pd.read_csv(path, sep=";", header=None, names=range(columns))
    jets = []
    for row in range(len(cells)):
        for column in range(5, columns):
            cell = cells.loc[row, column]
            if not pd.isna(cell) and cell.split(",")[0] == "j":
                jets.append(cell.split(",")[1:])
    return pd.DataFrame(jets, columns=NAMES).astype(float).to_numpy()


def text_loop(path: Path) -> NDArray[np.float64]:
    """The fastest loop in plain Python: no table of cells, no check of anything."""
    jets = []
    with open(path) as lines:
        for line in lines:
            for item in line.split(";")[5:]:
                if item.startswith("j,"):
                    jets.append([float(field) for field in item.split(",")[1:]])
    return np.array(jets)


def atlas_keras(path: Path) -> NDArray[np.float64]:
    """Our reader, which checks every line and every jet."""
    return load_jets(path)[NAMES].to_numpy()


WAYS = {
    "cells of a DataFrame (the notebooks' way)": notebook,
    "plain Python loop, no checks": text_loop,
    "`atlas_keras.load_jets`, all checks": atlas_keras,
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Compare ways to read a Dark Machines file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--repeat", type=int, default=7)
    args = parser.parse_args()
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    expected = notebook(args.file)
    for _ in range(args.repeat):
        for way, read in WAYS.items():
            started = time.perf_counter()
            jets = read(args.file)
            seconds[way].append(time.perf_counter() - started)
            np.testing.assert_array_equal(jets, expected)
    median = {way: statistics.median(times) for way, times in seconds.items()}
    ours = median["`atlas_keras.load_jets`, all checks"]
    rows = [(way, 1e3 * m, len(expected) / m / 1e6, m / ours) for way, m in median.items()]
    body = f"""
{len(expected):,} jets of {args.file.name}; medians of {args.repeat} rounds in which the ways take turns; all ways
return the same jets, bit for bit, in the same order. The notebooks' own cell of code is not part of our sources: the
first way does the steps that they document.

{table(("way", "ms", "million jets/s", "time / ours"), rows)}
"""
    figures = {"n_jets": len(expected), "seconds": seconds, "median": median}
    write("reading", "Reading", "python -m benchmarks.readers FILE", body, figures, ["numpy", "pandas", "pyarrow"])


if __name__ == "__main__":
    main()
