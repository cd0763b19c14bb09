"""What the training split looked like, kept in the run as `reference.json`: later files are measured against it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ConfigError, RunError, reason_of
from atlas_keras.evaluation.baselines import Baseline, fit_baselines
from atlas_keras.evaluation.binning import bin_edges
from atlas_keras.evaluation.observables import Observables
from atlas_keras.evaluation.principal_components import PrincipalComponents
from atlas_keras.evaluation.published_figures import PublishedSpace
from atlas_keras.json_files import read_json
from atlas_keras.schema import Collection, Column

FRACTIONS = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Distribution:
    """One variable in the training split.

    Args:
        quantiles: at the fractions 0, 0.005, ..., 1; the first and the last are the range.
        edges, counts: its histogram over that range.
    """

    quantiles: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Reference:
    """The training split in numbers, and what was fitted to it.

    Args:
        unit: of energies.
        n_jets: in the training split.
        distributions: of the columns and of what is derived from them, by name.
        space: of the published figures; its range is that of the whole data, as in the notebooks. None for others
            columns than theirs.
        baselines: fitted on the training split.
        principal: principal components, fitted on it too; None where the model is not one of any columns.
    """

    unit: str
    n_jets: int
    distributions: dict[str, Distribution]
    space: PublishedSpace | None
    baselines: tuple[Baseline, ...]
    principal: PrincipalComponents | None = None

    @property
    def rivals(self) -> tuple[Baseline | PrincipalComponents, ...]:
        """What the model has to beat: formulas and principal components."""
        return (*self.baselines, *(() if self.principal is None else (self.principal,)))

    @classmethod
    def of(
        cls,
        train: NDArray,
        everything: NDArray,
        collection: Collection,
        unit: str,
        principal: PrincipalComponents | None = None,
    ) -> Self:
        """Describe a data set.

        Args:
            train: jets of the training split, shape `(n_jets, n_columns)`.
            everything: jets of all splits.
            collection: what the columns are.
            unit: of energies.
            principal: components that were fitted to the training split.
        """
        observables = Observables(train, collection)
        distributions = {column.name: _distribution(column, observables) for column in observables.of_jets}
        baselines = tuple(fit_baselines(train, collection))
        return cls(unit, len(train), distributions, PublishedSpace.of(everything, collection), baselines, principal)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "unit": self.unit,
            "n_jets": self.n_jets,
            "distributions": {name: asdict(d) for name, d in self.distributions.items()},
            "published_space": self.space and {"low": self.space.low.tolist(), "high": self.space.high.tolist()},
            "baselines": [asdict(baseline) for baseline in self.baselines],
            "principal_components": self.principal and self.principal.to_dict(),
        }

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file of a run.

        Raises:
            RunError: there is none, or it is damaged.
        """
        values = read_json(path, RunError, "give a run folder of `atlas_keras.train` of this version")
        try:
            space = values["published_space"]
            return cls(
                values["unit"],
                values["n_jets"],
                {n: Distribution(*(tuple(v) for v in d.values())) for n, d in values["distributions"].items()},
                space and PublishedSpace(*(np.array(space[key]) for key in ("low", "high"))),
                tuple(Baseline(**baseline) for baseline in values["baselines"]),
                PrincipalComponents.read(values),
            )
        except (ConfigError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path}: damaged ({reason_of(error)}); train again") from error


def _distribution(column: Column, observables: Observables) -> Distribution:
    values = observables[column.name]
    edges = bin_edges(column, float(values.min()), float(values.max()))
    counts, _ = np.histogram(values, edges)
    quantiles = np.quantile(values, FRACTIONS)
    return Distribution(tuple(quantiles.tolist()), tuple(edges.tolist()), tuple(counts.tolist()))
