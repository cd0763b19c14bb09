"""What is plotted, against independent computations; and laws that every table keeps."""

import gzip

import numpy as np
import pandas as pd
import pytest

from atlas_keras.data.samples import SAMPLE
from atlas_keras.evaluation.observables import all_columns
from atlas_keras.schema import FOUR_MOMENTUM

METHODS = ["model", "against", "massless", "constant_ratio", "constant_mass"]
NAMES = ["E", "pt", "eta", "phi"]


def test_every_jet_is_in_a_histogram_once(evaluation):
    table = evaluation.tables["histograms"]
    for name, part in table.groupby("variable"):
        n = len(evaluation.before[name])
        assert [part[column].sum() for column in ["before", *METHODS]] == [n] * 6
        assert (part["low"].to_numpy()[1:] == part["high"].to_numpy()[:-1]).all()
    counts, _ = np.histogram(
        evaluation.before.jets[:, 2],
        np.linspace(evaluation.before.jets[:, 2].min(), evaluation.before.jets[:, 2].max(), 51),
    )
    np.testing.assert_allclose(table.loc[table["variable"] == "eta", "before"], counts, atol=1)


def test_the_training_is_drawn_as_it_was(evaluation, table_and_places):
    """In bins of other jets the training's own quantiles and bins give back its counts, to a few per cent."""
    train = table_and_places[0].jets[4000:]
    table = evaluation.tables["histograms"]
    part = table[table["variable"] == "pt"]
    edges = np.append(part["low"], part["high"].iloc[-1])
    expected = np.histogram(train[:, 1], edges)[0] * 4000 / len(train)
    assert np.abs(part["training"] - expected).max() < 0.1 * expected.max()
    assert part["training"].sum() == pytest.approx(expected.sum(), rel=0.01)


def test_tails_tell_how_many_jets_err_more(evaluation):
    table = evaluation.tables["tails"]
    before, after = evaluation.before["E"], evaluation.after["model"]["E"]
    error = np.abs((after - before) / before)
    for row in table[table["variable"] == "E"].iloc[::20].itertuples():
        assert np.mean(error >= row.model) == pytest.approx(row.fraction, abs=1e-9)
    for _, part in table.groupby("variable"):
        assert (np.diff(part["fraction"]) > 0).all()
        assert (np.diff(part[METHODS].to_numpy(), axis=0) <= 0).all()


def test_profiles_equal_an_independent_computation(evaluation):
    table = evaluation.tables["profiles"]
    part = table[(table["against"] == "pt") & (table["variable"] == "eta") & (table["method"] == "model")]
    assert part["n"].sum() == len(evaluation.before.jets)
    row = part.iloc[5]
    inside = (evaluation.before["pt"] >= row["low"]) & (evaluation.before["pt"] < row["high"])
    residual = (evaluation.after["model"]["eta"] - evaluation.before["eta"])[inside]
    assert row["n"] == inside.sum()
    assert row["bias"] == pytest.approx(residual.mean(), rel=1e-9)
    assert row["rms"] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-9)
    assert row["high68"] == pytest.approx(np.quantile(residual, 0.84), rel=1e-9)
    bands = table[["low95", "low68", "median", "high68", "high95"]].to_numpy()
    assert (np.diff(bands, axis=1) >= 0).all()


def test_relative_errors_by_bins_equal_an_independent_computation(evaluation):
    table = evaluation.tables["relative_errors"]
    part = table[table["variable"] == "eta"]
    eta, eta_hat = evaluation.before["eta"], evaluation.after["model"]["eta"]
    groups = pd.cut(eta, np.append(part["low"], part["high"].iloc[-1]), include_lowest=True, labels=False)
    expected = pd.Series(np.abs((eta_hat - eta) / eta)).groupby(groups).mean()
    np.testing.assert_allclose(part["model"].dropna(), expected, rtol=1e-6)
    assert (table.groupby("variable")["n"].sum() <= len(eta)).all()


def test_correlations_are_those_of_numpy(evaluation):
    table = evaluation.tables["correlation"]
    matrix = table.loc[table["jets"] == "before", NAMES].to_numpy()[:4]
    np.testing.assert_allclose(matrix, np.corrcoef(evaluation.before.jets.astype(float).T), rtol=1e-9)
    ranks = evaluation.tables["residual_correlation"].set_index("variable")
    e, pt = (evaluation.after["model"][n] / evaluation.before[n] - 1 for n in ("E", "pt"))
    positive = evaluation.before["mass"] > 0
    assert ranks.loc["E", "pt"] == pytest.approx(pd.Series(e[positive]).corr(pd.Series(pt[positive]), "spearman"))


def test_summary_holds_the_figures_of_the_metrics(evaluation):
    table = evaluation.summary().set_index(["key", "variable", "unit"])
    assert table.loc[("model", "E", "relative"), "p95"] == evaluation.metrics["test"]["E"]["p95"]
    assert table.loc[("model", "mass", "GeV"), "max"] == evaluation.metrics["absolute"]["mass"]["max"]
    assert table.loc[("against", "phi", "rad"), "rms"] == evaluation.metrics["against"]["test"]["phi"]["rms"]
    assert table.loc[("massless", "pt", "relative"), "max"] == 0
    assert len(table) == 5 * (len(all_columns(FOUR_MOMENTUM)) + 4)


def test_the_worst_jets_are_found_in_their_file(evaluation):
    lines = gzip.decompress(SAMPLE.read_bytes()).decode().splitlines()
    worst = evaluation.worst(10)
    assert (np.diff(worst["error"]) <= 0).all()
    error = max(np.abs(evaluation.after["model"][n] / evaluation.before[n] - 1).max() for n in ("E", "pt"))
    assert worst["error"].iloc[0] >= error
    for row in worst.itertuples():
        line = lines[int(row.position.removeprefix("line ")) - 1]
        jets = [item.split(",") for item in line.split(";")[5:] if item.startswith("j,")]
        assert float(jets[row.jet - 1][2]) / 1000 == pytest.approx(row.pt, rel=1e-6)
        assert float(jets[row.jet - 1][4]) == pytest.approx(row.phi, rel=1e-6)


def test_the_events_of_the_worst_jets_have_all_their_jets(evaluation):
    lines = gzip.decompress(SAMPLE.read_bytes()).decode().splitlines()
    events = evaluation.tables["worst_events"]
    assert list(events["rank"].unique()) == [1, 2, 3]
    for _, jets in events.groupby("rank"):
        line = lines[int(jets["position"].iloc[0].removeprefix("line ")) - 1]
        in_file = [item.split(",") for item in line.split(";")[5:] if item.startswith("j,")]
        np.testing.assert_allclose(jets["pt"], [float(jet[2]) / 1000 for jet in in_file], rtol=1e-6)
        assert list(jets["jet"]) == list(range(1, len(in_file) + 1))
    (first,) = events[(events["rank"] == 1) & events["worst"]].itertuples()
    worst = evaluation.worst(1).iloc[0]
    assert (first.position, first.jet, first.phi_after) == (worst.position, worst.jet, worst.phi_after)


def test_events_without_a_dijet_are_counted(evaluate):
    x = np.array([[100.0, 50, 1, 0], [100, 50, 1, 2], [80, 40, 0.5, 1]])
    figures = evaluate(x=x, event=[1, 1, 3]).metrics
    assert figures["events"] == {"n": 4, "without_jets": 2, "with_one_jet": 1, "with_a_dijet": 1}
    assert figures["dijet_mass"]["n"] == 1
