"""Large files for benchmarks: the shipped sample again and again, no jet like another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atlas_keras.data.events import jagged
from atlas_keras.data.readers import read_events
from atlas_keras.kinematics import momentum
from atlas_keras.schema import PHI_MAX

# Largest changes of a copy: of an event's ln pt; of a jet's eta, and of its ln(E/p - 1).
MAX_SCALE, MAX_MOVE, MAX_EXCESS = 0.05, 0.05, 0.1
COPIES = 16  # of the sample in a row group


def write_copies(target: Path, n_jets: int, seed: int = 0) -> int:
    """Write the shipped sample again and again, float32, a row an event; give the number of jets.

    zstd finds copies, and would make files of copies smaller than files of jets. So the events of every copy come in an
    order of their own; each is turned in phi, mirrored in eta or not, and its energies are scaled by up to 5 %; the eta
    of every jet is moved by up to 0.05, and its E/p - 1 scaled by up to 10 %.

    Args:
        target: the Parquet file.
        n_jets: as many whole copies as needed for so many.
        seed: of the changes.
    """
    random = np.random.default_rng(seed)
    sample = next(iter(read_events()))
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
    scale = np.exp(random.uniform(-MAX_SCALE, MAX_SCALE, n))
    of_jet = np.repeat(np.arange(n), n_jets)
    E, pt, eta, phi = jets.T
    excess = (E / momentum(pt, eta) - 1) * np.exp(random.uniform(-MAX_EXCESS, MAX_EXCESS, len(jets)))
    pt, phi = pt * scale[of_jet], _wrapped(phi + angle[of_jet])
    eta = eta * mirror[of_jet] + random.uniform(-MAX_MOVE, MAX_MOVE, len(jets))
    columns = {"E": momentum(pt, eta) * (1 + excess), "pt": pt, "eta": eta, "phi": phi}
    lists = {name: jagged(values.astype(np.float32), n_jets) for name, values in columns.items()}
    missing = {"MET": (met * scale).astype(np.float32), "METphi": _wrapped(met_phi + angle).astype(np.float32)}
    return pa.table({**missing, **lists})


def _wrapped(phi: NDArray) -> NDArray:
    return np.clip((phi + np.pi) % (2 * np.pi) - np.pi, -PHI_MAX, PHI_MAX)
