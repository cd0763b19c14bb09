"""The evaluation of a set of jets: as they were, and as they come back by a model, by a rival and by the baselines."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from atlas_keras.evaluation import plots, tables
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.distribution_shift import compare
from atlas_keras.evaluation.metrics import figures_of
from atlas_keras.evaluation.observables import Observables, all_columns
from atlas_keras.evaluation.reference import Reference
from atlas_keras.evaluation.tally import AGAINST, MODEL, Tally
from atlas_keras.schema import Collection, Column


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Jets before and after, with all tables and plots that follow from what was counted of them.

    Args:
        tally: of the jets.
        collection: what the columns are.
        labels: what the methods are called in tables and plots, by key.
        reference: of the training split of the model.
    """

    tally: Tally
    collection: Collection
    labels: dict[str, str]
    reference: Reference

    @classmethod
    def of(
        cls,
        chunk: Chunk,
        reconstructed: Mapping[str, NDArray[np.float32]],
        labels: dict[str, str],
        reference: Reference,
    ) -> Evaluation:
        """Evaluate jets that are in memory.

        Args:
            chunk: of events.
            reconstructed: jets after, shape `(n_jets, n_columns)`, by the key of the method: `model`, perhaps
                `against`.
            labels, reference: as of the class.
        """
        return cls(Tally.of(chunk, reconstructed, reference), chunk.collection, labels, reference)

    def __repr__(self) -> str:
        """Return what fits a screen: which jets, and the errors of each method that is evaluated."""
        return f"{self._title()}\n{self._short().to_string(index=False, float_format='{:.3g}'.format)}"

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        short = self._short().to_html(index=False, float_format="{:.3g}".format)
        return f"<p>{html.escape(self._title())}</p>{short}"

    def _title(self) -> str:
        n_events, labels = sum(self.tally.n_events.values()), ", ".join(self.labels.values())
        return f"Evaluation of {self.tally.n_jets:,} {self.collection.title} of {n_events:,} events: {labels}"

    def _short(self) -> pd.DataFrame:
        """Choose the rows of the summary that have no unit of energy, and the columns that say most."""
        summary = self.summary()
        chosen = summary["key"].isin(self.labels) & (summary["unit"] != self.unit)
        return summary.loc[chosen, ["method", "variable", "unit", "mean_abs", "rms", "p99", "max", "bias"]]

    @property
    def unit(self) -> str:
        """Unit of energies."""
        return self.reference.unit

    @property
    def columns(self) -> dict[str, Column]:
        """All observables by name: those of the jets, then those of pairs."""
        return all_columns(self.collection)

    @property
    def n_drawn(self) -> int:
        """How many jets the tables stand for that are not made of counts: all, or those of events that were drawn."""
        return len(self.tally.drawn.jets)

    @cached_property
    def before(self) -> Observables:
        """Observables of the drawn jets before; the pairs are the two jets of an event that lead in pt."""
        return Observables.of_events(self.tally.drawn.jets, self.collection, self._event)

    @cached_property
    def after(self) -> dict[str, Observables]:
        """Observables of the drawn jets after, of all methods, the baselines included."""
        drawn = self.tally.drawn
        jets: dict[str, NDArray] = {**drawn.reconstructed, **{b.name: b(drawn.jets) for b in self.reference.rivals}}
        return {key: Observables(x_hat, self.collection, self.before.pairs) for key, x_hat in jets.items()}

    @cached_property
    def _event(self) -> NDArray[np.int64]:
        """Number of the event of each drawn jet, counted over all parts of the data."""
        drawn, first = self.tally.drawn, self.tally.first_events
        starts = np.zeros(max(first) + 1, np.int64)
        starts[list(first)] = list(first.values())
        found: NDArray[np.int64] = starts[drawn.part] + drawn.event
        return found

    @cached_property
    def all_labels(self) -> dict[str, str]:
        """What all methods are called, the baselines by their formula."""
        return {**self.labels, **{b.name: b.symbols for b in self.reference.rivals}}

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """All figures that JSON can hold, under the names of `metrics.json`."""
        figures = {
            key: figures_of(method, self.collection, self.tally.n_spacelike).to_dict()
            for key, method in self.tally.methods.items()
        }
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

    def _event_counts(self) -> dict[str, int]:
        n, (one, more) = sum(self.tally.n_events.values()), self.tally.with_jets.tolist()
        return {"n": n, "without_jets": n - one - more, "with_one_jet": one, "with_a_dijet": more}

    @cached_property
    def distribution_shift(self) -> dict[str, Any]:
        """Whether the jets look like those of the training, see `atlas_keras.evaluation.distribution_shift.compare`."""
        result = compare(self.tally.shift, self.reference, self.collection)
        result["errors"] = {
            position: tables.mean_errors(found, self.columns) for position, found in self.tally.errors.items()
        }
        return result

    def jets(self) -> pd.DataFrame:
        """Return the jets as a table: all, or of more than 131,072 those of events that were drawn.

        Returns:
            One row a jet: `event`, the columns and what is derived from them before, the same with `_model` (and
            `_against`) after.
        """
        return tables.jets_table(self._event, self.before, {k: self.after[k] for k in self.labels})

    def summary(self) -> pd.DataFrame:
        """Return bias, RMS, quantiles and maximum of the residuals: one row a method and a variable."""
        return tables.summary_table(self.metrics, self.columns, self.all_labels, self.unit)

    def distribution_shift_table(self) -> pd.DataFrame:
        """Return the comparison with the training split, one row a variable."""
        return pd.DataFrame(self.distribution_shift["variables"]).T.rename_axis("variable").reset_index()

    def worst(self, n: int = 10) -> pd.DataFrame:
        """Return the jets that come back worst, 100 at most, with event and place in it, see `WorstJets`."""
        return self.tally.worst.counted(self.tally.first_events, n)

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name; the plots draw these and nothing else."""
        return {
            "summary": self.summary(),
            "distribution_shift": self.distribution_shift_table(),
            "histograms": tables.histograms(self.tally, self.columns, self.reference),
            "residuals": tables.residual_histograms(self.tally),
            "tails": tables.tails(self.tally),
            "profiles": tables.profiles(self.before, {k: v for k, v in self.after.items() if k in plots.PROFILED}),
            "relative_errors": tables.relative_errors(self.tally, self.collection),
            "correlation": tables.correlation(self.before, self.after[MODEL]),
            "residual_pairs": tables.residual_pairs(self.before, self.after[MODEL]),
            "residual_correlation": tables.residual_correlation(self.before, self.after[MODEL]),
            "worst": self.worst(),
            "worst_events": self.tally.worst.drawn(),
        }

    def plots(self) -> dict[str, Figure]:
        """Draw all plots, by name."""
        return plots.plot_evaluation(self.tables, self.collection, self.all_labels, self.unit)
