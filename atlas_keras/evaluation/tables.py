"""What is plotted, as tables: histograms, tails, profiles, errors by bins, correlations.

Each is a DataFrame in long form; columns named after methods (`model`, `against`, baselines) stand side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from atlas_keras.evaluation.binning import bin_edges, count, equal_bins
from atlas_keras.evaluation.fine_histogram import FineHistogram, usable
from atlas_keras.evaluation.observables import PROFILED_AGAINST, Observables, difference, residual
from atlas_keras.evaluation.records import SUMMARY
from atlas_keras.evaluation.reference import FRACTIONS, Reference
from atlas_keras.evaluation.tally import AGAINST, MODEL, Tally
from atlas_keras.schema import Collection, Column

Methods = Mapping[str, Observables]
CORE = 0.99  # of the jets inside the histogram of a residual
N_TAIL = 160
PROFILE_BINS, ERROR_BINS, MIN = 24, 20, 20
BANDS = {"low95": 0.025, "low68": 0.16, "median": 0.5, "high68": 0.84, "high95": 0.975}
PAIR_BINS = 41
MAX_PAIRED = 6  # variables whose residuals are shown in pairs, and in profiles


def jets_table(event: NDArray[np.int64], before: Observables, after: Methods) -> pd.DataFrame:
    """Put the jets before and after side by side, one row a jet."""
    columns: dict[str, Any] = {"event": event, **{c.name: before[c.name] for c in before.of_jets}}
    for key, observables in after.items():
        columns |= {f"{c.name}_{key}": observables[c.name] for c in before.of_jets}
    return pd.DataFrame(columns)


def summary_table(
    metrics: Mapping[str, Any], columns: Mapping[str, Column], labels: Mapping[str, str], unit: str
) -> pd.DataFrame:
    """Put the summaries of all methods into one table: `key`, `method`, `variable`, `unit`, then as in `SUMMARY`.

    Unit `relative` is that of relative residuals; energies and masses have a second row in their own unit.

    Args:
        metrics: of an `Evaluation`.
        columns: all observables by name.
        labels: of the methods, by key.
        unit: of energies.
    """
    rows = []
    for key, label in labels.items():
        figures = metrics["baselines"].get(key) or (metrics if key == "model" else metrics[key])
        for name, column in columns.items():
            summary = figures["test"][name] if name in figures["test"] else figures[name]
            kind = "relative" if column.is_relative else column.unit(unit)
            rows.append([key, label, name, kind, *(summary[k] for k in SUMMARY)])
            if name in figures["absolute"]:
                rows.append([key, label, name, unit, *(figures["absolute"][name][k] for k in SUMMARY)])
    return pd.DataFrame(rows, columns=["key", "method", "variable", "unit", *SUMMARY])


def mean_errors(found: Mapping[str, FineHistogram], columns: Mapping[str, Column]) -> dict[str, Any]:
    """Compute the mean |residual| of each variable, of masses the median, and `n`, how many jets there are.

    Args:
        found: of the errors of a `Tally`.
        columns: all observables by name.
    """
    result: dict[str, Any] = {"n": found[""].n}
    for name, sizes in found.items():
        if name:  # a mass near zero has any relative error
            is_mass = columns[name].quantity == "mass"
            usual = (float(sizes.quantiles(0.5)) if is_mass else sizes.total / sizes.n) if sizes.n else None
            result[name] = usual
    return result


def histograms(tally: Tally, columns: Mapping[str, Column], reference: Reference) -> pd.DataFrame:
    """Count every observable before and after, in bins over its range before; the outer bins take what is beyond.

    Args:
        tally: of the jets.
        columns: all observables by name.
        reference: of the training split.

    Returns:
        `variable`, `low`, `high`, `before`, a column for each method, and `training`: the counts of the training split
        scaled to as many jets, from its own histogram (missing for observables of pairs).
    """
    parts = []
    for name, column in columns.items():
        values = tally.before[name]
        if values.n == 0:
            continue
        edges = bin_edges(column, values.low, values.high)
        part = pd.DataFrame({"variable": name, "low": edges[:-1], "high": edges[1:], "before": count(values, edges)})
        for key, method in tally.methods.items():
            part[key] = count(method.values[name], edges)
        known = name in reference.distributions
        part["training"] = _rebinned(name, edges, reference) * values.n if known else np.nan
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _rebinned(name: str, edges: NDArray, reference: Reference) -> NDArray[np.float64]:
    """Compute the training split's parts in other bins: by its quantiles in the bulk, by its own bins in the tails."""
    seen = reference.distributions[name]
    points = np.concatenate([seen.edges, seen.quantiles])
    below = np.concatenate([[0.0], np.cumsum(seen.counts) / reference.n_jets, FRACTIONS])
    order = np.argsort(points, kind="stable")
    return np.diff(np.interp(edges, points[order], np.maximum.accumulate(below[order])))


