"""How fast files of millions of jets are compressed, as commands in processes of their own, and the memory they take.

    python -m benchmarks.throughput truncate IN OUT

is the baseline, rounded mantissas in Parquet; `restore IN OUT` is its way back.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.files import describe_file
from atlas_keras.data.events import PHI_MAX, InvalidPolicy, jagged
from atlas_keras.data.reading import read_events
from atlas_keras.density.densities import FILE, Densities
from atlas_keras.schema import FOUR_MOMENTUM
from benchmarks.coders import round_mantissa

BASELINE = "truncated floats in Parquet, zstd-3"
BOUND = "1e-3"
MANTISSAS = {"E": 9, "pt": 9, "eta": 10, "phi": 10}  # bits that keep 1e-3 where |eta| < 4; checked like all others
MOST_SCALE = 0.05  # largest change of ln E and ln pt of a copied event
COPIES = 16  # of the sample in a row group
LEVELS = {"portable": 2}  # the fast setting


@dataclass(frozen=True)
class Speed:
    """What was measured of a method.

    Args:
        method: what.
        n_jets: of the file.
        bits: of a jet in the compressed file; of the baseline its four columns and the lists' lengths.
        compress, decompress: million jets/s, starting the command included.
        compress_memory, decompress_memory: largest resident memory of the command and its workers together [GB].
    """

    method: str
    n_jets: int
    bits: float
    compress: float
    decompress: float
    compress_memory: float
    decompress_memory: float

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return asdict(self)


def write_copies(target: Path, n_jets: int, seed: int = 0) -> int:
    """Write the shipped sample again and again, float32, a row an event; give the number of jets.

    The events of every copy come in an order of their own, each turned by an angle of its own, mirrored in eta or not,
    its energies scaled by a factor within 5 %: zstd would find copies otherwise, and small files would be no wonder.

    Args:
        target: the Parquet file.
        n_jets: as many whole copies as needed for so many.
        seed: of the changes.
    """
    random = np.random.default_rng(seed)
    sample = next(iter(read_events([])))
    counts, jets = sample.counts, sample.jets()
    missing = [sample.table[name].to_numpy() for name in ("MET", "METphi")]
    starts = np.cumsum(counts) - counts
    n_copies = -(-n_jets // len(jets))
    writer: pq.ParquetWriter | None = None
    for first in range(0, n_copies, COPIES):
        n = min(COPIES, n_copies - first)
        order = np.concatenate([random.permutation(len(counts)) for _ in range(n)])
        of = counts[order]
        rows = np.repeat(starts[order] - np.cumsum(of) + of, of) + np.arange(of.sum())
        table = _changed(random, of, jets[rows], *(column[order] for column in missing))
        if writer is None:
            writer = pq.ParquetWriter(target, table.schema.with_metadata({b"unit": b"MeV"}), compression="zstd")
        writer.write_table(table.replace_schema_metadata({b"unit": b"MeV"}))
    assert writer is not None
    writer.close()
    return n_copies * len(jets)


def _changed(random: np.random.Generator, n_jets: NDArray, jets: NDArray, met: NDArray, met_phi: NDArray) -> pa.Table:
    n = len(n_jets)
    angle, mirror = random.uniform(-np.pi, np.pi, n), random.choice([-1.0, 1.0], n)
    scale = np.exp(random.uniform(-MOST_SCALE, MOST_SCALE, n))
    E, pt, eta, phi = jets.T
    of_jet = np.repeat(np.arange(n), n_jets)
    columns = {"E": E * scale[of_jet], "pt": pt * scale[of_jet], "eta": eta * mirror[of_jet]}
    columns["phi"] = _wrapped(phi + angle[of_jet])
    lists = {name: jagged(values.astype(np.float32), n_jets) for name, values in columns.items()}
    missing = {"MET": (met * scale).astype(np.float32), "METphi": _wrapped(met_phi + angle).astype(np.float32)}
    return pa.table({**missing, **lists})


def _wrapped(phi: NDArray) -> NDArray:
    return np.clip((phi + np.pi) % (2 * np.pi) - np.pi, -PHI_MAX, PHI_MAX)


def measure_speed(densities: Densities, n_jets: int, rounds: int = 1) -> list[Speed]:
    """Measure the baseline and ours on the same file, one after the other.

    Args:
        densities: of ours.
        n_jets: of the file, about.
        rounds: how often; the fastest counts.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        source, run, small, back = (Path(folder) / name for name in ("jets.parquet", "run", "small", "back.parquet"))
        n_jets = write_copies(source, n_jets)
        run.mkdir()
        (run / FILE).write_bytes(densities.to_bytes())
        baseline = [sys.executable, "-m", "benchmarks.throughput"]
        ours = [sys.executable, "-m"]
        for method, there, again in (
            (BASELINE, [*baseline, "truncate", source, small], [*baseline, "restore", small, back]),
            *(
                (
                    name,
                    [*ours, "atlas_keras.compress", run, source, small, "--bound", BOUND, *options],
                    [*ours, "atlas_keras.decompress", small, back, "--run", run],
                )
                for name, options in _options().items()
            ),
        ):
            times = [(_run(there, small), _run(again, back)) for _ in range(rounds)]
            (compress, memory), (decompress, memory_again) = (min(way) for way in zip(*times, strict=True))
            _check(source, back, method)
            rates = (n_jets / 1e6 / compress, n_jets / 1e6 / decompress)
            found.append(Speed(method, n_jets, _bits(method, small, n_jets), *rates, memory, memory_again))
    return found


