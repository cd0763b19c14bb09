"""Jets of any columns go the whole way: reader, split, training, tables and plots, report, exports."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import atlas_keras.evaluate
import atlas_keras.train
from atlas_keras import load_jets
from atlas_keras.config import DataConfig, RunConfig, preset_config
from atlas_keras.data.events import jagged
from atlas_keras.evaluation.run import load_run
from atlas_keras.evaluation.run_evaluation import evaluate_run
from atlas_keras.kinematics import mass
from atlas_keras.models.architecture import ModelFacts
from atlas_keras.schema import Collection, Column
from atlas_keras.serving import JetDecoder, JetEncoder, export_autoencoder
from tests.quick import leave_out_finder

BTAG = "btagDeepFlavB"
SIX = Collection(
    "jets",
    (
        Column("pt", "energy", "$p_T$"),
        Column("eta", "eta", r"$\eta$"),
        Column("phi", "angle", r"$\phi$"),
        Column("mass", "mass", "$m$"),
        Column("area"),
        Column(BTAG, "score"),
    ),
)


def write_like_nanoaod(path):
    """Write 500 events of the sample with the columns, in GeV."""
    jets = load_jets(unit="GeV").query("event < 500")
    counts, rng = np.bincount(jets["event"], minlength=500), np.random.default_rng(0)
    columns = {name: jets[name].to_numpy() for name in ("pt", "eta", "phi")}
    columns["mass"] = mass(jets["E"], jets["pt"], jets["eta"])
    columns["area"] = 0.5 + 0.05 * rng.standard_normal(len(jets))
    columns[BTAG] = np.where(rng.random(len(jets)) < 0.1, -1.0, rng.random(len(jets)))  # -1: none was computed
    table = pa.table({name: jagged(values, counts) for name, values in columns.items()})
    pq.write_table(table.replace_schema_metadata({"unit": "GeV"}), path)
    return path


@pytest.fixture(scope="module", params=["like NanoAOD", "field/nano_tt_v12.root"])
def run(request, real_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("six")
    is_real = request.param.startswith("field")
    path = real_file(request.param) if is_real else write_like_nanoaod(folder / "nano.parquet")
    preset = preset_config("published")
    config = RunConfig(
        DataConfig(paths=(str(path),), collection=SIX, unit="GeV", invalid="drop"),
        replace(preset.model, widths=(16, 8), n_latent=4),
        replace(preset.training, epochs=2),
    )
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    with pytest.MonkeyPatch.context() as patch:
        leave_out_finder(patch.setattr)
        assert atlas_keras.train.main(["--config", str(folder / "config.json"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_a_run_knows_its_columns(run):
    loaded = load_run(run)
    assert loaded.collection == SIX
    assert loaded.model.facts == ModelFacts("published", "published", "GeV", SIX)
    assert set(loaded.metrics["test"]) >= set(SIX.names)
    assert (run / "entropy_model.npz").exists()  # pt, eta, phi and mass make a four-momentum
    for name in SIX.names:
        for kind in ("input", "distribution", "residual", "tail", "relative_error"):
            assert (run / "plots" / f"{kind}_{name}.png").stat().st_size > 1000
    report = (run / "report.html").read_text()
    assert f"{BTAG}, before and after" in report


def test_tables_have_all_columns_and_no_others(run):
    evaluation = evaluate_run(run)
    assert list(evaluation.summary()["variable"].unique()[:6]) == list(SIX.names)
    assert "E" not in evaluation.summary()["variable"].to_numpy()
    assert set(evaluation.tables["correlation"].columns) >= set(SIX.names)
    assert set(SIX.names) <= set(evaluation.jets().columns)


def test_the_command_evaluates_it(run, without_plots, tmp_path, capsys):
    assert atlas_keras.evaluate.main([str(run), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "(pt, mass relative; phi in rad)" in shown
    assert f", {BTAG} 0." in shown
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.slow
def test_exports_have_the_columns(run, tmp_path):
    loaded = load_run(run)
    jets = load_jets(loaded.config.data.paths, "GeV", collection=SIX, invalid="drop")[list(SIX.names)]
    rows = jets.to_numpy(np.float32)
    manifest = export_autoencoder(
        loaded.model, tmp_path / "out", train=rows, test=rows[:200], formats=["tflite"], timing=False, n_extreme=1000
    )
    assert manifest["units"] == {"pt": "GeV", "eta": "1", "phi": "rad", "mass": "GeV", "area": "1", BTAG: "1"}
    assert Collection.from_dict(manifest["collection"]) == SIX
    encoder, decoder = (JetEncoder(tmp_path / "out/encoder.tflite"), JetDecoder(tmp_path / "out/decoder.tflite"))
    assert encoder.columns == SIX.names
    assert encoder.encode(rows[:3]).shape == (3, 4)
    assert decoder.decode(encoder.encode(rows[:3])).shape == (3, 6)