def residual_histograms(tally: Tally) -> pd.DataFrame:
    """Count the residual of every observable over the range that holds 99 % of those of the models.

    Returns:
        `variable`, `low`, `high` and a column for each method; what is beyond is in no bin.
    """
    parts = []
    for name in tally.before:
        found = {key: method.residuals[name] for key, method in tally.methods.items()}
        if found[MODEL].n == 0:
            continue
        cores = [_core(one.sizes) for key, one in found.items() if key in (MODEL, AGAINST)]
        reach = 1.5 * max(*cores, 1e-9)
        edges = np.linspace(-reach, reach, 82)
        part = pd.DataFrame({"variable": name, "low": edges[:-1], "high": edges[1:]})
        for key, one in found.items():
            part[key] = np.histogram(one.values, edges, weights=one.counts)[0]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _core(sizes: FineHistogram) -> float:
    """Return what 99 % of the errors are below; of errors that are infinite, the largest one that is not."""
    core = float(sizes.quantiles(CORE))
    return core if np.isfinite(core) else max(sizes.values[np.isfinite(sizes.values)].tolist(), default=0.0)


def tails(tally: Tally) -> pd.DataFrame:
    """Compute the size of the error that a fraction of the jets exceeds.

    Returns:
        `variable`, `fraction` (from all jets to a single one) and a column of |residual| for each method.
    """
    parts = []
    for name in tally.before:
        sizes = {key: method.residuals[name].sizes for key, method in tally.methods.items()}
        n = sizes[MODEL].n
        if n == 0:
            continue
        beyond = np.unique(np.geomspace(1, n, min(N_TAIL, n)).astype(int))  # how many jets err at least so much
        part = pd.DataFrame({"variable": name, "fraction": beyond / n})
        for key, size in sizes.items():
            part[key] = size.ranked(n - beyond)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def profiles(before: Observables, after: Methods) -> pd.DataFrame:
    """Profile the residuals of all variables of a jet in bins of pt, eta and mass, where there are such.

    Returns:
        `against`, `low`, `high`, `method`, `variable`, `n`, `bias` (mean), `rms`, `median`, and the edges `low68`,
        `high68`, `low95`, `high95` of the central 68 and 95 %.
    """
    residuals = {(k, c.name): residual(before, o, c.name) for k, o in after.items() for c in before.of_jets}
    rows = []
    for against in (name for name in PROFILED_AGAINST if name in before.all):
        values = before[against]
        edges = equal_bins(values, before.all[against], PROFILE_BINS, MIN)
        order, starts = _grouped(values, edges)
        for (method, name), r in residuals.items():
            for k, part in enumerate(np.split(r[order], starts)):
                part = usable(part)
                if part.size:
                    bands = np.quantile(part, list(BANDS.values()))
                    moments = (part.size, part.mean(), np.sqrt(np.mean(part**2)))
                    rows.append([against, edges[k], edges[k + 1], method, name, *moments, *bands])
    columns = ["against", "low", "high", "method", "variable", "n", "bias", "rms", *BANDS]
    return pd.DataFrame(rows, columns=columns)


