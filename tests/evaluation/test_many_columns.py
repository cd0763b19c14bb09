"""Jets of many variables: what is shown of all of them, and what of the worst alone."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from atlas_keras.data.event_positions import EventPositions
from atlas_keras.data.look import choose_collection
from atlas_keras.data.readers import find_files, read_events
from atlas_keras.data.splitting import collect
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.evaluation_folder import save_picture, write_evaluation
from atlas_keras.evaluation.reference import Reference
from atlas_keras.evaluation.report import Provenance
from atlas_keras.schema import Collection, Column

N = 600
NAMES = [f"variable{index}" for index in range(14)]
MANY = Collection(
    "Jet",
    (Column("pt", "energy"), Column("n", "count", dtype="int32"), *(Column(name, "other") for name in NAMES)),
)


@pytest.fixture(scope="module")
def many():
    """The error of a variable is the larger, the higher its number; sizes of the variables say nothing about it."""
    rng = np.random.default_rng(5)
    x = np.column_stack(
        [rng.exponential(50, N) + 20, rng.poisson(5, N), *(rng.normal(size=N) * 10.0 ** (i % 5) for i in range(14))]
    ).astype(np.float32)
    sizes = np.array([0.001, 0.0, *(0.01 * (i + 1) for i in range(14))]) * x.std(axis=0)
    back = x + rng.normal(size=x.shape) * sizes
    back[:, 1] = x[:, 1] + np.where(np.arange(N) % 4 == 0, 0.7, 0.3)
    reference = Reference.of([x], x, x, MANY, "GeV")
    labels = {"model": "a model"}
    event = np.arange(N) // 3
    chunk = Chunk(x, MANY, event, N // 3, EventPositions())
    return Evaluation.of(chunk, {"model": back.astype(np.float32)}, labels, reference)


@pytest.fixture(scope="module")
def figures(many):
    return many.plots()


def test_pairs_and_profiles_are_of_the_six_worst_in_their_order(many, figures):
    worst = ["n", *NAMES[9:]]  # that of n is 0.4 of its spread
    pairs = many.tables["residual_pairs"]
    assert list(dict.fromkeys([*pairs["x"], *pairs["y"]])) == worst
    assert len(many.tables["residual_correlation"]) == len(MANY)
    panels = [axes.get_ylabel() for axes in figures["profile_pt"].axes]
    assert [sum(f"Δ {name}" == label.partition(" [")[0] for label in panels) for name in worst] == [1] * 6
    assert len(panels) == 6


def test_the_worst_are_so_in_any_column_whatever_its_unit(many):
    """Variable 4 is of order 10,000, and has a smaller error than variable 13, of order 1,000, in what they are."""
    worst = many.worst(50)
    assert worst["error"].is_monotonic_decreasing
    assert worst["variable"].isin([*NAMES[9:], "n"]).mean() > 0.9
    assert worst["variable"].nunique() > 3


def test_correlations_of_many_are_colors_with_a_scale(figures):
    axes, scale = figures["correlation_after"].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == [column.symbol for column in MANY]
    assert len(axes.texts) == 0
    assert scale.get_ylim() == (-1, 1)


@pytest.mark.slow
def test_a_report_of_27_columns_has_6_megabytes_at_most(tmp_path):
    """What makes it small, a palette for each picture and six columns in those of pairs, is tested without one, too."""
    (path,) = find_files("sample:substructure")
    collection = choose_collection(path, "Jet", ["*"])
    collection = replace(collection, columns=collection.columns[:27])
    table = collect(read_events(path, collection=collection, unit="GeV"))
    back = table.jets * (1 + 0.05 * np.random.default_rng(2).standard_normal(table.jets.shape))
    reference = Reference.of([table.jets], table.jets, table.jets, collection, "GeV")
    chunk = Chunk(table.jets, collection, table.event, table.n_events, EventPositions())
    evaluation = Evaluation.of(chunk, {"model": back.astype(np.float32)}, {"model": "a model"}, reference)
    provenance = Provenance("title", "all", False, "command", {})
    metrics = {**evaluation.metrics, "data_files": [], "data_sha256": "", "versions": {}}
    write_evaluation(tmp_path, evaluation, metrics, provenance)
    report = tmp_path / "report.html"
    assert report.read_text(encoding="utf-8").count("<img") > 4 * 27
    assert report.stat().st_size <= 6e6


def test_whole_numbers_are_counted_when_rounded(many):
    assert many.metrics["exact_fraction"] == {"n": 0.75}
    assert many.metrics["test"]["n"]["max"] == pytest.approx(0.7, rel=1e-6)


def test_pictures_with_a_palette_look_the_same(figures, tmp_path):
    for name in ("distribution_pt", "residual_pairs", "correlation_after"):
        figure = figures[name]
        save_picture(figure, tmp_path / "small.png")
        with io.BytesIO() as stream:
            figure.savefig(stream, format="png")
            size = len(stream.getvalue())
            full = np.asarray(Image.open(stream).convert("RGB"), int)
        small = np.asarray(Image.open(tmp_path / "small.png").convert("RGB"), int)
        assert small.shape == full.shape
        assert (tmp_path / "small.png").stat().st_size < 0.6 * size
        assert np.quantile(np.abs(small - full), 0.99) <= 16  # of 255
        assert np.abs(small - full).mean() < 1
