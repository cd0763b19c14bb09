"""Objectives: the Pareto front's laws, scores, losses that cannot be compared."""

import math

import numpy as np
import pytest

from atlas_keras.errors import ConfigError, RunError
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.kinematic import KINEMATIC
from atlas_keras.training.space import Space
from tuning.objective import Objective, pareto_front
from tuning.results import figures_of_run


def beats(a, b):
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_what_nothing_beats(seed):
    rng = np.random.default_rng(seed)
    points = [tuple(p) for p in rng.integers(0, 12, size=(rng.integers(1, 40), 2)).tolist()]
    front = pareto_front(points)
    unbeaten = {p for p in points if not any(beats(q, p) for q in points)}
    assert {points[i] for i in front} == unbeaten
    assert len(front) == len(unbeaten)
    costs = [points[i][1] for i in front]
    assert costs == sorted(costs)


def test_no_points_have_no_front():
    assert pareto_front([]) == []


def test_the_trade_is_the_price_of_a_doubled_cost():
    """2^trade times the error at half the cost scores the same; a likelihood is a logarithm already."""
    a = {"val_mse": 1e-6, "val_density": -3.0, "n_parameters": 1000.0}
    b = {"val_mse": 1e-6 * 2**0.3, "val_density": -3.0 + 0.3 * math.log(2), "n_parameters": 500.0}
    for figure, preset in (("val_mse", "kinematic"), ("val_density", "folded")):
        objective = Objective(figure, "parameters", 0.3, ARCHITECTURES[preset])
        assert objective.score(a) == pytest.approx(objective.score(b), rel=1e-12)
    assert Objective("val_mse", None, 0.3, KINEMATIC).score(a) == 1e-6


@pytest.mark.parametrize(("preset", "name"), [("folded", "rho_bins"), ("published", "standardization")])
def test_losses_that_are_not_the_same_function_are_not_compared(preset, name):
    space = Space.from_dict({name: {"values": [8, 16] if name == "rho_bins" else ["min-max", "mean-variance"]}})
    with pytest.raises(ConfigError, match=f"different {name} cannot be compared"):
        Objective("val_loss", None, 0.1, ARCHITECTURES[preset]).check(space)
    Objective("val_mse", None, 0.1, ARCHITECTURES[preset]).check(space)


def test_a_figure_that_no_jet_has_is_told():
    with pytest.raises(RunError, match="val_mass; choose another"):
        Objective("val_mass", None, 0.1, KINEMATIC).score({"val_loss": 1.0})


def test_a_density_is_of_the_folded_preset():
    with pytest.raises(ConfigError, match="architecture kinematic has no density"):
        Objective("val_density", None, 0.1, KINEMATIC)


def test_results_tell_of_a_run_what_its_columns_have():
    """A mass and the published formula are of a four-momentum."""
    four = {"test": {"E": 1}, "mass": 2, "published": 3, "baselines": {}}
    assert figures_of_run(four) == {"test": {"E": 1}, "mass": 2, "published": 3}
    assert figures_of_run({"test": {"pt": 1}, "normalized_mse": 4}) == {"test": {"pt": 1}, "normalized_mse": 4}
