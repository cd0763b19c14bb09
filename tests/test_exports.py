"""The exports in the repository are those of the code in the repository, whatever machine they were made on."""

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from atlas_keras import load_autoencoder
from atlas_keras.checksum import list_files
from atlas_keras.config import DataConfig, preset_config
from atlas_keras.data.readers import read_events
from atlas_keras.data.splitting import collect, split_events
from atlas_keras.models.autoencoder import set_up_training
from atlas_keras.models.fingerprint import fingerprint
from atlas_keras.serving import open_export, write_saved_model
from atlas_keras.serving.artifacts import describe
from atlas_keras.serving.constants import check_weights
from atlas_keras.serving.extremes import extreme_jets
from atlas_keras.serving.litert import convert_saved_model
from atlas_keras.serving.parity import Reference, Tolerance, check, compare
from scripts.make_model_cards import card

EXPORTS = Path(__file__).parents[1] / "exports"
PRESETS = ("folded", "kinematic")


@pytest.fixture(scope="module", params=PRESETS)
def shipped(request):
    folder = EXPORTS / request.param
    return folder, json.loads((folder / "manifest.json").read_text()), load_autoencoder(folder / "run")


@pytest.fixture(scope="module")
def splits():
    return {name: part.jets for name, part in split_events(collect(read_events()), DataConfig(), 0).items()}


def test_files_are_those_of_the_manifest(shipped):
    folder, manifest, _ = shipped
    files = {name: file.to_dict() for name, file in list_files(folder).items() if not name.startswith("run/")}
    del files["manifest.json"]
    assert files == manifest["files"]


@pytest.mark.parametrize("preset", PRESETS)
def test_model_cards_have_the_figures_of_today(preset):
    assert (EXPORTS / f"{preset}.md").read_text(encoding="utf-8") == card(preset), "run scripts/make_model_cards.py"


def test_the_model_is_the_one_of_the_manifest(shipped):
    _, manifest, model = shipped
    assert manifest["fingerprint"] == fingerprint(model)
    about = {key: value for key, value in describe(model).items() if key != "atlas_keras"}
    assert {key: manifest[key] for key in about} == about


def test_the_run_has_the_preset_of_today(shipped):
    folder, manifest, _ = shipped
    config, today = json.loads((folder / "run" / "config.json").read_text()), preset_config(manifest["preset"])
    assert config == today.to_dict()


def test_the_model_has_the_layers_of_today(shipped, splits):
    """The same classes, shapes and constants: only what is trained may differ from machine to machine.

    Constants are statistics of coordinates of order one, in float32. Those of ln(E/p) have more rounding: it is good to
    some 1e-6 of E/p, which is 1e-4 of the rho of a light jet.
    """
    _, manifest, model = shipped
    today = set_up_training(preset_config(manifest["preset"]).model, splits["train"]).autoencoder

    def layers(model):
        parts = [layer for name in ("encoder", "decoder") for layer in model.get_layer(name).layers]
        return [(type(layer).__name__, [w.shape for w in layer.weights]) for layer in parts]

    assert layers(model) == layers(today)
    for name in ("encoder", "decoder"):
        for old, new in zip(model.get_layer(name).layers, today.get_layer(name).layers, strict=True):
            for key in ("reference", "edges", "bits", "floor", "mean", "variance", "unit", "columns"):
                if key in new.get_config():
                    was, is_now = old.get_config()[key], new.get_config()[key]
                    same = isinstance(is_now, str | int) or key == "columns"
                    assert was == (is_now if same else pytest.approx(is_now, rel=1e-3, abs=1e-4)), key


def test_exports_compute_what_their_model_computes_today(shipped, splits, precisions_of):
    folder, manifest, model = shipped
    precisions = precisions_of(model)
    references = {"test": Reference(precisions, splits["test"]), "extreme": Reference(precisions, extreme_jets(4000))}
    for export in manifest["exports"]:
        opened, float32 = open_export(folder / export["name"]), export["quantization"] == "none"
        assert sorted(opened) == sorted(export["signatures"])
        if float32:
            check_weights(folder / export["name"], model, export["signatures"])
        figures = {name: compare(opened, reference, float64=float32) for name, reference in references.items()}
        check(export["name"], figures, Tolerance(**export["tolerance"]))


@pytest.mark.slow
def test_litert_files_have_the_operations_that_the_converter_writes_today(shipped, tmp_path):
    folder, _, model = shipped
    write_saved_model(model, tmp_path / "model")

    def operations(**source):
        return sorted(operation["op_name"] for operation in Interpreter(**source)._get_ops_details())

    for name, signature in (("encoder", "encode"), ("decoder", "decode")):
        today = convert_saved_model(tmp_path / "model", [signature])
        assert operations(model_path=str(folder / f"{name}.tflite")) == operations(model_content=today)


@pytest.mark.parametrize("preset", PRESETS)
def test_figures_of_the_run_are_those_that_the_exports_reach(preset, splits):
    """metrics.json of the run was made by the training; LiteRT gives the same mean errors on the test split."""
    metrics = json.loads((EXPORTS / preset / "run" / "metrics.json").read_text())["test"]
    functions = open_export(EXPORTS / preset / "autoencoder.tflite")
    x = splits["test"].astype(np.float64)
    y = functions["decode"](functions["encode"](splits["test"])).astype(np.float64)
    found = np.mean(np.abs([y[:, 0] / x[:, 0] - 1, y[:, 1] / x[:, 1] - 1]), axis=1)
    assert found == pytest.approx([metrics["E"]["mean_abs"], metrics["pt"]["mean_abs"]], rel=0.05, abs=1e-7)
