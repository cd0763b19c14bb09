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
from atlas_keras.evaluation.observables import ALL, OF_JETS, Observables, residual
from atlas_keras.evaluation.reference import FRACTIONS, Reference
from atlas_keras.evaluation.residuals import SUMMARY
from atlas_keras.schema import FOUR_MOMENTUM

Methods = Mapping[str, Observables]
CORE = 0.99  # of the jets inside the histogram of a residual
N_TAIL = 160
PROFILE_BINS, ERROR_BINS, LEAST = 24, 20, 20
PROFILE_AGAINST = ("pt", "eta", "mass")
BANDS = {"low95": 0.025, "low68": 0.16, "median": 0.5, "high68": 0.84, "high95": 0.975}
PAIR_BINS = 41


def jets_table(event: NDArray[np.int64], before: Observables, after: Methods) -> pd.DataFrame:
    """Put the jets before and after side by side, one row a jet."""
    columns: dict[str, Any] = {"event": event, **{v.name: before[v.name] for v in OF_JETS}}
    for key, observables in after.items():
        columns |= {f"{v.name}_{key}": observables[v.name] for v in OF_JETS}
    return pd.DataFrame(columns)


def summary_table(metrics: Mapping[str, Any], labels: Mapping[str, str], unit: str) -> pd.DataFrame:
    """Put the summaries of all methods into one table: `key`, `method`, `variable`, `unit`, then as in `SUMMARY`.

    Unit `relative` is that of relative residuals; energies and masses have a second row in their own unit.
    """
    rows = []
    for key, label in labels.items():
        figures = metrics["baselines"].get(key) or (metrics if key == "model" else metrics[key])
        for name, variable in ALL.items():
            summary = figures["test"][name] if name in figures["test"] else figures[name]
            kind = "relative" if variable.bound == "relative" else "rad" if variable.dimension == "angle" else "1"
            rows.append([key, label, name, kind, *(summary[k] for k in SUMMARY)])
            if name in figures["absolute"]:
                rows.append([key, label, name, unit, *(figures["absolute"][name][k] for k in SUMMARY)])
    return pd.DataFrame(rows, columns=["key", "method", "variable", "unit", *SUMMARY])


