"""The evaluation of a set of jets: as they were, and as they come back by a model, by a rival and by the baselines."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from atlas_keras.data.event_positions import EventPositions
from atlas_keras.evaluation import plots, tables
from atlas_keras.evaluation.distribution_shift import compare, outside_of_range
from atlas_keras.evaluation.metrics import figures_of
from atlas_keras.evaluation.observables import Observables
from atlas_keras.evaluation.reference import Reference
from atlas_keras.evaluation.worst import worst_events, worst_jets
from atlas_keras.schema import Collection

MODEL, AGAINST = "model", "against"  # the keys of the evaluated model and of the one beside it


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Jets before and after, with all tables and plots that follow from them.

    Args:
        x: jets before, shape `(n_jets, n_columns)`, float32.
        collection: what the columns are.
        reconstructed: jets after, of the same shape, by the key of the method: `model`, perhaps `against`.
        labels: what the methods are called in tables and plots.
        event: which event each jet belongs to, shape `(n_jets,)`.
        n_events: those without jets included.
        reference: of the training split of the model.
        positions: where the events stand in their files.
    """

    x: NDArray[np.float32]
    collection: Collection
    reconstructed: dict[str, NDArray[np.float32]]
    labels: dict[str, str]
    event: NDArray[np.int64]
    n_events: int
    reference: Reference
    positions: EventPositions

    def __repr__(self) -> str:
        """Return what fits a screen: which jets, and the errors of each method that is evaluated."""
        return f"{self._title()}\n{self._short().to_string(index=False, float_format='{:.3g}'.format)}"

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        short = self._short().to_html(index=False, float_format="{:.3g}".format)
        return f"<p>{html.escape(self._title())}</p>{short}"

    def _title(self) -> str:
        labels = ", ".join(self.labels.values())
        return f"Evaluation of {len(self.x):,} {self.collection.title} of {self.n_events:,} events: {labels}"

    def _short(self) -> pd.DataFrame:
        """Choose the rows of the summary that have no unit of energy, and the columns that say most."""
        summary = self.summary()
        chosen = summary["key"].isin(self.labels) & (summary["unit"] != self.unit)
        return summary.loc[chosen, ["method", "variable", "unit", "mean_abs", "rms", "p99", "max", "bias"]]

    @property
    def unit(self) -> str:
        """Unit of energies."""
        return self.reference.unit

    @cached_property
    def before(self) -> Observables:
        """Observables of the jets before; the pairs are the two jets of an event that lead in pt."""
        return Observables.of_events(self.x, self.collection, self.event)

    @cached_property
    def after(self) -> dict[str, Observables]:
        """Observables of the jets after, of all methods, the baselines included."""
        jets: dict[str, NDArray] = {**self.reconstructed, **{b.name: b(self.x) for b in self.reference.rivals}}
        return {key: Observables(x_hat, self.collection, self.before.pairs) for key, x_hat in jets.items()}

    @cached_property
    def all_labels(self) -> dict[str, str]:
        """What all methods are called, the baselines by their formula."""
        return {**self.labels, **{b.name: b.symbols for b in self.reference.rivals}}

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """All figures that JSON can hold, under the names of `metrics.json`."""
        figures = {key: self._figures(after) for key, after in self.after.items()}
        formulas = {b.name: b.formula for b in self.reference.rivals}
        result = {
            **figures[MODEL],
            "baselines": {name: {"formula": text, **figures[name]} for name, text in formulas.items()},
            "events": self._event_counts(),
            "distribution_shift": self.distribution_shift,
        }
        if AGAINST in figures:
            result[AGAINST] = figures[AGAINST]
        return result

    def _figures(self, after: Observables) -> dict[str, Any]:
        figures, principal = figures_of(self.before, after, self.reference.space), self.reference.principal
        if principal is not None:
            figures = replace(figures, normalized_mse=principal.mse(self.x, after.jets))
        return figures.to_dict()

    def _event_counts(self) -> dict[str, int]:
        sizes = np.unique(self.event, return_counts=True)[1]
        return {
            "n": self.n_events,
            "without_jets": self.n_events - len(sizes),
            "with_one_jet": int(np.sum(sizes == 1)),
            "with_a_dijet": int(np.sum(sizes >= 2)),
        }

    @cached_property
    def distribution_shift(self) -> dict[str, Any]:
        """Whether the jets look like those of the training, see `atlas_keras.evaluation.distribution_shift.compare`."""
        result = compare(self.before, self.reference)
        outside = outside_of_range(self.before, self.reference)
        result["errors"] = {
            position: tables.mean_errors(self.before, self.after[MODEL], chosen)
            for position, chosen in (("inside", ~outside), ("outside", outside))
        }
        return result

    def jets(self) -> pd.DataFrame:
        """Return the jets as a table.

        Returns:
            One row a jet: `event`, the columns and what is derived from them before, the same with `_model` (and
            `_against`) after.
        """
        return tables.jets_table(self.event, self.before, {k: self.after[k] for k in self.reconstructed})

    def summary(self) -> pd.DataFrame:
        """Return bias , RMS, quantiles and maximum of the residuals: one row a method and a variable."""
        return tables.summary_table(self.metrics, self.before.all, self.all_labels, self.unit)

    def distribution_shift_table(self) -> pd.DataFrame:
        """Return the comparison with the training split, one row a variable."""
        return pd.DataFrame(self.distribution_shift["variables"]).T.rename_axis("variable").reset_index()

    def worst(self, n: int = 10) -> pd.DataFrame:
        """Return the jets that come back worst, with event and index, see `worst_jets`."""
        return worst_jets(self.before, self.after[MODEL], self.event, self.positions, n)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name; the plots draw these and nothing else."""
        worst = self.worst()
        return {
            "summary": self.summary(),
            "distribution_shift": self.distribution_shift_table(),
            "histograms": tables.histograms(self.before, self.after, self.reference),
            "residuals": tables.residual_histograms(self.before, self.after),
            "tails": tables.tails(self.before, self.after),
            "profiles": tables.profiles(self.before, {k: v for k, v in self.after.items() if k in plots.PROFILED}),
            "relative_errors": tables.relative_errors(self.before, self.after),
            "correlation": tables.correlation(self.before, self.after[MODEL]),
            "residual_pairs": tables.residual_pairs(self.before, self.after[MODEL]),
            "residual_correlation": tables.residual_correlation(self.before, self.after[MODEL]),
            "worst": worst,
            "worst_events": worst_events(self.before, self.after[MODEL], self.event, worst),
        }

    def plots(self) -> dict[str, Figure]:
        """Draw all plots, by name."""
        return plots.plot_evaluation(self.tables, self.collection, self.all_labels, self.unit)
