"""Measure a method of compression: bits of a jet, errors of what comes back, and time; peers and ours alike."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atlas_keras.codec.bounds import Bounds, input_precision
from atlas_keras.codec.entropy_model.fitting import collect_events, fit_entropy_model
from atlas_keras.codec.entropy_model.model import FILE, EntropyModel
from atlas_keras.codec.files import Summary, compress_file, decompress_file
from atlas_keras.codec.jet_codec import JetCodec
from atlas_keras.config import DataConfig
from atlas_keras.data.file_format import WriteOptions
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import SPLITS, split_of_events
from atlas_keras.data.writers import EventWriter
from atlas_keras.evaluation.fine_histogram import FineHistogram
from atlas_keras.evaluation.metrics import summarize
from atlas_keras.evaluation.observables import Observables, residual
from atlas_keras.kinematics import leading_pairs
from atlas_keras.schema import FOUR_MOMENTUM
from benchmarks.coders import Coder, exact
from benchmarks.peers import SZ3, Peer, pack_counts

JET_BYTES = 16  # of four float32: MB/s are of these
ROUNDS = 5
SHOWN = {"max": "max", "mean": "mean_abs", "median": "median_abs"}  # of `summarize`
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Events:
    """The jets of a file in memory.

    Args:
        path: of the file.
        unit: of E and pt.
        n_jets: of each event.
        jets: shape `(n_jets, 4)`.
    """

    path: Path
    unit: str
    n_jets: NDArray[np.int64]
    jets: Float

    @classmethod
    def read(cls, path: Path) -> Events:
        """Read a whole file."""
        batches = list(read_events([path], unit="file"))
        counts, jets = (np.concatenate(parts) for parts in zip(*((b.counts, b.jets()) for b in batches), strict=True))
        return cls(path, batches[0].unit, counts, jets)

    @property
    def event(self) -> NDArray[np.int64]:
        """The event of each jet."""
        return np.repeat(np.arange(len(self.n_jets)), self.n_jets)


@dataclass(frozen=True)
class Result:
    """What was measured of a method at a bound.

    Args:
        method, bound: what; the bound as `Bounds.parse` reads it, or `lossless`.
        bits: of a jet, event structure included.
        errors: of each variable, the jet mass and the dijet mass: `max_abs`, `mean_abs`, `median_abs`.
        encode, decode: MB/s, of four float32 a jet.
    """

    method: str
    bound: str
    bits: float
    errors: dict[str, dict[str, float]]
    encode: float
    decode: float

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)


def learn(path: Path) -> EntropyModel:
    """Learn entropy_model from the training split (seed 0, 80 % of the events) of a file, as `train` does."""
    batches = list(read_events([path]))
    n_events = sum(batch.n_events for batch in batches)
    chosen = split_of_events(n_events, DataConfig(), 0) == SPLITS.index("train")
    return fit_entropy_model(collect_events(batches, chosen))


def measure_peer(peer: Peer | SZ3, events: Events, bound: str) -> Result:
    """Tune a peer on the jets and measure it, from memory to memory."""
    return _measure_coder(peer.name, events, bound, peer.tuned(events.jets, float(bound)))


def measure_exact(dtype: type, events: Events) -> Result:
    """Measure zstd on all bits of float32 or float64."""
    return _measure_coder(f"{np.dtype(dtype).name} by bytes, zstd-19", events, "lossless", exact(dtype))


def measure_array(name: str, entropy_model: EntropyModel, events: Events, bound: str) -> Result:
    """Measure ours from memory to memory: `JetCodec`, which knows the jets alone and no missing momentum."""
    with tempfile.TemporaryDirectory() as run:
        (Path(run) / FILE).write_bytes(entropy_model.to_bytes())
        codec = JetCodec(run, bound, events.unit)
    coder = Coder(lambda jets: codec.encode(jets, events.n_jets), codec.decode)
    return _measure_coder(name, events, bound, coder, structure=0)


def measure_file(
    name: str,
    entropy_model: EntropyModel | None,
    events: Events,
    bound: str,
    coding: str = "entropy",
    level: int | None = None,
    rounds: int = ROUNDS,
) -> Result:
    """Measure ours as a command: from the file to a compressed file, checked, and from that to Parquet."""
    bounds = None if bound == "lossless" else Bounds.parse(bound)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        small, back = Path(folder) / "small", Path(folder) / "back.parquet"
        for _ in range(rounds):
            done = compress_file(
                entropy_model, events.path, small, bounds, coding=coding, level=level, force=True, progress=False
            )
            undone = decompress_file(small, back, entropy_model, force=True, progress=False)
            seconds.append((done.seconds, undone.seconds))
        x_hat = Events.read(back)
    if not np.array_equal(x_hat.n_jets, events.n_jets):
        raise AssertionError(f"{name}: the events do not come back")
    encode, decode = (statistics.median(times) for times in zip(*seconds, strict=True))
    return _result(name, events, bound, done.bits_per_jet, x_hat.jets, encode, decode)


def split_bits(entropy_model: EntropyModel, events: Events, bound: str) -> dict[str, float]:
    """Compute the bits of a jet in the streams of each split's events, as files of their own, `entropy`."""
    found = {}
    split = split_of_events(len(events.n_jets), DataConfig(), 0)
    for index, name in enumerate(SPLITS):
        done = part_summary(entropy_model, events, bound, split == index, others=True)
        found[name] = 8 * sum(n for s, n in done.bytes_by_stream.items() if s.startswith("jet_")) / done.header.n_jets
    return found


