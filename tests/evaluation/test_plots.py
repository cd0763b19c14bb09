"""Every plot can be drawn, names what it shows with its unit, and survives jets that are few or strange."""

import io

import matplotlib
import numpy as np
import pandas as pd
import pytest

from atlas_keras.evaluation.plots import plot_learning_rates, plot_loss


def texts(figure):
    return [text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())]


def draw(figures):
    for figure in figures.values():
        figure.savefig(io.BytesIO(), dpi=30)


@pytest.fixture(scope="module")
def figures(evaluation):
    return evaluation.plots()


def test_every_axis_has_a_label_and_energies_a_unit(figures):
    assert len(figures) == 4 + 1 + 2 + 3 * 6 + 1 + 3 + 4 + 3
    for name, figure in figures.items():
        if name.startswith("correlation"):
            continue
        labels = [t for t in texts(figure) if t]
        assert labels, name
        if name.startswith(("input_", "distribution_", "relative_error_")) and name.rpartition("_")[2] != "eta":
            unit = "rad" if name.endswith("phi") else "GeV"
            assert any(f"[{unit}]" in label for label in labels), name
    for name in ("distribution_mass", "distribution_dijet_mass", "residual_E", "tail_E"):
        legend = {t.get_text().partition(":")[0] for t in figures[name].axes[0].get_legend().get_texts()}
        assert {"a model", "another one", "E = p"} <= legend
    draw({name: figures[name] for name in ("distribution_mass", "residual_pairs", "profile_mass", "event_1")})


def test_style_of_the_caller_is_left_alone(evaluation):
    before = dict(matplotlib.rcParams)
    evaluation.plots()
    assert dict(matplotlib.rcParams) == before


STRANGE = {
    "one jet": ([[100.0, 50, 1, 0]], [0]),
    "two jets": ([[100.0, 50, 1, 0], [90, 40, 1, 3]], [0, 0]),
    "equal jets": ([[100.0, 50, 1, 0.5]] * 30, np.arange(30) // 3),
    "massless": ([[50.0, 50, 0, 0.5], [40, 40, 0, -3], [30, 30, 0, 2]], [0, 0, 1]),
    "spacelike": ([[50.0, 51, 0, 0.5], [40, 41, 0, -3], [30, 31, 0, 2]], [0, 0, 1]),
    "lone jets": ([[100.0, 50, 1, 0], [90, 40, 1, 3], [60, 30, 1, 2]], [0, 1, 2]),
    "far away": ([[3e5, 3e3, 5, 0.5], [2e-2, 1e-2, -1, 3], [1e9, 1e9, 0, 0]], [0, 0, 1]),
}


# One jet has no spread, jets far away no common range, and no error no logarithm; all else has less of that.
QUICK = [("far away", 1e-3)]
OTHERS = [("one jet", 0.0), *((case, 1e-3) for case in STRANGE if case != "far away")]
SLOW = [pytest.param(*other, marks=pytest.mark.slow) for other in OTHERS]


@pytest.mark.parametrize(("case", "error"), QUICK + SLOW)
def test_strange_jets_are_drawn(evaluate, case, error):
    x, event = STRANGE[case]
    evaluation = evaluate(x=x, event=event, error=error)
    figures = evaluation.plots()
    assert "distribution_E" in figures
    assert ("distribution_dijet_mass" in figures) == (evaluation.metrics["events"]["with_a_dijet"] > 0)
    draw(figures)


def test_training_plots():
    epochs = np.arange(1, 4)
    history = pd.DataFrame({"epoch": epochs, "loss": 1.0 / epochs, "val_loss": 1.1 / epochs, "learning_rate": 0.1})
    curve = pd.DataFrame({"learning_rate": [1e-3, 1e-2, 1e-1], "loss": [3.0, 1.0, 9.0], "smoothed": [3.0, 2.0, 4.0]})
    figures = {"loss": plot_loss(history), "rates": plot_learning_rates(curve, 1e-3, 1e-2)}
    assert {"epoch", "loss", "rate"} <= set(texts(figures["loss"]))
    draw(figures)
    negative = history.assign(loss=-history["loss"])
    draw({"loss": plot_loss(negative)})


def test_figures_show_themselves_and_an_evaluation_fits_a_screen(evaluation, figures):
    """Without pyplot, which nobody has to import."""
    for figure in list(figures.values())[:3]:
        assert figure._repr_png_().startswith(b"\x89PNG")
    lines = repr(evaluation).splitlines()
    assert "jets of" in lines[0]
    assert len(lines) < 30
    assert max(map(len, lines)) < 120
    assert evaluation._repr_html_().count("<tr") == len(lines) - 1
