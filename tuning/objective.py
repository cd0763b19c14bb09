"""What a search minimizes: a figure of the validation split, or one weighed against the size or speed of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_keras.errors import ConfigError, RunError

if TYPE_CHECKING:  # importing models imports Keras
    from atlas_keras.models.architecture import Architecture
    from atlas_keras.training.space import Space

SCORE = "score"  # the name that keras-tuner knows
FIGURES = {
    "val_loss": "validation loss",
    "val_mse": "MSE by the published formula, validation",
    "val_mass": "mean relative error of the jet mass, validation",
    "val_density": "mean -ln(density of rho), validation",
}
AGAINST = {"parameters": ("n_parameters", "parameters"), "latency": ("latency", "LiteRT encoder, one jet [us]")}


@dataclass(frozen=True)
class Objective:
    """A figure, alone or against a cost.

    Args:
        figure: of `FIGURES`.
        against: of `AGAINST`, or None.
        trade: exponent of the cost: half the cost outweighs an error that is 2^trade times larger.
        architecture: whose loss `val_loss` is.
    """

    figure: str
    against: str | None
    trade: float
    architecture: Architecture

    def __post_init__(self) -> None:
        if not self.trade > 0:
            raise ConfigError(f"--trade is positive. Received: {self.trade}")
        if self.figure == "val_density" and not self.architecture.is_likelihood:
            raise ConfigError(f"--objective val_density: the architecture {self.architecture.name} has no density")

    @property
    def cost(self) -> str | None:
        """Name of the cost among the figures of a trial."""
        return AGAINST[self.against][0] if self.against else None

    def check(self, space: Space) -> None:
        """Refuse to compare losses that are not the same function.

        Raises:
            ConfigError: the loss depends on a hyperparameter of the space.
        """
        name = self.own_loss(space)
        if self.figure == "val_loss" and name:
            other = "val_density, val_mse" if self.architecture.is_likelihood else "val_mse"
            raise ConfigError(f"Losses of different {name} cannot be compared; use --objective {other} or val_mass")

    def own_loss(self, space: Space) -> str | None:
        """Name the hyperparameter of a space that changes the loss itself, where there is one."""
        name = self.architecture.loss_depends_on
        return name if name in space.dimensions else None

    def score(self, figures: Mapping[str, float]) -> float:
        """Compute what is minimized: the figure, or ln(figure) + trade * ln(cost).

        A likelihood is a logarithm already and is taken as it is.

        Raises:
            RunError: the figure does not exist for these jets.
        """
        if self.figure not in figures:
            raise RunError(f"No jet of the validation split has a {self.figure}; choose another --objective")
        value = figures[self.figure]
        if self.cost is None:
            return value
        likelihood = self.figure == "val_density" or (self.figure == "val_loss" and self.architecture.is_likelihood)
        return (value if likelihood else math.log(value)) + self.trade * math.log(figures[self.cost])

    def __str__(self) -> str:
        if self.cost is None:
            return self.figure
        return f"{self.figure} against {self.against}, trade {self.trade:g}"


def pareto_front(points: list[tuple[float, float]]) -> list[int]:
    """Find the points that no other one beats: none is as good on both sides and better on one.

    Args:
        points: pairs, smaller is better.

    Returns:
        Indices, ascending in the second number; of equal points the first.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][1], points[i][0], i)):
        if not front or points[index][0] < points[front[-1]][0]:
            front.append(index)
    return front
