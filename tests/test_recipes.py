"""Adding is one place each, as CONTRIBUTING tells: something small is added by each recipe, and everything knows it."""

import zlib
from dataclasses import dataclass

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import (
    build_autoencoder,
    compress_columns,
    export_autoencoder,
    info,
    load_jets,
    open_compressed,
    preset_config,
    read_events,
)
from atlas_keras.codec.columns import packing
from atlas_keras.config import RunConfig
from atlas_keras.data import formats
from atlas_keras.data.data_config import DataConfig
from atlas_keras.data.table import Table
from atlas_keras.data.table_format import table_format
from atlas_keras.evaluation import observables
from atlas_keras.evaluation.observables import Derived
from atlas_keras.layers import Scaling, Standardization
from atlas_keras.models.architecture import Architecture, ModelConfig, Tolerance
from atlas_keras.models.architectures import ARCHITECTURES
from atlas_keras.models.building import chain, dense_stack, jets_input, latent_input
from atlas_keras.models.jet_autoencoder import JetAutoencoder
from atlas_keras.models.published import MeanSquaredError
from atlas_keras.presets import PRESETS
from atlas_keras.schema import FOUR_MOMENTUM, Column
from atlas_keras.serving import open_export, read_metadata
from atlas_keras.serving.export_format import Export, ExportFormat
from atlas_keras.serving.formats import FORMATS
from atlas_keras.train import main
from atlas_keras.training.space import check_space, default_space, start_values

MODEL = {"architecture": "linear", "widths": (), "n_latent": 3, "activation": "linear", "scale": 1.0}
TRAINING = {"epochs": 2, "batch_size": 1024, "learning_rate": 1e-2, "weight_decay": 0.0}


@dataclass(frozen=True)
class LinearConfig(ModelConfig):
    """An architecture of its own: all that the recipe asks for."""

    scale: float


def build_linear(config, rows, facts):
    n = len(facts.collection)
    scaling = Scaling.published(facts.collection, name="scaling")
    standardization = Standardization.adapted(rows.statistics(scaling), name="standardization")
    inputs, latent = jets_input(n), latent_input(config.n_latent)
    (down,), (up,) = (
        dense_stack(n_inputs, (), n_outputs, "linear", name, exact=True)
        for name, n_inputs, n_outputs in (("encoder", n, config.n_latent), ("decoder", config.n_latent, n))
    )
    encoder = keras.Model(inputs, chain(inputs, [scaling, standardization, down]), name="encoder")
    decoder = keras.Model(latent, chain(latent, [up, standardization.inverse(), scaling.inverse()]), name="decoder")
    return JetAutoencoder(encoder, decoder, MeanSquaredError(), facts, name="autoencoder")


LINEAR = Architecture(
    "linear",
    LinearConfig,
    build_linear,
    space={"learning_rate": {"low": 1e-3, "high": 1e-1, "scale": "log"}, "scale": {"values": [1.0, 2.0]}},
    quantized={"float16": Tolerance(None, 1e-1, 1.0)},
)


@pytest.fixture
def linear(monkeypatch):
    """Add the architecture, and a preset of it."""
    monkeypatch.setitem(ARCHITECTURES, "linear", LINEAR)
    monkeypatch.setitem(PRESETS, "line", {"model": MODEL, "training": TRAINING})
    return preset_config("line")


@pytest.mark.slow
def test_an_architecture_and_a_preset(linear, tmp_path, without_plots, without_finder, capsys):
    assert linear.model == LinearConfig("line", "linear", (), 3, "linear", 1.0)
    assert RunConfig.from_dict(linear.to_dict()) == linear
    space = default_space(linear)
    check_space(space, linear)
    assert start_values(linear, space) == {"learning_rate": 1e-2, "scale": 1.0}
    assert build_autoencoder("line", n_latent=2).get_layer("encoder").output_shape == (None, 2)
    assert main(["--preset", "line", "--out", str(tmp_path / "run")]) == 0
    assert "one line of NumPy" in capsys.readouterr().out
    jets = load_jets()[list(FOUR_MOMENTUM.names)].to_numpy(np.float32)
    from atlas_keras import load_run

    options = {"timing": False, "n_extreme": 1000, "formats": ["tflite"], "quantizations": ["float16"]}
    model = load_run(tmp_path / "run").model
    assert (
        export_autoencoder(model, tmp_path / "out", train=jets, test=jets[:300], **options)["architecture"] == "linear"
    )


def write_arrays(source):
    encoder = source.model.get_layer("encoder")
    weights = {weight.path: keras.ops.convert_to_numpy(weight) for weight in encoder.weights}
    np.savez(source.folder / "encoder.npz", metadata=np.array(source.metadata("none", None)), **weights)
    yield Export("encoder.npz", "arrays", "none", ("encode",), None)


def open_arrays(path, threads):
    with np.load(path) as file:
        kernel, bias = file["encoder_output/kernel"], file["encoder_output/bias"]
    model = build_autoencoder("line").get_layer("encoder")
    model.get_layer("encoder_output").set_weights([kernel, bias])
    return {"encode": lambda rows: keras.ops.convert_to_numpy(model(rows))}


def arrays_of(path):
    with np.load(path) as file:
        return [file[name] for name in file.files if name != "metadata"]


def metadata_of(path):
    with np.load(path) as file:
        return str(file["metadata"])


