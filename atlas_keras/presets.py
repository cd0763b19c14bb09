"""The presets: values of model and training by name, as `atlas_keras.config` makes configurations of them.

Their values were searched with `python -m tuning.search` where nothing else is said; commands and results are in
`tuning/results` of a checkout.
"""

from __future__ import annotations

from typing import Any

# For firmware: a quantized encoder 4-16-3 of the CMS Phase-2 wide jet. Tried by hand and not searched.
_TRIGGER = {
    "architecture": "trigger",
    "widths": (16,),
    "n_latent": 3,
    "activation": "relu",
    "hardware": "cms-phase2",
    "latent_bits": 12,
    "score": False,
    "weight_bits": 8,
    "bit_weight": 1e-4,
    "decoder_widths": (32, 32),
}
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    # Four variables in three numbers: phi on a grid of 2^14 cells, the mass in the remainder.
    # Searches: tuning/results/folded and folded-rate. More bins and a larger rate gain likelihood, not accuracy.
    "folded": {
        "model": {
            "architecture": "folded",
            "widths": (16,),
            "n_latent": 3,
            "activation": "tanh",
            "phi_bits": 14,
            "rho_bins": 8,
        },
        "training": {"epochs": 30, "batch_size": 512, "learning_rate": 1e-2, "weight_decay": 1e-6},
    },
    # A smooth latent: weighted principal components and a small correction; the mass becomes its mean at (pt, eta).
    # Search: tuning/results/kinematic. The best of 59 trials is no better over three seeds.
    "kinematic": {
        "model": {"architecture": "kinematic", "widths": (16, 16), "n_latent": 3, "activation": "tanh"},
        "training": {"epochs": 100, "batch_size": 256, "learning_rate": 3e-3, "weight_decay": 1e-6},
    },
    # The same architecture with a quarter of the weights, for the smallest edges; values of `kinematic`, not searched.
    "kinematic-small": {
        "model": {"architecture": "kinematic", "widths": (8,), "n_latent": 3, "activation": "tanh"},
        "training": {"epochs": 100, "batch_size": 256, "learning_rate": 3e-3, "weight_decay": 1e-6},
    },
    # Any columns: principal components of what spreads evenly, and two networks that correct them. Its values were
    # tried by hand and not searched; docs/columns.md says what it reaches with 300 epochs.
    "columns": {
        "model": {"architecture": "columns", "widths": (96, 96), "n_latent": 3, "activation": "silu"},
        "training": {"epochs": 200, "batch_size": 512, "learning_rate": 5e-3, "weight_decay": 1e-5},
    },
    "trigger": {
        "model": _TRIGGER,
        "training": {"epochs": 60, "batch_size": 256, "learning_rate": 5e-3, "weight_decay": 1e-6},
    },
    # The same for a whole event: 32-16-8-4 on ten jets and MET, and a score for what is unlike the training's events.
    "trigger-event": {
        "model": {
            **_TRIGGER,
            "widths": (16, 8),
            "n_latent": 4,
            "hardware": "cms-phase2-event",
            "latent_bits": 10,
            "score": True,
            "bit_weight": 5e-4,
            "decoder_widths": (32, 64),
        },
        "training": {"epochs": 100, "batch_size": 256, "learning_rate": 5e-3, "weight_decay": 1e-6},
    },
    # The network of the published notebooks: 4-200-200-20-3-20-200-200-4, tanh, min-max, one-cycle with peak 4.8e-3.
    # Their values are the notebooks'; a short search beside them: tuning/results/published.
    "published": {
        "model": {
            "architecture": "published",
            "widths": (200, 200, 20),
            "n_latent": 3,
            "activation": "tanh",
            "latent_activation": "tanh",
            "standardization": "min-max",
        },
        "training": {"epochs": 150, "batch_size": 256, "learning_rate": 4.8e-3, "weight_decay": 1e-6},
    },
}
DEFAULT_PRESET = "folded"
GENERAL_PRESET = "columns"  # of collections whose columns are chosen
