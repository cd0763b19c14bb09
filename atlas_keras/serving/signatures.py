"""The signatures that every export has: their names, and the names of what goes in and comes out."""

from __future__ import annotations

from typing import NamedTuple


class Signature(NamedTuple):
    """One function of an autoencoder.

    Args:
        part: the layer of the autoencoder that computes it; None means all of it.
        input, output: names of the tensors, `jets` of shape `(n_jets, 4)` or `latent` of shape `(n_jets, n_latent)`.
    """

    part: str | None
    input: str
    output: str


SIGNATURES = {
    "encode": Signature("encoder", "jets", "latent"),
    "decode": Signature("decoder", "latent", "jets"),
    "reconstruct": Signature(None, "jets", "jets"),
}
