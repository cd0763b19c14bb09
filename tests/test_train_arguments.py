"""Which configuration the options of `train` make, without a training: collections, features, schemas, latents."""

import argparse
import json

import numpy as np
import pytest

import atlas_keras.train
from atlas_keras.data.events import InvalidPolicy
from atlas_keras.data.samples import SAMPLE
from atlas_keras.data.source import read_table
from atlas_keras.errors import AtlasKerasError, ConfigError, JetDataError
from atlas_keras.info import main as info
from atlas_keras.presets import DEFAULT_PRESET, GENERAL_PRESET
from atlas_keras.schema import FOUR_MOMENTUM
from atlas_keras.schema_files import read_schema
from atlas_keras.train import add_arguments, build_config
from tests.data.small_files import JET, nano_parquet, nano_ttree, write_parquet
from tests.refusals import refused


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """Return a NanoAOD-like file and its schema."""
    folder = tmp_path_factory.mktemp("nano")
    path = nano_ttree(folder / "nano.root")
    assert info([str(path), "--schema", str(folder / "nano.toml")]) == 0
    return path


@pytest.fixture
def schema(nano):
    return nano.with_suffix(".toml")


def config(*args):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return build_config(parser.parse_args([str(arg) for arg in args]))


def columns(*args):
    return config(*args).data.collection.names


def error_of(*args, kind=AtlasKerasError):
    with pytest.raises(kind) as caught:
        config(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_said_is_the_four_momentum_of_the_default_preset():
    assert config().data.collection == FOUR_MOMENTUM
    assert config().model.preset == DEFAULT_PRESET


# --collection, --features


@pytest.mark.parametrize(
    ("features", "names"),
    [
        ("pt,eta,phi", "pt eta phi"),
        (" pt , btag* ,eta,", "pt btagDeepB eta"),
        ("E,pt,eta,phi,mass", "E pt eta phi mass"),
        ("*", " ".join(JET)),
        ("p*,is*", "pt phi isTight"),
    ],
)
def test_features_are_names_and_patterns(nano, features, names):
    made = config("--data", nano, "--features", features)
    assert made.data.collection.names == tuple(names.split())
    assert made.data.collection.name == "Jet"
    assert made.model.preset == GENERAL_PRESET


def test_quantities_come_with_the_columns(nano):
    made = config("--data", nano, "--features", "pt,btagDeepB,nConstituents,isTight")
    assert [column.quantity for column in made.data.collection] == ["energy", "score", "count", "flag"]
    table = read_table(made.data, InvalidPolicy())
    assert table.jets.tolist() == [[50e3, 0.25, 12, 1], [30e3, -1, 7, 0], [40e3, 0.75, 20, 1]]


def test_a_collection_by_its_name(nano):
    made = config("--data", nano, "--collection", "muon", "--features", "pt,charge", "--latents", "1")
    assert (made.data.collection.name, made.data.collection.names) == ("Muon", ("pt", "charge"))
    assert columns("--data", nano, "--collection", "Jet") == FOUR_MOMENTUM.names
    assert config("--data", nano, "--collection", "Jet").model.preset == DEFAULT_PRESET


def test_the_first_file_tells_of_all(nano, tmp_path):
    other = nano_parquet(tmp_path / "b.parquet")
    made = config("--data", nano, other, "--features", "pt,eta,phi")
    assert read_table(made.data, InvalidPolicy()).n_jets == 6
    made = config("--data", nano.parent / "*.root", "--features", "pt,eta,phi")
    assert read_table(made.data, InvalidPolicy()).n_jets == 3


def test_files_of_a_configuration_are_files_too(nano, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"data": {"paths": [str(nano)], "tree": "Events"}}))
    made = config("--config", tmp_path / "c.json", "--features", "pt,eta,phi")
    assert (made.data.collection.names, made.data.tree) == (("pt", "eta", "phi"), "Events")


def test_what_this_package_writes(tmp_path):
    table = {name: [[1.0, 2.0], [3.0]] for name in ("pt", "eta", "phi", "mass", "area")}
    path = write_parquet(tmp_path / "a.parquet", table, unit="GeV")
    made = config("--data", path, "--features", "pt,area,mass")
    assert read_table(made.data, InvalidPolicy()).jets.tolist() == [[1e3, 1, 1e3], [2e3, 2, 2e3], [3e3, 3, 3e3]]


@pytest.mark.parametrize("option", [("--features", "pt"), ("--collection", "Jet")])
def test_features_are_those_of_files(option):
    message = error_of(*option, kind=ConfigError)
    assert message.startswith("--collection and --features are about the files of --data")


def test_what_no_file_has_is_named(nano):
    assert f"{nano}: Jet has no column 'btagDeepC'; did you mean 'btagDeepB'?" in error_of(
        "--data", nano, "--features", "pt,btagDeepC"
    )
    assert f"{nano}: there is no collection 'Muons'; did you mean 'Muon'?" in error_of(
        "--data", nano, "--collection", "Muons"
    )
    assert "Muon has no column 'E'" in error_of("--data", nano, "--collection", "Muon")
    assert "there is no tree 'Event'" in error_of("--data", nano, "--features", "pt", "--tree", "Event")
    assert "no such file" in error_of("--data", nano.parent / "gone.root", "--features", "pt", kind=JetDataError)
    assert config("--data", SAMPLE, "--features", "pt").data.collection.names == ("pt",)  # of text, too
    assert "--features names no column. Received: ' , '" in error_of("--data", nano, "--features", " , ")


