"""What is counted of the jets as one method gives them back: a model, a rival, a baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlas_keras.evaluation.addable import Addable
from atlas_keras.evaluation.fine_histogram import FineHistogram, usable
from atlas_keras.evaluation.observables import Observables, difference, residual
from atlas_keras.evaluation.principal_components import PrincipalComponents
from atlas_keras.evaluation.published_figures import PublishedSpace, published_sums

Histograms = dict[str, FineHistogram]


@dataclass(frozen=True)
class MethodTally(Addable):
    """What is counted of the jets as a method gives them back.

    Args:
        n_jets: number of jets.
        values: by observable.
        residuals: by observable, relative or absolute as the errors of the quantity count.
        absolute: by observable that is an energy or a mass, differences in its unit.
        n_without: by observable, how many have no residual.
        n_spacelike: jets, beyond what float32 can tell apart.
        n_exact: by column of whole numbers, values whose nearest whole number is the right one.
        published: sums and numbers of the figures of the notebooks.
        squares: under `normalized`, the sum and number of the squared errors in the space of principal components.
    """

    n_jets: int
    values: Histograms
    residuals: Histograms
    absolute: Histograms
    n_without: dict[str, int]
    n_spacelike: int
    n_exact: dict[str, int]
    published: dict[str, NDArray[np.float64]]
    squares: dict[str, NDArray[np.float64]]

    @classmethod
    def of(
        cls,
        before: Observables,
        after: Observables,
        space: PublishedSpace | None,
        principal: PrincipalComponents | None = None,
    ) -> MethodTally:
        """Count jets.

        Args:
            before, after: the jets.
            space: in which the published figures are measured; None where the columns are others than theirs.
            principal: components that the model is compared with; None where there are none.
        """
        errors = {name: residual(before, after, name) for name in before.all}
        return cls(
            len(before.jets),
            {name: FineHistogram.of(usable(after[name])) for name in before.all},
            {name: FineHistogram.of(usable(error)) for name, error in errors.items()},
            {
                name: FineHistogram.of(usable(difference(before, after, name)))
                for name, column in before.all.items()
                if column.is_energy
            },
            {name: int(np.sum(np.isnan(error))) for name, error in errors.items()},
            after.n_spacelike(),
            {
                column.name: int(np.sum(np.rint(after[column.name]) == before[column.name]))
                for column in before.collection
                if column.is_whole
            },
            {} if space is None else published_sums(before.jets, after.jets, space),
            {} if principal is None else {"normalized": principal.squares(before.jets, after.jets)},
        )