def relative_errors(tally: Tally, collection: Collection) -> pd.DataFrame:
    """Compute the mean |relative error| of each column in bins of the column itself, as the notebooks plot it.

    Of variables around zero it grows without bound there. Angles are wrapped.

    Args:
        tally: of the jets.
        collection: what the columns are.

    Returns:
        `variable`, `low`, `high`, `n` and a column for each method.
    """
    parts = []
    for column in collection:
        found = tally.before[column.name]
        edges = bin_edges(column, found.low, found.high, ERROR_BINS)
        nonzero = found.codes != 0
        index = np.clip(np.searchsorted(edges, found.values[nonzero], "right") - 1, 0, ERROR_BINS - 1)
        n = np.bincount(index, found.counts[nonzero], ERROR_BINS).astype(np.int64)
        part = pd.DataFrame({"variable": column.name, "low": edges[:-1], "high": edges[1:], "n": n})
        for key, sums in zip(tally.methods, found.weights, strict=True):
            total = np.bincount(index, sums[nonzero], ERROR_BINS)
            part[key] = np.divide(total, n, out=np.full(ERROR_BINS, np.nan), where=n > 0)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def correlation(before: Observables, after: Observables) -> pd.DataFrame:
    """Compute the linear correlation of what jets have: `jets` (before or after), `variable`, a column each."""
    names = [column.name for column in before.of_jets]
    both = (("before", before), ("after", after))
    parts = [_correlation({name: o[name] for name in names}, label) for label, o in both]
    return pd.concat(parts, ignore_index=True)


def residual_correlation(before: Observables, after: Observables) -> pd.DataFrame:
    """Compute the rank correlation (Spearman) of the residuals: far outliers would decide a linear one."""
    values = {column.name: residual(before, after, column.name) for column in before.of_jets}
    complete = np.all([~np.isnan(v) for v in values.values()], axis=0)
    return _correlation({name: pd.Series(v[complete]).rank().to_numpy() for name, v in values.items()}, "after")


def _correlation(columns: dict[str, NDArray], label: str) -> pd.DataFrame:
    names = list(columns)
    n = len(columns[names[0]])
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant column has no correlation: NaN
        matrix = (
            np.atleast_2d(np.corrcoef(list(columns.values()))) if n > 1 else np.full((len(names), len(names)), np.nan)
        )
    table = pd.DataFrame(matrix, columns=names)
    table.insert(0, "variable", names)
    table.insert(0, "jets", label)
    return table


def worst_variables(before: Observables, after: Observables) -> list[str]:
    """Name what comes back worst, measured by how much it spreads: six at most, in the order of the columns."""

    def badness(name: str) -> float:
        error, spread = difference(before, after, name), float(np.nanstd(before[name]))
        return float(np.sqrt(np.nanmean(error**2))) / spread if len(error) and spread > 0 else 0.0

    names = [column.name for column in before.of_jets]
    chosen = names if len(names) <= MAX_PAIRED else sorted(names, key=badness, reverse=True)[:MAX_PAIRED]
    return [name for name in names if name in chosen]


def residual_pairs(before: Observables, after: Observables) -> pd.DataFrame:
    """Count pairs of residuals of the worst variables in two dimensions, over the range that holds 99 % of each.

    Returns:
        `x`, `y` (variables), `x_low`, `x_high`, `y_low`, `y_high`, `n`; bins without jets are left out.
    """
    values = {name: residual(before, after, name) for name in worst_variables(before, after)}
    edges = {name: _core_edges(v) for name, v in values.items()}
    names, parts = list(values), []
    for i, x in enumerate(names):
        for y in names[i + 1 :]:
            both = ~(np.isnan(values[x]) | np.isnan(values[y]))
            n, _, _ = np.histogram2d(values[x][both], values[y][both], (edges[x], edges[y]))
            ix, iy = np.nonzero(n)
            cells = {
                "x_low": edges[x][ix],
                "x_high": edges[x][ix + 1],
                "y_low": edges[y][iy],
                "y_high": edges[y][iy + 1],
            }
            parts.append(pd.DataFrame({"x": x, "y": y, **cells, "n": n[ix, iy].astype(int)}))
    empty = pd.DataFrame(columns=["x", "y", "x_low", "x_high", "y_low", "y_high", "n"])
    return pd.concat(parts, ignore_index=True) if parts else empty


def _core_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = usable(values)
    reach = 1.2 * max(float(np.quantile(np.abs(known), CORE)) if known.size else 0.0, 1e-9)
    return np.linspace(-reach, reach, PAIR_BINS + 1)


def _grouped(values: NDArray, edges: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort values and find where each bin but the first starts in the sorted order."""
    order = np.argsort(values, kind="stable")
    return order, np.searchsorted(values[order], edges[1:-1], "left")