# --schema


def test_a_schema_says_what_the_columns_are(nano, schema):
    made = config("--data", nano, "--schema", schema, "--collection", "Jet")
    assert made.data.collection == read_schema(schema).collection("Jet")
    assert made.model.preset == GENERAL_PRESET
    assert read_table(made.data, InvalidPolicy()).jets.shape == (3, len(JET))


def test_an_edited_schema_is_what_is_trained_on(nano, schema, tmp_path):
    text = schema.read_text().partition('[[collections]]\nname = "Muon"')[0]
    rows = [row for row in text.splitlines() if "isTight" not in row]
    text = "\n".join(rows).replace('"score"', '"other"').replace('"angle 0.001"', '"angle 0.25"')
    (tmp_path / "mine.toml").write_text(text)
    made = config("--data", nano, "--schema", tmp_path / "mine.toml")
    by_name = {column.name: column for column in made.data.collection}
    assert list(by_name) == [name for name in JET if name != "isTight"]
    assert by_name["btagDeepB"].quantity == "other"
    assert str(by_name["phi"].bound) == "angle 0.25"


def test_features_choose_from_a_schema(nano, schema):
    args = ("--data", nano, "--schema", schema, "--collection", "Jet")
    assert columns(*args, "--features", "btag*,pt,E") == ("btagDeepB", "pt", "E")
    assert f"{schema}: Jet has no column 'btag'; did you mean" in error_of(*args, "--features", "btag")


def test_names_of_things_and_dropped_columns_are_learned_where_they_are_named(nano, schema, tmp_path, caplog):
    text = schema.read_text()
    at = text.index('name = "mass"')
    text = text[:at] + text[at:].replace('bound = "relative 0.001"', 'bound = "drop"', 1)
    at = text.index('name = "nConstituents"')
    text = text[:at] + text[at:].replace('quantity = "count"', 'quantity = "id"', 1)
    (tmp_path / "mine.toml").write_text(text)
    args = ("--data", nano, "--schema", tmp_path / "mine.toml", "--collection", "Jet")
    with caplog.at_level("INFO", "atlas_keras"):
        made = config(*args)
    assert made.data.collection.names == ("pt", "eta", "phi", "btagDeepB", "isTight")
    assert "unless --features names them: mass, nConstituents" in caplog.text
    assert config(*args, "--features", "mass,n*,isTight").data.collection.names == ("mass", "isTight")
    assert config(*args, "--features", "nConstituents,*").data.collection.names[0] == "nConstituents"
    assert "all columns are names of things, or dropped by their bound: mass" in error_of(*args, "--features", "m*")
    muons = config("--data", nano, "--collection", "Muon", "--features", "*")
    assert muons.data.collection.names == ("pt",)  # and not charge


def test_columns_of_the_events_are_learned(nano, schema):
    made = config("--data", nano, "--collection", "events", "--features", "MET_pt,run")
    assert (made.data.collection.name, made.data.collection.names) == ("events", ("MET_pt", "run"))
    made = config("--data", nano, "--schema", schema, "--collection", "events")
    assert made.data.collection.names == ("nJet", "nMuon", "MET_pt", "HLT_IsoMu24")


def test_schemas_that_leave_a_question(nano, schema, tmp_path):
    assert f"{schema}: has several collections (Jet, Muon); choose one with --collection" in error_of(
        "--data", nano, "--schema", schema, kind=ConfigError
    )
    assert f"{schema}: No collection 'Jets'; did you mean 'Jet'?" in error_of(
        "--data", nano, "--schema", schema, "--collection", "Jets", kind=ConfigError
    )
    (tmp_path / "none.toml").write_text("collections = []")
    assert "none.toml: has no collection" in error_of("--data", nano, "--schema", tmp_path / "none.toml")
    assert "gone.toml: No such file" in error_of("--data", nano, "--schema", tmp_path / "gone.toml")


# --latents


def test_latents(nano):
    for n in (1, 2, 3):
        assert config("--data", nano, "--features", "pt,eta,phi", "--latents", n).model.n_latent == n
    assert config("--data", nano, "--features", "pt", "--latents", "1").model.n_latent == 1
    assert config("--data", nano, "--features", "pt,eta,phi").model.n_latent == 2  # half of them, or one more
    message = error_of("--data", nano, "--features", "pt,eta", "--latents", "3", kind=ConfigError)
    assert message == "model.n_latent is 1 to 2, the number of columns; --latents sets it. Received: 3"
    assert "n_latent is at least 1. Received: 0" in error_of("--data", nano, "--features", "pt,eta", "--latents", "0")
    assert "n_latent is 3 in a folded autoencoder. Received: 2" in error_of("--latents", "2")


def test_the_command_ends_in_a_sentence(nano, schema, tmp_path, capsys):
    for args, code in (
        (["--features", "pt"], 2),
        (["--data", nano, "--features", "tp"], 1),
        (["--data", nano, "--schema", schema], 2),
    ):
        refused(atlas_keras.train.main, [*args, "--out", tmp_path / "run"], capsys, code)
    assert not (tmp_path / "run").exists()


def test_a_configuration_comes_back_from_json(nano):
    made = config("--data", nano, "--features", "pt,eta,btag*")
    assert type(made).from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert np.isfinite(read_table(made.data, InvalidPolicy()).jets).all()
