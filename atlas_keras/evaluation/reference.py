"""What the training split looked like, kept in the run as `reference.json`: later files are measured against it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from atlas_keras.errors import ConfigError, RunError, reason_of
from atlas_keras.evaluation.addable import add
from atlas_keras.evaluation.baselines import Baseline, fit_baselines
from atlas_keras.evaluation.binning import bin_edges, count
from atlas_keras.evaluation.fine_histogram import FineHistogram
from atlas_keras.evaluation.observables import Observables, columns_of_jets
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

    def size_of(self, column: Column) -> float:
        """Return what errors of a column are measured by where they are compared with those of others.

        Relative errors, angles and eta count as they are; others by half of the range that the central 68 % have, by
        the whole range where that is nothing, and as they are in a constant column.
        """
        if column.is_relative or column.quantity in ("eta", "angle"):
            return 1.0
        low, inner_low, inner_high, high = np.interp(
            (0, 0.16, 0.84, 1), FRACTIONS, self.distributions[column.name].quantiles
        )
        return float((inner_high - inner_low) / 2 or high - low or 1.0)

    @classmethod
    def of(
        cls,
        train: Iterable[NDArray],
        drawn: NDArray,
        everything: NDArray,
        collection: Collection,
        unit: str,
        principal: PrincipalComponents | None = None,
    ) -> Self:
        """Describe a data set.

        Args:
            train: jets of the training split, in parts of shape `(n_jets, n_columns)`, at least one.
            drawn: some of them, to which the baselines are fitted.
            everything: jets of all splits, or the smallest and the largest value of each column.
            collection: what the columns are.
            unit: of energies.
            principal: components that were fitted to the training split.
        """
        counted = functools.reduce(add, (_counted(part, collection) for part in train))
        columns = {column.name: column for column in columns_of_jets(collection)}
        distributions = {name: _distribution(columns[name], values) for name, values in counted.items()}
        n_jets = next(iter(counted.values())).n
        baselines = tuple(fit_baselines(drawn, collection))
        space = PublishedSpace.of(everything, collection)
        return cls(unit, n_jets, distributions, space, baselines, principal)

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


def _counted(jets: NDArray, collection: Collection) -> dict[str, FineHistogram]:
    observables = Observables(jets, collection)
    return {column.name: FineHistogram.of(observables[column.name]) for column in observables.of_jets}


def _distribution(column: Column, values: FineHistogram) -> Distribution:
    edges = bin_edges(column, values.low, values.high)
    quantiles, counts = values.quantiles(FRACTIONS), count(values, edges)
    return Distribution(tuple(quantiles.tolist()), tuple(edges.tolist()), tuple(counts.tolist()))
