"""How fast files of millions of jets are compressed, as commands in processes of their own, and the memory they take.

    python -m benchmarks.throughput truncate IN OUT

is the baseline, rounded mantissas in Parquet; `restore IN OUT` is its way back.
"""

from __future__ import annotations

import argparse
import os
import resource
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
from atlas_keras.codec.entropy_model.model import FILE, EntropyModel
from atlas_keras.codec.files import describe_file
from atlas_keras.data.events import InvalidPolicy, jagged
from atlas_keras.data.readers import read_events
from atlas_keras.schema import FOUR_MOMENTUM
from benchmarks.coders import round_mantissa
from benchmarks.copies import write_copies
from benchmarks.many_columns import bytes_of

BASELINE, GENERAL = "truncated floats in Parquet, zstd-3", "ours, any columns"
BOUND = "1e-3"
MANTISSAS = {"E": 9, "pt": 9, "eta": 10, "phi": 10}  # bits that keep 1e-3 where |eta| < 4; checked like all others
FAST = 2  # level of zstd


@dataclass(frozen=True, order=True)
class Usage:
    """What a command took.

    Args:
        seconds: from its start to its end.
        cpu: seconds of all its processes and cores.
        memory: largest resident memory of the command and its workers together [GB].
    """

    seconds: float
    cpu: float
    memory: float

    def rate(self, n_jets: int) -> float:
        """Compute million jets/s."""
        return n_jets / 1e6 / self.seconds


@dataclass(frozen=True)
class Speed:
    """What was measured of a method.

    Args:
        method: what.
        n_jets: of the file.
        bits: of a jet in the compressed file; of the baseline its four columns.
        compress, decompress: what the commands took.
    """

    method: str
    n_jets: int
    bits: float
    compress: Usage
    decompress: Usage

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)


def measure_speed(entropy_model: EntropyModel, n_jets: int, rounds: int = 1) -> list[Speed]:
    """Measure the baseline and ours on the same file, one after the other.

    Args:
        entropy_model: of ours.
        n_jets: of the file, about.
        rounds: how often; the fastest counts.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        source, run, small, back = (Path(folder) / name for name in ("jets.parquet", "run", "small", "back.parquet"))
        n_jets = write_copies(source, n_jets)
        run.mkdir()
        (run / FILE).write_bytes(entropy_model.to_bytes())
        baseline = [sys.executable, "-m", "benchmarks.throughput"]
        ours = [sys.executable, "-m"]
        columns = [source, small, "--bound", BOUND, "MET*=exact"]
        write_copies(back, 1)
        _run([*ours, "atlas_keras.compress", back, *columns[1:]], small)  # which compiles what is not compiled yet
        for method, there, again in (
            (BASELINE, [*baseline, "truncate", source, small], [*baseline, "restore", small, back]),
            (GENERAL, [*ours, "atlas_keras.compress", *columns], [*ours, "atlas_keras.decompress", small, back]),
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
            compress, decompress = (min(way) for way in zip(*times, strict=True))
            _check(source, back, method)
            found.append(Speed(method, n_jets, _bits(method, small, n_jets), compress, decompress))
    return found


def _options() -> dict[str, list[str]]:
    return {
        "ours, entropy": ["--coding", "entropy"],
        f"ours, parquet, zstd-{FAST}": ["--coding", "parquet", "--level", str(FAST)],
    }


def _bits(method: str, small: Path, n_jets: int) -> float:
    if method == GENERAL:
        return 8 * bytes_of(FOUR_MOMENTUM.names, small) / n_jets
    if method != BASELINE:
        return describe_file(small)[0].bits_per_jet
    metadata = pq.ParquetFile(small).metadata
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    own = [c.total_compressed_size for c in columns if c.path_in_schema.split(".")[0] in FOUR_MOMENTUM.names]
    return 8 * sum(own) / n_jets


def _run(command: list[Any], target: Path) -> Usage:
    """Run a command, and watch it and all processes that it starts."""
    target.unlink(missing_ok=True)
    largest, started, before = 0, time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        largest = max(largest, sum(_memory(pid) for pid in _family(process.pid)))
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Usage(seconds, cpu, largest / 1e9)


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
