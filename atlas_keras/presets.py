"""The presets: named configurations of model and training that a user can copy and change.

Their values were searched with `python -m tuning.search`; commands and results are in `tuning/results` of a checkout.
"""

from __future__ import annotations

from dataclasses import replace

from atlas_keras.config import ModelConfig, RunConfig, TrainingConfig
from atlas_keras.errors import ConfigError
from atlas_keras.suggestions import suggest

PRESETS: dict[str, tuple[ModelConfig, TrainingConfig]] = {
    # Four variables in three numbers: phi on a grid of 2^14 cells, the mass in the remainder.
    # Searches: tuning/results/folded and folded-rate. More bins and a larger rate gain likelihood, not accuracy.
    "folded": (
        ModelConfig(
            preset="folded",
            widths=(16,),
            n_latent=3,
            activation="tanh",
            latent_activation="linear",
            standardisation="mean-variance",
            rho_bins=8,
        ),
        TrainingConfig(epochs=30, batch_size=512, learning_rate=1e-2, weight_decay=1e-6),
    ),
    # A smooth latent: weighted principal components and a small correction; the mass becomes its mean at (pt, eta).
    # Search: tuning/results/kinematic. The best of 59 trials is no better over three seeds.
    "kinematic": (
        ModelConfig(
            preset="kinematic",
            widths=(16, 16),
            n_latent=3,
            activation="tanh",
            latent_activation="linear",
            standardisation="mean-variance",
        ),
        TrainingConfig(epochs=100, batch_size=256, learning_rate=3e-3, weight_decay=1e-6),
    ),
    # The network of the published notebooks: 4-200-200-20-3-20-200-200-4, tanh, min-max, one-cycle with peak 4.8e-3.
    # Their values are the notebooks'; a short search beside them: tuning/results/published.
    "published": (
        ModelConfig(
            preset="published",
            widths=(200, 200, 20),
            n_latent=3,
            activation="tanh",
            latent_activation="tanh",
            standardisation="min-max",
        ),
        TrainingConfig(epochs=150, batch_size=256, learning_rate=4.8e-3, weight_decay=1e-6),
    ),
}
DEFAULT_PRESET = "folded"


def preset_config(name: str) -> RunConfig:
    """Give the whole configuration of a preset, with the defaults of all that it does not set.

    Raises:
        ConfigError: an unknown preset; the message names the nearest known one.

    Example:
        >>> preset_config("published").model.widths
        (200, 200, 20)
    """
    if name not in PRESETS:
        raise ConfigError(f"Unknown preset {name!r}; {suggest(name, PRESETS)}")
    model, training = PRESETS[name]
    return replace(RunConfig(), model=model, training=training)
