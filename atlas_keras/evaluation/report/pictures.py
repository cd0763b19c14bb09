"""The sections of a report that show what happens to the jets, and how the model was trained."""

from __future__ import annotations

from atlas_keras.evaluation.observables import PROFILED_AGAINST, columns_of_jets, derived_of
from atlas_keras.evaluation.report.report_data import ReportData
from atlas_keras.evaluation.tables import MAX_PAIRED
from atlas_keras.evaluation.tally import MODEL
from atlas_keras.html_page import grid, paragraph


def before_after(report: ReportData) -> list[str]:
    """The columns before and after."""
    unseen = f" on unseen {report.word}s" if report.provenance.unseen else ""
    text = f"{{}}, before and after{unseen}, with the ratio beneath."
    return [
        grid(report.picture(f"distribution_{c.name}", text.format(c.title)) for c in report.collection),
        paragraph(
            f"The bands are the statistical error of the counts before; before and after are the same {report.word}s, "
            "so a perfect model has the ratio 1 in every bin. Arrows point to ratios beyond the panel. The outer bins "
            "take what is beyond the range before."
        ),
    ]


def derived(report: ReportData) -> list[str]:
    """Masses, ratios: what follows from the columns."""
    pictures, found = [], [d.column for d in derived_of(report.collection)]
    for column in found:
        spacelike = "; where it is negative, it is spacelike" if column.is_energy else ""
        captions = {
            "distribution": f"{column.title}, before and after{spacelike}.",
            "residual": f"{'Relative residual' if column.is_relative else 'Residual'} of the {column.title}.",
            "tail": f"Fraction with a larger error of the {column.title}.",
        }
        pictures += [report.picture(f"{kind}_{column.name}", _capital(text)) for kind, text in captions.items()]
    text = (
        "m^2 = E^2 - p^2 is a small difference of large numbers, and so the most sensitive test: an error of 0.1 % "
        f"of E alone moves the mass of a typical {report.word} by some 10 %."
    )
    return [*([paragraph(text)] if any(column.name == "mass" for column in found) else []), grid(pictures, three=True)]


def _capital(sentence: str) -> str:
    """Let a sentence begin with a capital; a name such as tau21 stays as it is."""
    return sentence if any(map(str.isdigit, sentence.partition(",")[0])) else sentence[:1].upper() + sentence[1:]


def residuals(report: ReportData) -> list[str]:
    """Histograms and tails of the residuals, and which go together."""
    return [
        grid(
            report.picture(f"residual_{c.name}", f"Residual of {c.title}, the central 99 % and more.")
            for c in report.collection
        ),
        grid(
            report.picture(f"tail_{c.name}", f"Fraction of the {report.word}s with a larger error of {c.title}.")
            for c in report.collection
        ),
        "<h3>Which errors go together</h3>",
        report.picture(
            "residual_pairs",
            f"Residuals of {report.evaluation.labels[MODEL]} in pairs{_of_worst(report)}: number of {report.word}s by "
            "color (logarithmic), and the rank correlation in the corner.",
            large=True,
        ),
    ]


def _of_worst(report: ReportData) -> str:
    many = len(columns_of_jets(report.collection)) > MAX_PAIRED
    return f" of the {MAX_PAIRED} variables that come back worst" if many else ""


def profiles(report: ReportData) -> list[str]:
    """Residuals against pt, eta and mass."""
    text = f"Residuals{_of_worst(report)} against {{}}: median, bands of the central 68 and 95 %. "
    text += "The outer bins hold what is beyond."
    shown = [report.columns[name] for name in PROFILED_AGAINST if name in report.columns]
    pictures = [report.picture(f"profile_{c.name}", text.format(c.title)) for c in shown]
    return [*_drawn(report), grid(pictures, three=True)]


def _drawn(report: ReportData) -> list[str]:
    """Say of which jets pictures are that are not made of counts."""
    n_drawn, n_jets = report.evaluation.n_drawn, report.evaluation.tally.n_jets
    if n_drawn == n_jets:
        return []
    return [
        paragraph(
            f"All figures and histograms stand for all {n_jets:,} {report.word}s. These pictures, the pairs of "
            f"residuals and the correlations are of {n_drawn:,} {report.word}s, those of events that were drawn by "
            "chance."
        )
    ]


def training(report: ReportData) -> list[str]:
    """How the model was trained."""
    m = report.metrics
    return [
        paragraph(
            f"{m['epochs']} epochs in {m['train_seconds']:.1f} s on {m['n_jets']['train']:,} {report.word}s, "
            f"{m['n_jets']['validation']:,} for validation."
        ),
        grid(
            [
                report.picture("loss", "Loss of training and validation in normalized space, and the learning rate."),
                report.picture(
                    "learning_rates", "The learning-rate finder: loss while the rate rises, and both suggestions."
                ),
            ]
        ),
    ]
