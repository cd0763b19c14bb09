"""The linear rival of a network of any columns: what the network starts as, fitted once, kept in the run."""

import json
from dataclasses import replace

import numpy as np
import pytest

from atlas_keras import build_autoencoder
from atlas_keras.data.event_positions import EventPositions
from atlas_keras.errors import ConfigError
from atlas_keras.evaluation.chunk import Chunk
from atlas_keras.evaluation.evaluation import Evaluation
from atlas_keras.evaluation.principal_components import PrincipalComponents
from atlas_keras.evaluation.reference import Reference
from atlas_keras.evaluation.report import Provenance
from atlas_keras.evaluation.report.figures import principal_components
from atlas_keras.evaluation.report.report_data import ReportData
from atlas_keras.models.prediction import predict
from atlas_keras.schema import Collection, Column

N = 500
COLUMNS = Collection(
    "Muon",
    (Column("pt", "energy"), Column("phi", "angle"), Column("iso", "other"), Column("mva", "score"), Column("q")),
)


def mse(components, before, after):
    total, n = components.squares(before, after)
    return total / n


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(2)
    pt, phi = np.exp(rng.normal(3, 1, N)), rng.uniform(-np.pi, np.pi, N)
    iso = 0.1 * np.log(pt) + 0.02 * rng.normal(size=N)
    mva = np.where(rng.random(N) < 0.1, -1, rng.random(N))
    return np.column_stack([pt, phi, iso, mva, phi - iso]).astype(np.float32)


@pytest.fixture(scope="module")
def model(rows):
    return build_autoencoder("columns", jets=rows, collection=COLUMNS, n_latent=3, unit="GeV")


@pytest.fixture(scope="module")
def pca(model, rows):
    return PrincipalComponents.of(model, rows)


def test_an_untrained_model_is_its_rival(model, pca, rows):
    """Both networks start at zero."""
    assert pca.formula == "3 principal components"
    odd = rows.copy()
    odd[0, 2], odd[1, 4] = 1e9, -1e9  # like none before
    for jets in (rows, odd):
        np.testing.assert_allclose(predict(model, jets), pca(jets), rtol=2e-4, atol=2e-4)


def test_the_mean_squared_error_is_the_loss_that_is_minimized(model, pca, rows):
    setup = model.training_setup
    rows = np.concatenate([rows, rows[:1] * [1, 1, 1, 1, 1e9]]).astype(np.float32)
    normalized = predict(setup.normalize, rows)
    loss = float(setup.loss(normalized, predict(setup.trained, normalized)))
    assert mse(pca, rows, pca(rows)) == pytest.approx(loss, rel=1e-3)
    assert mse(pca, rows, rows) == 0


def test_no_other_linear_map_is_better_on_the_jets_of_the_fit(pca, rows):
    rng = np.random.default_rng(0)
    down, up = np.asarray(pca.down), np.asarray(pca.up)
    best = mse(pca, rows, pca(rows))
    for _ in range(5):
        change = rng.normal(size=up.shape) * 0.02 * np.abs(up).mean()
        assert mse(replace(pca, up=tuple(map(tuple, (up + change).tolist()))), rows, rows) == 0
        other = replace(pca, up=tuple(map(tuple, (up + change).tolist())))
        assert mse(other, rows, other(rows)) > best
    assert down.T.shape == up.shape == (3, 5)


def test_an_angle_errs_the_shorter_way_round(pca, rows):
    before, after = rows[:1].copy(), rows[:1].copy()
    before[0, 1], after[0, 1] = 3.1, -3.1
    near = before.copy()
    near[0, 1] = 3.1 - (2 * np.pi - 6.2)
    assert mse(pca, before, after) == pytest.approx(mse(pca, before, near), rel=1e-3)


def test_a_run_keeps_it(pca, rows, tmp_path):
    reference = Reference.of([rows], rows, rows, COLUMNS, "GeV", pca)
    path = tmp_path / "reference.json"
    path.write_text(json.dumps(reference.to_dict()))
    np.testing.assert_array_equal(Reference.read(path).principal(rows), pca(rows))
    values = reference.to_dict()
    del values["principal_components"]  # as runs of before have it
    path.write_text(json.dumps(values))
    assert Reference.read(path).rivals == ()
    with pytest.raises(ConfigError, match="one of each for a column"):
        replace(pca, mean=pca.mean[1:])


def test_it_stands_beside_the_model_in_metrics_and_report(pca, rows, tmp_path):
    reference = Reference.of([rows], rows, rows, COLUMNS, "GeV", pca)
    chunk = Chunk(rows, COLUMNS, np.arange(N), N, EventPositions())
    evaluation = Evaluation.of(chunk, {"model": rows}, {"model": "a net"}, reference)
    metrics = evaluation.metrics
    assert metrics["normalized_mse"] == 0
    known = metrics["baselines"]["pca"]
    assert known["formula"] == "3 principal components"
    assert known["normalized_mse"] == pytest.approx(mse(pca, rows, pca(rows)))
    assert known["test"]["q"]["rms"] > metrics["test"]["q"]["rms"] == 0
    report = ReportData(evaluation, metrics, Provenance("title", "rows", True, "command", {}), tmp_path)
    text = "".join(principal_components(report))
    assert "<th>a net</th><th>3 principal components</th>" in text
    assert "<td>phi [rad]</td><td>0</td>" in text


def test_other_models_have_none(rows):
    four = np.abs(rows[:, :4])
    assert PrincipalComponents.of(build_autoencoder("published", jets=four), four) is None
