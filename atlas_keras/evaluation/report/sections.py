"""The sections of a report, each a list of pieces of HTML."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlas_keras.evaluation.evaluation import AGAINST, MODEL, Evaluation
from atlas_keras.evaluation.observables import ALL, OF_JETS
from atlas_keras.evaluation.published import NOTEBOOK_FIGURES
from atlas_keras.evaluation.report.page import figure, grid, notice, number, paragraph, percent, table
from atlas_keras.evaluation.report.story import Story
from atlas_keras.evaluation.resemblance import SHIFT, sentences
from atlas_keras.schema import FOUR_MOMENTUM

NAMES = {"E": "E", "pt": "pt", "eta": "eta", "phi": "phi", "mass": "jet mass", "dijet_mass": "dijet mass"}
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


@dataclass(frozen=True)
class Told:
    """What the sections are made from, see `write_report`."""

    evaluation: Evaluation
    metrics: Mapping[str, Any]
    story: Story
    plots: Path

    @property
    def unit(self) -> str:
        """Unit of energies."""
        return self.evaluation.unit

    def methods(self, *, baselines: bool = True) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """Give key, label and figures of each method."""
        for key, label in self.evaluation.labels.items():
            yield key, label, self.metrics if key == MODEL else self.metrics[key]
        if baselines:
            for key, figures in self.metrics["baselines"].items():
                yield key, self.evaluation.all_labels[key], figures

    def picture(self, name: str, caption: str, *, large: bool = False) -> str:
        """Embed one of the plots."""
        return figure(self.plots / f"{name}.png", caption, large=large)


def head(told: Told) -> list[str]:
    """Title, facts, warnings, and whether the jets look like those of the training."""
    m, story = told.metrics, told.story
    facts = [*story.facts, ("jets", story.jets), ("data", _data(m))]
    return [
        f"<h1>{html.escape(story.title)}</h1>",
        table([], [list(fact) for fact in facts], kind="facts"),
        *([notice("bad", "Read this first", story.warnings)] if story.warnings else []),
        _resemblance(told),
    ]


def _data(m: Mapping[str, Any]) -> str:
    names = [file["name"] for file in m["data_files"]]
    text = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{text} (sha256 {m['data_sha256'][:16]}…)"


def _resemblance(told: Told) -> str:
    comparison = told.metrics["resemblance"]
    outside = percent(comparison["outside_fraction"])
    training = f"the training of {told.evaluation.labels[MODEL]}" if AGAINST in told.metrics else "the training"
    lines = sentences(comparison, told.unit)
    if comparison["alike"]:
        title = f"These jets look like those of {training}; {outside} of them are out of its range in some variable."
        return notice("good", title, lines)
    title = f"These jets do NOT look like those of {training}: {outside} of them are out of its range."
    return notice(
        "bad", title, [*lines, "Errors there are those of an extrapolation; the table of the jets has details."]
    )


def errors(told: Told) -> list[str]:
    """The residuals of all variables in physical units."""
    summary = told.evaluation.tables["summary"]
    summary = summary[summary["key"].isin([MODEL, AGAINST])]
    rival = AGAINST in told.evaluation.labels
    rows = []
    for name in NAMES:
        for unit in summary.loc[summary["variable"] == name, "unit"].unique():
            for _, row in summary[(summary["variable"] == name) & (summary["unit"] == unit)].iterrows():
                kind = {"relative": f"{NAMES[name]}, relative", "1": NAMES[name]}.get(unit, f"{NAMES[name]} [{unit}]")
                rows.append([f"{kind}, {row['method']}" if rival else kind, *(number(row[k]) for k in SUMMARY_HEAD)])
    m = told.metrics
    spacelike = "; ".join(
        f"{label}: {percent(f['spacelike_fraction'])}" for _, label, f in told.methods(baselines=False)
    )
    dijets = m["dijet_mass"]["n"]
    not_positive = m["mass"]["n_not_positive"]
    masses = (
        f" Jets without a positive mass before have no relative error of it: {not_positive:,}." if not_positive else ""
    )
    e = m["events"]
    return [
        paragraph(
            "Residual r = after - before, phi wrapped at pi. 68 %, 95 %, 99 % of the jets err by less than the number; "
            "bias is the mean of r. Before is the jet in single precision, as the model takes it."
        ),
        table(["", *SUMMARY_HEAD.values()], rows),
        paragraph(
            f"Spacelike jets (E < p beyond rounding): before {percent(m['spacelike_fraction_before'])}; {spacelike}."
            f"{masses}"
        ),
        paragraph(
            f"The dijet mass is that of the two jets with the highest pt before, of {dijets:,} events. Of the "
            f"{e['n']:,} events {e['with_one_jet']:,} have one jet and {e['without_jets']:,} have none; they have no "
            "dijet and are left out of it, and of nothing else."
        ),
    ]


def formulas(told: Told) -> list[str]:
    """The model beside formulas that need no training."""
    head = ["", "MSE", "E", "pt", "eta", "phi [rad]", "jet mass", "dijet mass", "spacelike"]
    rows = [
        [
            label,
            number(f["published"]["mse"]),
            *(number(f["test"][name]["mean_abs"]) for name in FOUR_MOMENTUM.names),
            number(f["mass"]["median_abs"]),
            number(f["dijet_mass"]["mean_abs"]),
            percent(f["spacelike_fraction"]),
        ]
        for _, label, f in told.methods()
    ]
    strong = ["strong" if key in (MODEL, AGAINST) else "" for key, _, _ in told.methods()]
    return [
        paragraph(
            "A jet is nearly massless, so one line of NumPy that keeps pt, eta and phi and guesses E is hard to beat. "
            "Its constants are fitted on the training split. MSE is in the notebooks' own measure; E, pt and dijet "
            "mass: mean |relative error|; eta, phi: mean |error|; jet mass: median |relative error|."
        ),
        table(head, rows, strong),
    ]


def before_after(told: Told) -> list[str]:
    """The four variables before and after."""
    text = (
        "{}, before and after on unseen jets, with the ratio beneath."
        if told.story.jets.startswith("the test")
        else ("{}, before and after, with the ratio beneath.")
    )
    return [
        grid(told.picture(f"distribution_{name}", text.format(NAMES[name])) for name in FOUR_MOMENTUM.names),
        paragraph(
            "The bands are the statistical error of the counts before; before and after are the same jets, so a "
            "perfect model has the ratio 1 in every bin. Arrows point to ratios beyond the panel. The outer bins take "
            "what is beyond the range before."
        ),
    ]


def masses(told: Told) -> list[str]:
    """Jet mass and dijet mass."""
    captions = {
        "distribution": "{}, before and after; where it is negative, it is spacelike.",
        "residual": "Relative residual of the {}.",
        "tail": "Fraction of the {}es with a larger relative error.",
    }
    pictures = [
        told.picture(f"{kind}_{name}", _capital(text.format(NAMES[name])))
        for name in ("mass", "dijet_mass")
        for kind, text in captions.items()
    ]
    return [
        paragraph(
            "m^2 = E^2 - p^2 is a small difference of large numbers, and so the most sensitive test: an error of 0.1 % "
            "of E alone moves the mass of a typical jet by some 10 %."
        ),
        grid(pictures, three=True),
    ]


def residuals(told: Told) -> list[str]:
    """Histograms and tails of the residuals, and which go together."""
    names = FOUR_MOMENTUM.names
    return [
        grid(
            told.picture(f"residual_{name}", f"Residual of {NAMES[name]}, the central 99 % and more.") for name in names
        ),
        grid(
            told.picture(f"tail_{name}", f"Fraction of the jets with a larger error of {NAMES[name]}.")
            for name in names
        ),
        "<h3>Which errors go together</h3>",
        told.picture(
            "residual_pairs",
            "Residuals in pairs: number of jets by colour (logarithmic), and the rank correlation in the corner.",
            large=True,
        ),
    ]


def profiles(told: Told) -> list[str]:
    """Residuals against pt, eta and mass."""
    text = "Residuals against {}: median, bands of the central 68 and 95 %. The outer bins hold what is beyond."
    pictures = [told.picture(f"profile_{name}", text.format(NAMES[name])) for name in ("pt", "eta", "mass")]
    return [grid(pictures, three=True)]


def notebooks(told: Told) -> list[str]:
    """The published figures by their own formula, beside the physical ones."""
    rows = []
    for name in FOUR_MOMENTUM.names:
        row = [NAMES[name]]
        for _, _, f in told.methods(baselines=False):
            error = f["published"][name]
            recovered = "–" if error is None else f"{100 * (1 - error):.4f} %"
            row += [number(error), recovered, number(f["test"][name]["mean_abs"])]
        rows.append([*row, number(NOTEBOOK_FIGURES[name]), f"{100 * (1 - NOTEBOOK_FIGURES[name]):.2f} %"])
    rival = AGAINST in told.evaluation.labels
    columns = []
    for _, label, _ in told.methods(baselines=False):
        prefix = f"{label}: " if rival else ""
        columns += [f"{prefix}notebooks' formula", f"{prefix}“data recovered”", f"{prefix}physical mean |r|"]
    mse = "; ".join(f"{label} {number(f['published']['mse'])}" for _, label, f in told.methods())
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
            told.picture(
                f"relative_error_{name}",
                text.format(NAMES[name]) + ("; it grows without bound at zero." if name in ("eta", "phi") else "."),
            )
            for name in FOUR_MOMENTUM.names
        ),
    ]


def jets(told: Told) -> list[str]:
    """What the jets are, beside those of the training."""
    comparison = told.metrics["resemblance"]
    units = {v.name: f" [{told.unit}]" for v in OF_JETS if v.dimension == "energy"} | {"phi": " [rad]"}
    rows, classes = [], []
    for name, v in comparison["variables"].items():
        rows.append(
            [
                NAMES[name] + units.get(name, ""),
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
        told.picture(f"input_{name}", f"{_capital(NAMES[name])} of these jets and of the training, scaled to as many.")
        for name in comparison["variables"]
    ]
    matrices = [
        told.picture(f"correlation_{when}", f"Linear correlation of the variables {when}.")
        for when in ("before", "after")
    ]
    return [
        paragraph(
            f"The training split had {told.evaluation.reference.n_jets:,} jets. Distance is the largest one between "
            f"the cumulative distributions (Kolmogorov-Smirnov); above {SHIFT:g}, and more than chance allows, a "
            "variable is called shifted."
        ),
        table(head, rows, classes),
        _inside_outside(comparison["errors"]),
        grid(pictures, three=True),
        grid(matrices, three=True),
    ]


def _inside_outside(errors: Mapping[str, Mapping[str, Any]]) -> str:
    if errors["outside"]["n"] == 0:
        return ""
    rows = [
        [f"{place} of the training's range", f"{e['n']:,}", *(number(e[v.name]) for v in OF_JETS)]
        for place, e in errors.items()
    ]
    return "<h3>Mean errors inside and outside</h3>" + table(["", "jets", "E", "pt", "eta", "phi [rad]", "mass"], rows)


def worst(told: Told) -> list[str]:
    """The ten jets that come back worst."""
    unit, frame = told.unit, told.evaluation.tables["worst"]
    several = frame["file"].nunique() > 1
    identified = (frame["id"] != "").any()
    head = [*(["file"] if several else []), "event", *(["id"] if identified else []), "jet", "largest error"]
    names = [v.name for v in OF_JETS]
    units = {"E": f" [{unit}]", "pt": f" [{unit}]", "mass": f" [{unit}]", "phi": " [rad]"}
    rows = []
    for row in frame.to_dict("records"):
        place = [*([row["file"]] if several else []), row["place"], *([row["id"]] if identified else [])]
        pairs = [f"{_plain(row[n], n)} → {_plain(row[n + '_after'], n)}" for n in names]
        rows.append([*place, str(row["jet"]), f"{row['variable']} {number(row['error'])}", *pairs])
    return [
        paragraph(
            "By the largest of the errors of E and pt (relative), eta and phi (absolute). The event is a line or "
            "number in its file, the jet a number among the jets of its event; both count from 1."
        ),
        table([*head, *(NAMES[n] + units.get(n, "") for n in names)], rows),
    ]


def _plain(value: float, name: str) -> str:
    if name in ("eta", "phi"):
        return f"{value:.5f}"
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"


def training(told: Told) -> list[str]:
    """How the model was trained."""
    m = told.metrics
    return [
        paragraph(
            f"{m['epochs']} epochs in {m['train_seconds']:.1f} s on {m['n_jets']['train']:,} jets, "
            f"{m['n_jets']['validation']:,} for validation."
        ),
        grid(
            [
                told.picture("loss", "Loss of training and validation in normalised space, and the learning rate."),
                told.picture(
                    "learning_rates", "The learning-rate finder: loss while the rate rises, and both suggestions."
                ),
            ]
        ),
    ]


def again(told: Told) -> list[str]:
    """What was used, and how to make the report again."""
    m = told.metrics
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    files = "\n".join(f"{file['sha256']}  {file['name']}" for file in m["data_files"])
    return [
        f"<pre>{html.escape(told.story.command)}</pre>",
        paragraph(f"Versions: {versions}. The data, as sha256sum writes it:"),
        f"<pre>{html.escape(files)}</pre>",
        paragraph(
            "Beside this file: metrics.json has all figures, tables/ what is plotted as CSV, plots/ the pictures."
        ),
        f"<details><summary>config.json of the run</summary><pre>{html.escape(json.dumps(told.story.config, indent=2))}"
        "</pre></details>",
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if len(text) > 3 and text not in ALL else text
