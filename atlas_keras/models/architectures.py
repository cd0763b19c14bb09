"""All architectures, by name."""

from __future__ import annotations

from atlas_keras.config import RunConfig
from atlas_keras.models.architecture import Architecture
from atlas_keras.models.folded import FOLDED
from atlas_keras.models.kinematic import KINEMATIC
from atlas_keras.models.published import PUBLISHED
from atlas_keras.space import Space

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture for architecture in (FOLDED, KINEMATIC, PUBLISHED)
}


def default_space(config: RunConfig) -> Space:
    """Return the space of the architecture of a configuration: learning rate (the peak of the policy) and width."""
    return Space(ARCHITECTURES[config.model.architecture].space)


def check_space(space: Space, config: RunConfig) -> None:
    """Refuse a space that the architecture of a configuration cannot search.

    Raises:
        ConfigError: an unknown hyperparameter, or a value that cannot be; the message names it.
    """
    space.check(config, ARCHITECTURES[config.model.architecture].hyperparameters)
