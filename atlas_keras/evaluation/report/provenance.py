"""What a report tells beside the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Provenance:
    """What a report tells beside the figures.

    Args:
        title: of the page.
        jets: what the jets are, as in `the test split` or `all jets of jets.csv`, for the table at the top.
        unseen: whether the jets are those of the test split, so that the model has not seen them.
        command: that makes the report again.
        config: of the run, as in `config.json`.
        facts: further lines for the table at the top: name and text.
        warnings: what the reader has to know before the figures.
    """

    title: str
    jets: str
    unseen: bool
    command: str
    config: Mapping[str, Any]
    facts: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = field(default_factory=tuple)


def model_facts(metrics: Mapping[str, Any], config: Mapping[str, Any], name: str = "") -> list[tuple[str, str]]:
    """Say what a model is.

    Args:
        metrics: of its run.
        config: of its run, as in `config.json`.
        name: of the model, where there are several.
    """
    n, model = metrics["n_jets"], config["model"]
    text = (
        f"preset {model['preset']}: {model['n_latent']} numbers stored for a jet, {metrics['n_parameters']:,} "
        f"parameters, energies in {metrics['unit']}"
    )
    files = ", ".join(file["name"] for file in metrics["data_files"][:3])
    trained = (
        f"{metrics['epochs']} epochs in {metrics['train_seconds']:.1f} s, seed {metrics['seed']}, on {n['train']:,} "
        f"jets of {files} (sha256 {metrics['data_sha256'][:16]}…)"
    )
    if start := metrics.get("started_from"):
        trained += f", from the model of {start['run']} (fingerprint {start['model_fingerprint'][:16]}…)"
    prefix = f"{name}: " if name else ""
    return [
        (f"{prefix}model", text),
        (f"{prefix}trained", trained),
        (f"{prefix}fingerprint", metrics["model_fingerprint"]),
    ]
