"""Schemas: what a bound is, what a column has where nothing is said, and TOML there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_keras.errors import ConfigError
from atlas_keras.schema import FOUR_MOMENTUM, Bound, Collection, Column, Schema
from atlas_keras.schema_files import from_toml, read_schema, to_toml, write_schema

NANO = Schema(
    (
        Collection("Jet", (Column("pt", "energy"), Column("btag", "score", bound=Bound("absolute", 1e-2))), "nJet"),
        FOUR_MOMENTUM,
    ),
    (Column("run", "id", dtype="uint32"), Column("MET", "energy", "$E_T$", "missing momentum")),
    "GeV",
)
bounds = st.one_of(
    st.sampled_from([Bound("exact"), Bound("drop")]),
    st.builds(Bound, st.sampled_from(["relative", "absolute", "angle"]), st.floats(1e-9, 0.9)),
)
columns = st.builds(
    Column,
    st.text(min_size=1, max_size=9),
    st.sampled_from(["energy", "eta", "angle", "score", "other", "id"]),
    symbol=st.text(max_size=5),
    dtype=st.sampled_from(["float32", "int64", "bool"]),
    bound=st.none() | bounds,
)
lists = st.lists(columns, min_size=1, max_size=4, unique_by=lambda column: column.name).map(tuple)
collections = st.builds(Collection, st.text(min_size=1, max_size=5), lists, st.text(max_size=5))
schemas = st.builds(
    Schema,
    st.lists(collections, max_size=3, unique_by=lambda c: c.name).map(tuple),
    lists,
    st.sampled_from(["MeV", "GeV"]),
)


@given(schemas)
def test_toml_there_and_back(schema):
    assert from_toml(to_toml(schema)) == schema
    assert Schema.from_dict(schema.to_dict()) == schema


def test_a_file_says_no_more_than_it_has_to(tmp_path):
    write_schema(NANO, tmp_path / "nano.toml")
    text = (tmp_path / "nano.toml").read_text()
    assert 'bound = "absolute 0.01"' in text
    assert text.count("symbol") == text.count("title") + len(FOUR_MOMENTUM) == 5
    assert read_schema(tmp_path / "nano.toml") == NANO


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("rel 1e-3", Bound("relative", 1e-3)),
        ("absolute 2", Bound("absolute", 2.0)),
        ("an 0.1", Bound("angle", 0.1)),
        (" exact ", Bound("exact")),
        ("drop", Bound("drop")),
    ],
)
def test_bounds_are_read(text, bound):
    assert Bound.parse(text) == bound
    assert Bound.parse(str(bound)) == bound


@pytest.mark.parametrize(
    "text",
    ["", "a 1e-3", "rel", "rel x", "rel 0", "rel -1", "rel 1", "abs inf", "abs nan", "exact 1", "1e-3", "relatively 1"],
)
def test_what_is_no_bound_is_refused_in_a_sentence(text):
    with pytest.raises(ConfigError, match="Received"):
        Bound.parse(text)


@pytest.mark.parametrize(
    ("column", "bound"),
    [
        (Column("pt", "energy"), "relative 0.001"),
        (Column("eta", "eta"), "absolute 0.001"),
        (Column("phi", "angle"), "angle 0.001"),
        (Column("btag", "score"), "absolute 0.001"),
        (Column("dxy"), "relative 0.001"),
        (Column("charge", "count", dtype="int32"), "exact"),
        (Column("weight", dtype="float64"), "relative 0.001"),
        (Column("HLT_IsoMu24", "flag", dtype="bool"), "exact"),
        (Column("event", "id", dtype="uint64"), "exact"),
    ],
)
def test_every_column_has_a_bound(column, bound):
    assert str(column.usual_bound) == bound


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("collections = 3", "wrong type"),
        ("[", "no TOML"),
        ("kind = 1", "Unknown configuration key 'kind'"),
        ('unit = "TeV"\ncollections = []', "MeV or GeV"),
        ('[[collections]]\nname = "Jet"\ncolumns = []', "A collection has columns"),
        ('[[collections]]\nname = "Jet"\n[[collections.columns]]\nname = "pt"\nbound = "1"', "A bound is one of"),
        ('[[collections]]\nname = "Jet"\n[[collections.columns]]\nname = "pt"\nquantity = "lenght"', "wrong type"),
    ],
)
def test_bad_files_are_told_in_a_sentence(text, message, tmp_path):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"bad\.toml: .*{message}"):
        read_schema(tmp_path / "bad.toml")


def test_a_missing_and_a_binary_file_are_told(tmp_path):
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    for name, message in (("a.toml", "No such file"), ("b.toml", "is no text")):
        with pytest.raises(ConfigError, match=rf"{name}: {message}"):
            read_schema(tmp_path / name)


def test_two_of_one_name_and_a_collection_that_is_not_there():
    with pytest.raises(ConfigError, match="different names"):
        Schema((FOUR_MOMENTUM, FOUR_MOMENTUM))
    with pytest.raises(ConfigError, match="'Jett'; did you mean 'Jet'"):
        NANO.collection("Jett")
    assert NANO.collection("Jet").counter == "nJet"
