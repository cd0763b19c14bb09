"""The sections of a report that tell how large the errors are: of the model, of formulas, of the notebooks."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from atlas_keras.evaluation.distribution_shift import sentences
from atlas_keras.evaluation.observables import derived_of
from atlas_keras.evaluation.published_figures import NOTEBOOK_FIGURES
from atlas_keras.evaluation.report.report_data import ReportData, listed
from atlas_keras.evaluation.tally import AGAINST, MODEL
from atlas_keras.html_page import grid, notice, number, paragraph, percent, table

SUMMARY_HEAD = {
    "bias": "bias",
    "rms": "RMS",
    "mean_abs": "mean |r|",
    "median_abs": "median |r|",
    "p68": "68 %",
    "p95": "95 %",
    "p99": "99 %",
    "max": "max",
}


def head(report: ReportData) -> list[str]:
    """Title, facts, warnings, and whether the jets look like those of the training."""
    m, provenance = report.metrics, report.provenance
    facts = [*provenance.facts, (report.collection.title, provenance.jets), ("data", _data(m))]
    return [
        f"<h1>{html.escape(provenance.title)}</h1>",
        table([], [list(fact) for fact in facts], kind="facts"),
        *([notice("bad", "Read this first", provenance.warnings)] if provenance.warnings else []),
        _distribution_shift(report),
    ]


def _data(m: Mapping[str, Any]) -> str:
    names = [file["name"] for file in m["data_files"]]
    text = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{text} (sha256 {m['data_sha256'][:16]}…)"


def _distribution_shift(report: ReportData) -> str:
    comparison = report.metrics["distribution_shift"]
    outside = percent(comparison["outside_fraction"])
    training = f"the training of {report.evaluation.labels[MODEL]}" if AGAINST in report.metrics else "the training"
    lines = sentences(comparison)
    if comparison["alike"]:
        title = f"These {report.word}s look like those of {training}; {outside} are out of its range in some variable."
        return notice("good", title, lines)
    title = f"These {report.word}s do NOT look like those of {training}: {outside} of them are out of its range."
    return notice(
        "bad", title, [*lines, f"Errors there are an extrapolation's; the table of the {report.word}s has details."]
    )


def errors(report: ReportData) -> list[str]:
    """The residuals of all variables in physical units."""
    summary = report.evaluation.tables["summary"]
    summary = summary[summary["key"].isin([MODEL, AGAINST])]
    rival = AGAINST in report.evaluation.labels
    rows = []
    for name, column in report.columns.items():
        for unit in summary.loc[summary["variable"] == name, "unit"].unique():
            for _, row in summary[(summary["variable"] == name) & (summary["unit"] == unit)].iterrows():
                title = column.title
                kind = {"relative": f"{title}, relative", "1": title}.get(unit, f"{title} [{unit}]")
                rows.append([f"{kind}, {row['method']}" if rival else kind, *(number(row[k]) for k in SUMMARY_HEAD)])
    return [
        paragraph(
            f"Residual r = after - before, angles wrapped at pi. 68 %, 95 %, 99 % of the {report.word}s err by less "
            f"than the number; bias is the mean of r. Before is the {report.word} in single precision, as the model "
            f"takes it.{_of_masses(report)}"
        ),
        table(["", *SUMMARY_HEAD.values()], rows),
        *_exact(report),
        *_spacelike(report),
        *_dijets(report),
    ]


def _of_masses(report: ReportData) -> str:
    """Warn of means of relative errors that masses near zero decide."""
    masses = [column.title for column in report.columns.values() if column.quantity == "mass"]
    if not masses:
        return ""
    return (
        f" A relative error of a value near zero has no bound: of {listed(masses)} the median says more than the mean."
    )


def _exact(report: ReportData) -> list[str]:
    """Say how many whole numbers come back as they were."""
    if "exact_fraction" not in report.metrics:
        return []
    rows = [
        [
            report.columns[name].title,
            *(percent(f["exact_fraction"][name]) for _, _, f in report.methods(baselines=False)),
        ]
        for name in report.metrics["exact_fraction"]
    ]
    head = ["", *(f"exact, {label}" for _, label, _ in report.methods(baselines=False))]
    return [paragraph("Whole numbers: how many are the right ones, rounded to the nearest."), table(head, rows)]


def _spacelike(report: ReportData) -> list[str]:
    m = report.metrics
    if "spacelike_fraction" not in m:
        return []
    after = "; ".join(f"{label}: {percent(f['spacelike_fraction'])}" for _, label, f in report.methods(baselines=False))
    n = m["mass"]["n_not_positive"] if "mass" in m else 0
    masses = f" Those without a positive mass before have no relative error of it: {n:,}." if n else ""
    before = percent(m["spacelike_fraction_before"])
    return [paragraph(f"Spacelike {report.word}s (E < p beyond rounding): before {before}; {after}.{masses}")]


def _dijets(report: ReportData) -> list[str]:
    m = report.metrics
    if "dijet_mass" not in m:
        return []
    e, n = m["events"], m["dijet_mass"]["n"]
    return [
        paragraph(
            f"The dijet mass is that of the two jets with the highest pt before, of {n:,} events. Of the "
            f"{e['n']:,} events {e['with_one_jet']:,} have one jet and {e['without_jets']:,} have none; they have no "
            "dijet and are left out of it, and of nothing else."
        )
    ]


def principal_components(report: ReportData) -> list[str]:
    """The model beside principal components of the same columns."""
    methods = list(report.methods())
    rows = [["MSE", *(number(f["normalized_mse"]) for _, _, f in methods)]]
    for name, column in report.columns.items():
        how = ", relative" if column.is_relative else " [rad]" if column.periodic else ""
        summaries = [f["test"].get(name) or f[name] for _, _, f in methods]
        rows.append([f"{column.title}{how}", *(number(summary["median_abs"]) for summary in summaries)])
    return [
        paragraph(
            "Principal components of the transformed columns, as many as the latent has numbers, are the best linear "
            "autoencoder: fitted on the training split in no time, and what a network has to beat. MSE: of the "
            "transformed columns, in standard deviations, each times its weight, which is what the training "
            "minimizes. Below it the median |r| of each variable."
        ),
        table(["", *(label for _, label, _ in methods)], rows, ["strong", *[""] * (len(rows) - 1)]),
    ]


def formulas(report: ReportData) -> list[str]:
    """The model beside formulas that need no training."""
    columns = [c.title + (" [rad]" if c.periodic else "") for c in report.columns.values()]
    pairs = [d.column.name for d in derived_of(report.collection) if d.of_pairs]
    masses = [report.columns[name].title for name in ("mass", *pairs)]
    relative = [c.name for c in report.collection if c.is_relative]
    head = ["", "MSE", *columns, "spacelike"]
    rows = [
        [
            label,
            number(f["published"]["mse"]),
            *(number(f["test"][name]["mean_abs"]) for name in report.collection.names),
            number(f["mass"]["median_abs"]),
            *(number(f[name]["mean_abs"]) for name in pairs),
            percent(f["spacelike_fraction"]),
        ]
        for _, label, f in report.methods()
    ]
    strong = ["strong" if key in (MODEL, AGAINST) else "" for key, _, _ in report.methods()]
    return [
        paragraph(
            f"Where a {report.word} is nearly massless, one line of NumPy that keeps pt, eta and phi and guesses E is "
            "hard to beat. Its constants are fitted on the training split. MSE is in the notebooks' own "
            f"measure; {listed([*relative, *masses[1:]])}: mean |relative error|; eta, phi: mean |error|; {masses[0]}: "
            "median |relative error|."
        ),
        table(head, rows, strong),
    ]


def notebooks(report: ReportData) -> list[str]:
    """The published figures by their own formula, beside the physical ones."""
    rows = []
    for name in report.collection.names:
        row = [name]
        for _, _, f in report.methods(baselines=False):
            error = f["published"][name]
            recovered = "–" if error is None else f"{100 * (1 - error):.4f} %"
            row += [number(error), recovered, number(f["test"][name]["mean_abs"])]
        rows.append([*row, number(NOTEBOOK_FIGURES[name]), f"{100 * (1 - NOTEBOOK_FIGURES[name]):.2f} %"])
    rival = AGAINST in report.evaluation.labels
    columns = []
    for _, label, _ in report.methods(baselines=False):
        prefix = f"{label}: " if rival else ""
        columns += [f"{prefix}notebooks' formula", f"{prefix}“data recovered”", f"{prefix}physical mean |r|"]
    mse = "; ".join(f"{label} {number(f['published']['mse'])}" for _, label, f in report.methods())
    text = "Mean |relative error| in bins of {} itself"
    return [
        paragraph(
            "The notebooks' formula undoes the logarithm, /5 and /3, but not the min-max scaling: its mean errors and "
            "the “data recovered” are no physical figures. Those of eta and phi are relative to a value that passes "
            "through zero. They stand here for comparison alone, beside the physical ones (E, pt relative)."
        ),
        table(["", *columns, "notebooks, published", "published “data recovered”"], rows),
        paragraph(f"MSE in their min-max space: {mse}; published {number(NOTEBOOK_FIGURES['mse'])}, on validation."),
        "<h3>Relative error by bins</h3>",
        grid(
            report.picture(
                f"relative_error_{column.name}",
                text.format(column.title) + ("." if column.is_relative else "; it grows without bound at zero."),
            )
            for column in report.collection
        ),
    ]
