"""The folded autoencoder: three numbers that carry four variables almost to the precision of float32.

The latent is (ln pt, eta, v); v holds the cell of phi and, inside the cell, u = F(rho | pt, eta). A small network of
(ln pt, eta) gives the probabilities of F's bins, in the encoder and again in the decoder, from the same two numbers.
Trained is that network alone, by maximum likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from atlas_keras.layers.folding import BinProbabilities, Fold
from atlas_keras.layers.invertible import PACKAGE
from atlas_keras.layers.selection import FirstColumns
from atlas_keras.layers.standardization import Standardization
from atlas_keras.models.architecture import Architecture, ModelConfig, ModelFacts
from atlas_keras.models.building import chain, dense_stack, jets_input, kinematic_coordinates, latent_input
from atlas_keras.models.jet_autoencoder import JetAutoencoder, Objective
from atlas_keras.models.training_rows import TrainingRows
from atlas_keras.sections import require

MAX_RHO = 4.0  # E/p = 3000
FLOOR = 0.125  # of the probability, for jets unlike those of the training: at rho = 1, E comes back within 1 %
BULK = 0.999  # of the jets in bins of equal probability; the rest of the bins grow in width up to the largest rho
TAIL_BINS = 8
NETWORK = "rho_network"  # how the names of its layers begin


@dataclass(frozen=True)
class FoldedConfig(ModelConfig):
    """The configuration of a folded autoencoder.

    Args:
        phi_bits: phi has 2^phi_bits cells.
        rho_bins: bins of the distribution of rho.
    """

    phi_bits: int
    rho_bins: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.n_latent == 3, f"model.n_latent is 3 in a folded autoencoder. Received: {self.n_latent}")
        require(1 <= self.phi_bits <= 20, f"model.phi_bits is 1 to 20. Received: {self.phi_bits}")
        require(self.rho_bins >= 8, f"model.rho_bins is at least 8. Received: {self.rho_bins}")


@keras.saving.register_keras_serializable(package=PACKAGE)
class NegativeLogLikelihood(Objective):
    """The mean of -ln(probability of the bin of a jet's rho).

    The density in bin j is h_j / w_j; the widths do not depend on the network and are left out.

    Args:
        edges: of the bins, ascending from 0.
    """

    normalized = "kinematic"

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = list(edges)
        self._low, self._high = (np.asarray(side, np.float32) for side in (edges[:-1], edges[1:]))

    def __call__(self, rows: Any, outputs: Any) -> Any:
        """Compute the mean over jets, from coordinates `(n_jets, 4)` and probabilities `(n_jets, n_bins)`."""
        rho = ops.minimum(rows[:, 3:4], MAX_RHO * (1 - 1e-6))
        inside = ops.logical_and(ops.greater_equal(rho, self._low), ops.less(rho, self._high))
        return -ops.mean(ops.sum(ops.cast(inside, "float32") * ops.log(outputs), axis=1))

    def trained(self, encoder: keras.Model, decoder: keras.Model) -> keras.Model:
        """Return the network of (ln pt, eta), which both halves have."""
        rows = keras.Input(encoder.get_layer(self.normalized).output.shape[1:])
        network = [layer for layer in encoder.layers if layer.name.startswith(NETWORK)]
        return keras.Model(rows, chain(rows, network), name="rho_distribution")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {"edges": self.edges}


def build_folded(config: FoldedConfig, rows: TrainingRows, facts: ModelFacts) -> JetAutoencoder:
    """Build the folded autoencoder.

    Args:
        config: widths of the network, its activation, phi_bits and rho_bins.
        rows: the training split: E, pt [unit], eta, phi [rad].
        facts: the columns, which are the four-momentum, and the unit of E and pt, in the data and in the model.

    Raises:
        ConfigError: other columns.
    """
    kinematic, coordinates = kinematic_coordinates(rows.drawn, facts)
    edges = rho_edges(coordinates[:, 3], config.rho_bins)
    fold = Fold(edges, config.phi_bits, name="fold")
    statistics = rows.statistics(lambda jets: kinematic(jets)[:, :2])

    network = [
        FirstColumns(2, name=f"{NETWORK}_columns"),
        Standardization.adapted(statistics, name=f"{NETWORK}_standardization"),
        *dense_stack(2, config.widths, config.rho_bins, config.activation, NETWORK),
        BinProbabilities(edges, FLOOR, name=f"{NETWORK}_probabilities"),
    ]
    inputs, latent = jets_input(len(facts.collection)), latent_input(3)
    y = kinematic(inputs)
    encoder = keras.Model(inputs, fold([y, chain(y, network)]), name="encoder")
    unfolded = fold.inverse()([latent, chain(latent, network)])
    decoder = keras.Model(latent, kinematic.inverse()(unfolded), name="decoder")
    return JetAutoencoder(encoder, decoder, NegativeLogLikelihood(edges), facts, name="autoencoder")


def rho_edges(rho: NDArray[np.float32], n_bins: int) -> list[float]:
    """Choose bins: of equal probability where jets are, then wider and wider up to the largest rho.

    Args:
        rho: of the training split.
        n_bins: at least 8; a sixth of them, 8 at most, for the tail.

    Returns:
        `n_bins + 1` edges, ascending from 0.
    """
    n_tail = min(TAIL_BINS, n_bins // 3)
    n_bulk = n_bins - n_tail
    quantiles = np.quantile(np.minimum(rho, MAX_RHO / 2), BULK * np.arange(1, n_bulk + 1) / n_bulk)
    # Jets of equal rho (all massless, say) would make empty bins: every bin is at least this much wider than the last.
    least = 1e-4 * np.arange(1, n_bulk + 1)
    bulk = np.maximum(np.maximum.accumulate(quantiles - least) + least, least)
    tail = np.geomspace(bulk[-1], MAX_RHO, n_tail + 1)[1:]
    return [0.0, *bulk.tolist(), *tail.tolist()]


def mean_log_width(rho: NDArray[np.float32], edges: Sequence[float]) -> float:
    """Compute the mean of ln(width of the bin of a jet's rho).

    Added to the loss, it gives the mean of -ln(density of rho), which compares models with different bins.

    Args:
        rho: shape `(n_jets,)`.
        edges: of the bins, ascending from 0.
    """
    inside = np.clip(np.searchsorted(edges, rho, side="right") - 1, 0, len(edges) - 2)
    return float(np.mean(np.log(np.diff(edges))[inside]))


FOLDED = Architecture(
    "folded",
    FoldedConfig,
    build_folded,
    space={"learning_rate": {"low": 1e-3, "high": 1e-1, "scale": "log"}, "width": {"values": [4, 8, 12, 16, 24, 32]}},
    is_likelihood=True,
    loss_depends_on="rho_bins",
    unquantizable=(
        "breaks the folded latent: the jet's mass is in the last bits of its third number, and comes back only if "
        "encoder and decoder compute the same probabilities, in float32 and from the same weights. Export with "
        "quantization 'none', or train --preset kinematic, whose latent is smooth"
    ),
)