def _options() -> dict[str, list[str]]:
    level = LEVELS["portable"]
    return {
        "ours, dense": ["--coding", "dense"],
        f"ours, portable, zstd-{level}": ["--coding", "portable", "--level", str(level)],
    }


def _bits(method: str, small: Path, n_jets: int) -> float:
    if method != BASELINE:
        return describe_file(small)[0].bits_per_jet
    metadata = pq.ParquetFile(small).metadata
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    own = [c.total_compressed_size for c in columns if c.path_in_schema.split(".")[0] in FOUR_MOMENTUM.names]
    return 8 * sum(own) / n_jets


def _run(command: list[Any], target: Path) -> tuple[float, float]:
    """Run a command; give the seconds and the largest memory [GB] of it and all processes that it starts."""
    target.unlink(missing_ok=True)
    largest, started = 0, time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        largest = max(largest, sum(_memory(pid) for pid in _family(process.pid)))
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return time.perf_counter() - started, largest / 1e9


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in children.read_text().split():
                yield from _family(int(child))
        except OSError:  # it has ended
            continue


def _memory(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _check(source: Path, back: Path, method: str) -> None:
    """Check every jet of a file that came back."""
    batches = zip(
        read_events([source]), read_events([back], source_unit=None, policy=InvalidPolicy("keep")), strict=True
    )
    bounds = Bounds.parse(BOUND)
    for before, after in batches:
        same = np.array_equal(before.counts, after.counts)
        if not same or not bounds.kept(before.jets(), after.jets()).all():
            raise AssertionError(f"{method}: jets do not come back within {BOUND}")


def truncate(source: Path, target: Path) -> None:
    """Round the mantissas, and write Parquet with byte-stream split and zstd-3."""
    leaves = [*(f"{name}.list.element" for name in FOUR_MOMENTUM.names), "MET", "METphi"]
    options = {"compression": "zstd", "compression_level": 3, "use_dictionary": False, "use_byte_stream_split": leaves}
    _rewrite(source, target, lambda name, values: round_mantissa(values, MANTISSAS[name]).view(np.float32), options)


def restore(source: Path, target: Path) -> None:
    """Read, and write as `atlas_keras.decompress` does."""
    _rewrite(source, target, lambda name, values: values, {"compression": "zstd", "compression_level": 1})


def _rewrite(source: Path, target: Path, change: Callable[[str, NDArray], NDArray], options: dict[str, Any]) -> None:
    file = pq.ParquetFile(source)
    schema = file.schema_arrow
    with pq.ParquetWriter(target, schema, **options) as writer:
        for batch in file.iter_batches(1 << 17):
            table = pa.Table.from_batches([batch])
            counts = pc.list_value_length(table["pt"]).to_numpy().astype(np.int64)
            for name in FOUR_MOMENTUM.names:
                values = change(name, pc.list_flatten(table[name]).to_numpy())
                table = table.set_column(table.column_names.index(name), name, jagged(values, counts))
            writer.write_table(table.cast(schema))


def main() -> None:
    """Run the baseline."""
    parser = argparse.ArgumentParser(description="Rounded mantissas in Parquet, and back.")
    parser.add_argument("way", choices=("truncate", "restore"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    (truncate if args.way == "truncate" else restore)(args.source, args.target)


if __name__ == "__main__":
    main()
