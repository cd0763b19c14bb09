"""The entropy model in one file: bins and trees of pt, eta, phi, the mass and the number of jets.

The file is part of a run, and of the fingerprint by which a compressed file knows its model.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atlas_keras.codec.entropy_model.tree import TOTAL, Tree
from atlas_keras.errors import RunError, reason_of

FILE = "entropy_model.npz"
VERSION = 1
VARIABLES = {"n_jets": 1, "pt": 6, "eta": 5, "phi": 7, "rho": 6}  # and how many features each depends on
MAX_NODES, MAX_BINS = 4096, 4096
MAX_BYTES = 1 << 24  # bytes
MAX_COUNT = 40  # jets of an event that have a probability of their own; more is an escape
PARTS = {"edges": np.float64, "feature": np.int8, "threshold": np.int16, "child": np.int16, "counts": np.int32}


@dataclass(frozen=True)
class ConditionalHistogram:
    """The conditional histogram of one variable: constant inside each bin, with probabilities from a tree.

    Args:
        edges: of the bins, ascending, shape `(n_bins + 1,)`: number of jets; ln(pt / MeV); eta; phi from the recoil's
            direction [rad]; ln(m/p).
        tree: of the bins' probabilities.
    """

    edges: NDArray[np.float64]
    tree: Tree

    def cumulative(self, x: NDArray[np.float64], edges: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Compute TOTAL times the probability of a smaller value, exact to repeat, shape `(n_leaves, *x.shape)`.

        Args:
            x: values.
            edges: the bins' edges in another, monotone coordinate.
        """
        edges = self.edges if edges is None else edges
        sums = np.concatenate([np.zeros((len(self.tree.counts), 1)), np.cumsum(self.tree.counts, axis=1)], axis=1)
        at = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
        part = (x - edges[at]) / (edges[at + 1] - edges[at])
        return sums[:, at] + np.clip(part, 0.0, 1.0) * (sums[:, at + 1] - sums[:, at])

    def quantile_bin(self, part: float) -> int:
        """Find the bin in which the cumulative probability, over all leaves alike, reaches a part of 1."""
        sums = self.tree.counts.sum(axis=0, dtype=np.int64).cumsum()
        return int(np.searchsorted(sums, part * sums[-1]))

    def quantile(self, part: float) -> float:
        """Return the lower edge of that bin."""
        return float(self.edges[self.quantile_bin(part)])


@dataclass(frozen=True)
class EntropyModel:
    """The entropy model of all variables.

    Args:
        n_jets, pt, eta, phi, rho: of each variable.
        excess_edges: ln(E/p) at the edges of rho, kept so that nobody has to compute it again.
    """

    n_jets: ConditionalHistogram
    pt: ConditionalHistogram
    eta: ConditionalHistogram
    phi: ConditionalHistogram
    rho: ConditionalHistogram
    excess_edges: NDArray[np.float64]

    def arrays(self) -> dict[str, NDArray]:
        """Return all arrays by name."""
        arrays: dict[str, NDArray] = {"version": np.array(VERSION), "excess_edges": self.excess_edges}
        for name in VARIABLES:
            histogram = getattr(self, name)
            for part in PARTS:
                arrays[f"{name}.{part}"] = histogram.edges if part == "edges" else getattr(histogram.tree, part)
        return arrays

    @property
    def fingerprint(self) -> str:
        """The first 128 bits of the sha256 of all that a decoder uses, 32 hexadecimal digits."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays().items()):
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            digest.update(f"{name}{little.dtype.str}{little.shape}".encode() + little.tobytes())
        return digest.hexdigest()[:32]

    def to_bytes(self) -> bytes:
        """Write to bytes (npz)."""
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **self.arrays())
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, where: str | Path) -> EntropyModel:
        """Read what `to_bytes` wrote.

        Raises:
            RunError: damaged or foreign content; the message begins with `where`.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                if sum(member.file_size for member in packed.infolist()) > MAX_BYTES:
                    raise ValueError("they claim an impossible size")
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                if int(file["version"]) != VERSION:
                    raise RunError(
                        f"{where}: an entropy model of version {file['version']}; this package reads {VERSION}"
                    )
                found = {}
                for name, n_features in VARIABLES.items():
                    found[name] = _density({part: file[f"{name}.{part}"] for part in PARTS}, n_features)
                excess = file["excess_edges"]
            if excess.shape != found["rho"].edges.shape or not _ascends(excess):
                raise ValueError("edges of rho")
        except RunError:
            raise
        except Exception as error:  # numpy and zipfile let errors of tokenize, zlib and more through
            raise RunError(f"{where}: a damaged entropy model ({reason_of(error)})") from error
        return cls(**found, excess_edges=excess)

    @classmethod
    def load(cls, run: str | Path) -> EntropyModel:
        """Read the entropy model of a run folder.

        Raises:
            RunError: no such run, or one without them.
        """
        path = Path(run) / FILE
        if not path.is_file():
            raise RunError(f"{path}: no such file; give a run folder of `atlas_keras.train` (older runs: train again)")
        return cls.from_bytes(path.read_bytes(), path)


def _density(parts: dict[str, NDArray], n_features: int) -> ConditionalHistogram:
    """Check what a hostile file could contain, so that a tree always ends and a probability is always positive."""
    for name, dtype in PARTS.items():
        if parts[name].dtype != dtype:
            raise ValueError(f"{name} is {parts[name].dtype}")
    edges, counts, feature, child = (parts[name] for name in ("edges", "counts", "feature", "child"))
    leaf = feature < 0
    node = np.arange(len(feature))
    ok = (
        0 < len(feature) <= MAX_NODES
        and parts["threshold"].shape == child.shape == feature.shape == (len(feature),)
        and counts.shape == (int(leaf.sum()), len(edges) - 1)
        and 2 <= len(edges) <= MAX_BINS
        and _ascends(edges)
        and np.all(counts > 0)
        and np.all(counts.sum(axis=1, dtype=np.int64) == TOTAL)
        and np.all(child[leaf] >= 0)
        and np.all(child[leaf] < len(counts))
        and np.all(child[~leaf] > node[~leaf])
        and np.all(child[~leaf] < len(feature) - 1)
        and np.all(feature < n_features)
    )
    if not ok:
        raise ValueError("a tree that cannot be")
    return ConditionalHistogram(edges, Tree(feature, parts["threshold"], child, counts))


def _ascends(edges: NDArray[np.float64]) -> bool:
    return edges.ndim == 1 and bool(np.all(np.isfinite(edges)) and np.all(np.diff(edges) > 0))


def quantile_edges(x: NDArray[np.float64], n_bins: int, outside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose bins of equal probability where the data are, and given ones outside.

    Args:
        x: the data.
        n_bins: of equal probability, fewer where values repeat.
        outside: edges, ascending, of which those outside of the data are used.
    """
    inner = np.unique(np.quantile(x, np.linspace(0, 1, n_bins + 1)))
    reach = 1e-6 * max(float(np.ptp(inner)), 1e-3)
    inner[0] -= reach
    inner = np.append(inner, inner[-1] + reach) if len(inner) == 1 else np.append(inner[:-1], inner[-1] + reach)
    return np.concatenate([outside[outside < inner[0]], inner, outside[outside > inner[-1]]])
