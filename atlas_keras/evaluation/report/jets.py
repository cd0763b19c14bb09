"""The sections of a report that tell which jets it is about, the worst of them, and how to get it again."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from atlas_keras.evaluation.distribution_shift import SHIFT
from atlas_keras.evaluation.report.report_data import ReportData, at_the_start, listed
from atlas_keras.html_page import grid, number, paragraph, percent, table
from atlas_keras.schema import Column


def jets(report: ReportData) -> list[str]:
    """What the jets are, beside those of the training."""
    comparison = report.metrics["distribution_shift"]
    rows, classes = [], []
    for name, v in comparison["variables"].items():
        rows.append(
            [
                report.columns[name].label(report.evaluation.unit, report.columns[name].title),
                v["verdict"],
                percent(v["outside_fraction"]),
                f"{v['below']:,}",
                f"{v['above']:,}",
                *(number(v[k], 4) for k in ("low", "high", "training_low", "training_high")),
                f"{v['distance']:.3f}",
            ]
        )
        classes.append("" if v["verdict"] == "alike" else "bad")
    head = ["", "verdict", "out of range", "below", "above", "min", "max", "training min", "training max", "distance"]
    pictures = [
        report.picture(
            f"input_{c.name}", at_the_start(c, f"{{}} of these {report.word}s and of the training, scaled to as many.")
        )
        for c in report.of_jets
    ]
    matrices = [
        report.picture(f"correlation_{when}", f"Linear correlation of the variables {when}.")
        for when in ("before", "after")
    ]
    return [
        paragraph(
            f"The training split had {report.evaluation.reference.n_jets:,} {report.word}s. Distance is the largest "
            f"one between the cumulative distributions (Kolmogorov-Smirnov); above {SHIFT:g}, and more than chance "
            "allows, a variable is called shifted."
        ),
        table(head, rows, classes),
        _inside_outside(comparison["errors"], report.of_jets, report.word),
        grid(pictures, three=True),
        grid(matrices),
    ]


def _inside_outside(errors: Mapping[str, Mapping[str, Any]], columns: Sequence[Column], word: str) -> str:
    if errors["outside"]["n"] == 0:
        return ""
    rows = [
        [f"{position} of the training's range", f"{e['n']:,}", *(number(e[c.name]) for c in columns)]
        for position, e in errors.items()
    ]
    head = ["", f"{word}s", *(c.name + (" [rad]" if c.periodic else "") for c in columns)]
    return "<h3>Mean errors inside and outside, of masses the median</h3>" + table(head, rows)


def worst(report: ReportData) -> list[str]:
    """The ten jets that come back worst."""
    frame = report.evaluation.tables["worst"]
    several = frame["file"].nunique() > 1
    identified = (frame["id"] != "").any()
    head = [*(["file"] if several else []), "event", *(["id"] if identified else []), report.word, "largest error"]
    rows = []
    for row in frame.to_dict("records"):
        position = [*([row["file"]] if several else []), row["position"], *([row["id"]] if identified else [])]
        pairs = [f"{_plain(row[c.name], c)} → {_plain(row[c.name + '_after'], c)}" for c in report.of_jets]
        rows.append([*position, str(row["jet"]), f"{row['variable']} {number(row['error'])}", *pairs])
    return [
        paragraph(
            f"By the largest of the errors {_ways(report)}. The event is a line or number in its file, "
            f"the {report.word} a number among the {report.word}s of its event; both count from 1."
        ),
        table([*head, *(c.label(report.evaluation.unit, c.title) for c in report.of_jets)], rows),
        *_events(report),
    ]


def _events(report: ReportData) -> list[str]:
    """Show the events of the worst of them."""
    drawn = report.evaluation.tables["worst_events"].query("worst")
    if drawn.empty:
        return []
    pictures = [
        report.picture(
            f"event_{rank}",
            f"{str(place).capitalize()}: all its jets before and after, in eta and phi (areas are pt) and "
            f"along the beam (lengths are pt); bold is jet {jet}.",
        )
        for rank, place, jet in zip(drawn["rank"], drawn["position"], drawn["jet"], strict=True)
    ]
    return ["<h3>The events of the worst</h3>", grid(pictures)]


def _ways(report: ReportData) -> str:
    """Say whose errors count relative to the value, whose as they are, and whose by the spread of the values."""
    measured = [c.name for c in report.collection if report.evaluation.reference.size_of(c) != 1]
    ways = {"relative": [c.name for c in report.collection if c.is_relative]}
    ways["absolute"] = [c.name for c in report.collection if not c.is_relative and c.name not in measured]
    ways["by half of the range of their central 68 % in the training"] = measured
    return "of " + ", ".join(f"{listed(names)} ({way})" for way, names in ways.items() if names)


def _plain(value: float, column: Column) -> str:
    if column.quantity in ("eta", "angle"):
        return f"{value:.5f}"
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"


def again(report: ReportData) -> list[str]:
    """What was used, and how to make the report again."""
    m, config = report.metrics, html.escape(json.dumps(report.provenance.config, indent=2))
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    files = "\n".join(f"{file['sha256']}  {file['name']}" for file in m["data_files"])
    return [
        f"<pre>{html.escape(report.provenance.command)}</pre>",
        paragraph(f"Versions: {versions}. The data, as sha256sum writes it:"),
        f"<pre>{html.escape(files)}</pre>",
        paragraph(
            "Beside this file: metrics.json has all figures, tables/ what is plotted as CSV, plots/ the pictures."
        ),
        f"<details><summary>config.json of the run</summary><pre>{config}</pre></details>",
    ]