def part_summary(
    entropy_model: EntropyModel,
    events: Events,
    bound: str,
    chosen: NDArray[np.bool_],
    coding: str = "entropy",
    *,
    others: bool,
) -> Summary:
    """Compress some events of a file, with their other columns or without."""
    first = 0
    with tempfile.TemporaryDirectory() as folder:
        part, small = Path(folder) / "part.parquet", Path(folder) / "small"
        with EventWriter(part, part, WriteOptions(events.unit)) as writer:
            for batch in read_events([events.path], unit="file"):
                table = batch.table.filter(chosen[first : first + batch.n_events])
                first += batch.n_events
                writer.write(table if others else table.select(list(FOUR_MOMENTUM.names)))
        assert pq.ParquetFile(part).metadata.num_rows == chosen.sum()
        return compress_file(entropy_model, part, small, Bounds.parse(bound), coding=coding, progress=False)


def _measure_coder(name: str, events: Events, bound: str, coder: Coder, structure: int | None = None) -> Result:
    content = coder.encode(events.jets)
    structure = len(pack_counts(events.n_jets)) if structure is None else structure
    bits = 8 * (len(content) + structure) / len(events.jets)
    encode = _seconds(lambda: coder.encode(events.jets))
    decode = _seconds(lambda: coder.decode(content))
    return _result(name, events, bound, bits, coder.decode(content), encode, decode)


def _result(name: str, events: Events, bound: str, bits: float, x_hat: Float, encode: float, decode: float) -> Result:
    """Check every jet, and describe the errors."""
    x = events.jets
    if bound == "lossless":
        if not np.array_equal(x_hat, x.astype(np.float32) if "float32" in name else x):
            raise AssertionError(f"{name}: is not lossless")
    elif not Bounds.parse(bound).kept(x, x_hat, input_precision(x)).all():
        raise AssertionError(f"{name}: misses the bound {bound}")
    pairs = leading_pairs(x[:, 1], events.event)
    before, after = Observables(x, FOUR_MOMENTUM, pairs), Observables(x_hat, FOUR_MOMENTUM, pairs)
    errors = {variable: residual(before, after, variable) for variable in FOUR_MOMENTUM.names}
    for observable in ("mass", "dijet_mass"):
        relative = residual(before, after, observable)
        errors[observable.replace("_", " ")] = relative[np.isfinite(relative)]
    figures = {key: _describe(error) for key, error in errors.items()}
    megabytes = JET_BYTES * len(x) / 1e6
    return Result(name, bound, bits, figures, megabytes / encode, megabytes / decode)


def _describe(error: Float) -> dict[str, float]:
    found = summarize(FineHistogram.of(error)).to_dict()
    return {f"{key}_abs": float(found[source] or 0) for key, source in SHOWN.items()}


def _seconds(task: Callable[[], Any]) -> float:
    """Median time of some rounds, fewer where each takes long."""
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < 5:
        started = time.perf_counter()
        task()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