ARRAYS = ExportFormat(
    "arrays", "NumPy arrays", suffix=".npz", any_batch=True,
    write=write_arrays, open=open_arrays, constants=arrays_of, metadata=metadata_of,
)  # fmt: skip


def test_an_export(linear, monkeypatch, tmp_path):
    monkeypatch.setitem(FORMATS, "arrays", ARRAYS)
    jets = load_jets()[list(FOUR_MOMENTUM.names)].to_numpy(np.float32)
    model, out = build_autoencoder("line", jets=load_jets()[list(FOUR_MOMENTUM.names)]), tmp_path / "out"
    manifest = export_autoencoder(
        model, out, train=jets, test=jets[:300], formats=["arrays"], timing=False, n_extreme=1000
    )
    assert [export["format"] for export in manifest["exports"]] == ["arrays"]
    assert manifest["exports"][0]["parity"]["extreme"]["encode"]["from_float64"]["spreads"] <= 6
    assert read_metadata(out / "encoder.npz")["fingerprint"] == manifest["fingerprint"]
    assert open_export(out / "encoder.npz")["encode"](jets[:5]).shape == (5, 3)


@pytest.mark.slow
def test_an_observable(monkeypatch, small_file, without_finder, tmp_path):
    rapidity = Derived(
        Column("rapidity", "eta", "$y$", "rapidity"),
        ("E", "pt", "eta"),
        lambda o: np.arctanh(np.clip(o["pt"] * np.sinh(o["eta"]) / o["E"], -1 + 1e-12, 1 - 1e-12)),
    )
    monkeypatch.setattr(observables, "DERIVED", (*observables.DERIVED, rapidity))
    arguments = ["--data", str(small_file), "--epochs", "1", "--out", str(tmp_path / "run")]
    assert main(arguments) == 0
    from atlas_keras import load_run

    run = load_run(tmp_path / "run")
    assert run.metrics["rapidity"]["mean_abs"] < 0.1
    assert run.metrics["distribution_shift"]["variables"]["rapidity"]["verdict"]
    for kind in ("input", "distribution", "residual"):
        assert (tmp_path / "run" / "plots" / f"{kind}_rapidity.png").stat().st_size > 1000
    assert "Rapidity" in (tmp_path / "run" / "report.html").read_text()


def open_columns(path, any_size):
    """A format of files of its own: a line that tells it, a line of names, a line a jet."""
    _, names, *rows = path.read_text().splitlines()
    values = np.array([row.split() for row in rows], float)
    table = pa.table(dict(zip(names.split(), values.T, strict=True)))

    def read(wanted, max_rows):
        yield table.select(wanted)

    return [Table(path, table.schema, read, table.num_rows, metadata={b"unit": b"GeV"})]


@pytest.mark.slow
def test_a_format_of_files(monkeypatch, tmp_path, without_plots, capsys):
    spaced = table_format("Spaced", lambda head: head.startswith(b"spaced\n"), open_columns, faults=(ValueError,))
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, spaced))
    frame = load_jets(unit="GeV").iloc[:2000]
    path = tmp_path / "jets.spaced"
    path.write_text(f"spaced\n{frame.to_csv(sep=' ', index=False)}")
    assert load_jets(tmp_path, unit="GeV").equals(frame)  # of a folder, all that is known
    assert next(read_events(path)).unit == "MeV"
    assert info.main([str(path)]) == 0
    assert "Spaced, " in capsys.readouterr().out
    arguments = ["--data", str(path), "--features", "pt,eta,phi,E", "--preset", "published", "--epochs", "1"]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0
    path.write_text(path.read_text().rpartition(" ")[0])  # the last line lacks a number
    assert main([*arguments, "--out", str(tmp_path / "other")]) == 1
    assert f"{path}: the Spaced file is truncated or damaged (" in capsys.readouterr().err


def test_a_packing_of_columns(monkeypatch, tmp_path):
    """Numbers that follow each other by a rule of the third order, as no other way of packing finds it."""
    cubes = pa.table({"cube": pa.array(np.arange(500, dtype=np.int64) ** 3)})

    def squeeze(data):
        words = np.frombuffer(data, np.uint32) if len(data) % 4 == 0 else np.empty(0, np.uint32)
        steps = np.diff(words, n=3, prepend=np.zeros(3, np.uint32))
        return zlib.compress(steps.tobytes()) if len(words) else data + b"?"

    def unsqueeze(content, size):
        steps = np.frombuffer(zlib.decompress(content, bufsize=size), np.uint32)
        return np.cumsum(np.cumsum(np.cumsum(steps, dtype=np.uint32), dtype=np.uint32), dtype=np.uint32).tobytes()

    pq.write_table(cubes, tmp_path / "in.parquet")
    sizes = []
    for ways in (packing.WAYS, [*packing.WAYS, packing.Way("third differences", squeeze, unsqueeze)]):
        monkeypatch.setattr(packing, "WAYS", ways)
        sizes.append(compress_columns(tmp_path / "in.parquet", tmp_path / "out.akc", force=True).size)
        with open_compressed(tmp_path / "out.akc") as file:
            assert file.table().equals(cubes)
    assert sizes[1] < sizes[0] - 100


def test_a_default_data_section_is_all_that_a_run_needs():
    assert preset_config("folded").data == DataConfig()