def mean_errors(before: Observables, after: Observables, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Compute the mean |residual| of the chosen jets for each variable, and `n`, how many they are."""
    result: dict[str, Any] = {"n": int(chosen.sum())}
    for variable in OF_JETS:
        size = np.abs(residual(before, after, variable.name)[chosen])
        size = size[~np.isnan(size)]
        result[variable.name] = float(size.mean()) if size.size else None
    return result


def histograms(before: Observables, after: Methods, reference: Reference) -> pd.DataFrame:
    """Count every observable before and after, in bins over its range before; the outer bins take what is beyond.

    Returns:
        `variable`, `low`, `high`, `before`, a column for each method, and `training`: the counts of the training split
        scaled to as many jets, from its own histogram (missing for the dijet mass).
    """
    parts = []
    for name in ALL:
        values = before[name]
        if values.size == 0:
            continue
        edges = bin_edges(name, float(values.min()), float(values.max()))
        part = pd.DataFrame({"variable": name, "low": edges[:-1], "high": edges[1:], "before": count(values, edges)})
        for key, observables in after.items():
            part[key] = count(observables[name], edges)
        part["training"] = np.nan if name not in reference.distributions else _rebinned(name, edges, reference, values)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _rebinned(name: str, edges: NDArray, reference: Reference, values: NDArray) -> NDArray[np.float64]:
    """Give the training split's counts in other bins: by its quantiles in the bulk, by its own bins in the tails."""
    seen = reference.distributions[name]
    points = np.concatenate([seen.edges, seen.quantiles])
    below = np.concatenate([[0.0], np.cumsum(seen.counts) / reference.n_jets, FRACTIONS])
    order = np.argsort(points, kind="stable")
    return np.diff(np.interp(edges, points[order], np.maximum.accumulate(below[order]))) * len(values)


def residual_histograms(before: Observables, after: Methods) -> pd.DataFrame:
    """Count the residual of every observable over the range that holds 99 % of those of the models.

    Returns:
        `variable`, `low`, `high` and a column for each method; what is beyond is in no bin.
    """
    parts = []
    for name in ALL:
        values = {key: _finite(residual(before, observables, name)) for key, observables in after.items()}
        if values["model"].size == 0:
            continue
        cores = [np.quantile(np.abs(v), CORE) for key, v in values.items() if key in ("model", "against")]
        reach = 1.5 * max(float(max(cores)), 1e-9)
        edges = np.linspace(-reach, reach, 82)
        part = pd.DataFrame({"variable": name, "low": edges[:-1], "high": edges[1:]})
        for key, v in values.items():
            part[key] = np.histogram(v, edges)[0]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def tails(before: Observables, after: Methods) -> pd.DataFrame:
    """Give the size of the error that a fraction of the jets exceeds.

    Returns:
        `variable`, `fraction` (from all jets to a single one) and a column of |residual| for each method.
    """
    parts = []
    for name in ALL:
        sizes = {key: np.sort(np.abs(_finite(residual(before, o, name)))) for key, o in after.items()}
        n = len(sizes["model"])
        if n == 0:
            continue
        beyond = np.unique(np.geomspace(1, n, min(N_TAIL, n)).astype(int))  # how many jets err at least so much
        part = pd.DataFrame({"variable": name, "fraction": beyond / n})
        for key, size in sizes.items():
            part[key] = size[n - beyond]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def profiles(before: Observables, after: Methods) -> pd.DataFrame:
    """Give the residuals of all variables of a jet in bins of pt, eta and mass.

    Returns:
        `against`, `low`, `high`, `method`, `variable`, `n`, `bias` (mean), `rms`, `median`, and the edges `low68`,
        `high68`, `low95`, `high95` of the central 68 and 95 %.
    """
    residuals = {(k, v.name): residual(before, o, v.name) for k, o in after.items() for v in OF_JETS}
    rows = []
    for against in PROFILE_AGAINST:
        values = before[against]
        edges = equal_bins(values, against, PROFILE_BINS, LEAST)
        order, starts = _grouped(values, edges)
        for (method, name), r in residuals.items():
            for k, part in enumerate(np.split(r[order], starts)):
                part = _finite(part)
                if part.size:
                    bands = np.quantile(part, list(BANDS.values()))
                    moments = (part.size, part.mean(), np.sqrt(np.mean(part**2)))
                    rows.append([against, edges[k], edges[k + 1], method, name, *moments, *bands])
    columns = ["against", "low", "high", "method", "variable", "n", "bias", "rms", *BANDS]
    return pd.DataFrame(rows, columns=columns)


def relative_errors(before: Observables, after: Methods) -> pd.DataFrame:
    """Give the mean |relative error| of E, pt, eta and phi in bins of the variable itself, as the notebooks plot it.

    Of eta and phi it grows without bound at zero. phi is wrapped.

    Returns:
        `variable`, `low`, `high`, `n` and a column for each method.
    """
    parts = []
    for name in FOUR_MOMENTUM.names:
        values = before[name]
        edges = bin_edges(name, float(values.min()), float(values.max()), ERROR_BINS)
        index = np.clip(np.searchsorted(edges, values, "right") - 1, 0, ERROR_BINS - 1)
        usable = values != 0
        n = np.bincount(index[usable], minlength=ERROR_BINS)
        part = pd.DataFrame({"variable": name, "low": edges[:-1], "high": edges[1:], "n": n})
        for key, observables in after.items():
            error = np.abs(residual(before, observables, name)[usable])
            if ALL[name].bound == "absolute":
                error = error / np.abs(values[usable])
            total = np.bincount(index[usable], error, ERROR_BINS)
            part[key] = np.divide(total, n, out=np.full(ERROR_BINS, np.nan), where=n > 0)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def correlation(before: Observables, after: Observables) -> pd.DataFrame:
    """Compute the linear correlation of E, pt, eta, phi, mass: `jets` (before or after), `variable`, a column each."""
    parts = [_correlation([o[v.name] for v in OF_JETS], label) for label, o in (("before", before), ("after", after))]
    return pd.concat(parts, ignore_index=True)


def residual_correlation(before: Observables, after: Observables) -> pd.DataFrame:
    """Compute the rank correlation (Spearman) of the residuals: far outliers would decide a linear one."""
    values = [residual(before, after, v.name) for v in OF_JETS]
    usable = ~np.isnan(values[-1])
    return _correlation([pd.Series(v[usable]).rank().to_numpy() for v in values], "after")


def _correlation(columns: list[NDArray], label: str) -> pd.DataFrame:
    names = [v.name for v in OF_JETS]
    n = len(columns[0])
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant column has no correlation: NaN
        matrix = np.corrcoef(columns) if n > 1 else np.full((len(names), len(names)), np.nan)
    table = pd.DataFrame(matrix, columns=names)
    table.insert(0, "variable", names)
    table.insert(0, "jets", label)
    return table


def residual_pairs(before: Observables, after: Observables) -> pd.DataFrame:
    """Count pairs of residuals in two dimensions, over the range that holds 99 % of each.

    Returns:
        `x`, `y` (variables), `x_low`, `x_high`, `y_low`, `y_high`, `n`; bins without jets are left out.
    """
    values = {v.name: residual(before, after, v.name) for v in OF_JETS}
    edges = {name: _core_edges(v) for name, v in values.items()}
    names, parts = list(values), []
    for i, x in enumerate(names):
        for y in names[i + 1 :]:
            usable = ~(np.isnan(values[x]) | np.isnan(values[y]))
            n, _, _ = np.histogram2d(values[x][usable], values[y][usable], (edges[x], edges[y]))
            ix, iy = np.nonzero(n)
            cells = {
                "x_low": edges[x][ix],
                "x_high": edges[x][ix + 1],
                "y_low": edges[y][iy],
                "y_high": edges[y][iy + 1],
            }
            parts.append(pd.DataFrame({"x": x, "y": y, **cells, "n": n[ix, iy].astype(int)}))
    return pd.concat(parts, ignore_index=True)


def _core_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = _finite(values)
    reach = 1.2 * max(float(np.quantile(np.abs(finite), CORE)) if finite.size else 0.0, 1e-9)
    return np.linspace(-reach, reach, PAIR_BINS + 1)


def _grouped(values: NDArray, edges: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort values and find where each bin but the first starts in the sorted order."""
    order = np.argsort(values, kind="stable")
    return order, np.searchsorted(values[order], edges[1:-1], "left")


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]
