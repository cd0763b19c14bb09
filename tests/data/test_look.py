"""What the values of columns are like: ranges, spikes, mantissas, what is no number."""

import numpy as np
import pytest

from atlas_keras.data import look
from atlas_keras.data.look import choose_columns, describe, look_at, magic_of, read_contents
from atlas_keras.data.naming import infer_column
from atlas_keras.errors import JetDataError
from atlas_keras.schema import Collection, Column
from tests.data.small_files import WRITERS, damaged_ttree, write_parquet

RNG = np.random.default_rng(0)
SMOOTH = RNG.normal(size=2000).astype(np.float32)


def seen(values, quantity="other"):
    return describe(values, Column("x", quantity, dtype=str(values.dtype)))


def spoiled(part, value):
    """Return smooth values of which a part is a filler."""
    values = SMOOTH.copy()
    values[RNG.random(len(values)) < part] = value
    return values


def test_a_range_is_that_of_the_finite_values():
    values = np.array([3.0, -1.5, np.nan, np.inf, -np.inf, 2.0])
    found = seen(values)
    assert (found.n, found.low, found.high, found.n_different, found.n_not_finite) == (6, -1.5, 3.0, 3, 3)


@pytest.mark.parametrize("values", [np.array([]), np.full(4, np.nan), np.full(3, np.inf, np.float32)])
def test_without_any_finite_value_there_is_no_range(values):
    found = seen(values)
    assert (found.low, found.high, found.mantissa_bits, found.spikes) == (None, None, None, ())
    assert (found.n, found.n_not_finite, found.n_different) == (len(values), len(values), 0)


@pytest.mark.parametrize("filler", [-1.0, -999.0, 0.0])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9])
def test_fillers_are_found(filler, part):
    values = spoiled(part, filler)
    ((value, share),) = seen(values).spikes
    assert value == filler
    assert share == np.mean(values == filler)


def test_the_three_most_frequent_are_told_in_their_order():
    values = SMOOTH.copy()
    for at, (filler, n) in enumerate([(-1.0, 100), (-2.0, 300), (-3.0, 200), (-4.0, 50)]):
        values[at * 400 : at * 400 + n] = filler
    assert [value for value, _ in seen(values).spikes] == [-2.0, -3.0, -1.0]


def test_smooth_values_have_no_spikes_be_they_coarse_or_few():
    assert seen(SMOOTH).spikes == ()
    assert seen(np.round(SMOOTH * 30) / 30).spikes == ()  # each value is there some twenty times
    assert seen(SMOOTH[:60]).spikes == ()


def test_nan_counts_among_those_of_which_a_spike_is_a_part():
    values = np.concatenate([SMOOTH[:1000], np.full(500, -1.0), np.full(500, np.nan)]).astype(np.float32)
    assert seen(values).spikes == ((-1.0, 0.25),)


@pytest.mark.parametrize("quantity", ["id", "flag", "count"])
def test_kinds_have_no_spikes(quantity):
    values = np.concatenate([np.arange(100), np.full(900, 5)])
    assert seen(values, quantity).spikes == ()
    assert seen(np.arange(1000) % 40 * (np.arange(1000) % 3 > 0).astype(float)).spikes == ()  # few different values


@pytest.mark.parametrize("bits", range(0, 24))
def test_bits_of_mantissa(bits):
    raw = SMOOTH.view(np.uint32) & np.uint32(0xFFFFFFFF << (23 - bits) & 0xFFFFFFFF)
    values = raw.view(np.float32)
    assert seen(values).mantissa_bits == bits
    assert seen(values.astype(np.float64)).mantissa_bits == bits


def test_bits_of_mantissa_of_doubles_and_of_what_has_none():
    assert seen(SMOOTH.astype(np.float64) / 3).mantissa_bits == 52
    assert seen(np.array([0.0, -0.0, 1.0, -2.0, np.inf])).mantissa_bits == 0
    assert seen(SMOOTH.astype(np.float16)).mantissa_bits is None
    assert seen(np.arange(5)).mantissa_bits is None


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "uint64", "float16"])
def test_all_types_of_numbers(dtype):
    values = np.array([1, 0, 1, 1]).astype(dtype)
    found = seen(values)
    assert (found.n, found.low, found.high, found.n_different, found.n_not_finite) == (4, 0.0, 1.0, 2, 0)
    assert type(found.low) is (float if dtype == "float16" else int)


def test_whole_numbers_are_told_to_the_last_digit():
    """An event number has more digits than a double."""
    assert seen(np.array([2**63 + 1, 2**60 + 1], np.uint64), "id").high == 2**63 + 1


def test_values_of_any_shape_are_looked_at():
    assert seen(np.ones((3, 2))).n == 6


# Of files


@pytest.mark.parametrize("kind", WRITERS)
def test_values_are_looked_at_by_their_names_in_the_file(tmp_path, kind):
    path = WRITERS[kind](tmp_path / "small")
    (tree,) = read_contents(path).trees
    jets = tree.groups[0]
    found = look_at(path, tree, (jets, tree.events))
    assert set(found) == {*jets.sources.values(), *tree.events.sources.values()}
    pt, tight, met = found[jets.sources["pt"]], found[jets.sources["isTight"]], found["MET_pt"]
    assert (pt.n, pt.low, pt.high) == (3, 30.0, 50.0)
    assert (tight.n, tight.low, tight.high) == (3, 0.0, 1.0)
    assert (met.n, met.low, met.high) == (3, 11.0, 13.0)


def test_the_first_events_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "EVENTS", 2)
    for kind in ("TTree", "RNTuple", "Parquet", "structs"):
        path = WRITERS[kind](tmp_path / kind)
        (tree,) = read_contents(path).trees
        found = look_at(path, tree, (tree.groups[0], tree.events))
        assert found[tree.groups[0].sources["pt"]].n == 2
        assert (found["MET_pt"].n, found["MET_pt"].high) == (2, 12.0)


def test_a_column_that_cannot_be_read_is_left_out(tmp_path):
    path = damaged_ttree(tmp_path / "a.root")
    (tree,) = read_contents(path).trees
    assert set(look_at(path, tree, (*tree.groups, tree.events))) == {"x", "nJet_pt"}


def test_empty_values_are_not_there(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"Jet_pt": [[1.5, None], None], "x": [None, 2]})
    (tree,) = read_contents(path).trees
    found = look_at(path, tree, (*tree.groups, tree.events))
    assert (found["Jet_pt"].n, found["x"].n, found["x"].low) == (1, 1, 2.0)


def test_nobody_looks_at_a_few_bytes_that_unfold_to_very_many(tmp_path, monkeypatch):
    from atlas_keras.data import limits

    path = write_parquet(tmp_path / "a.parquet", {"x": np.zeros(10_000_000)})
    monkeypatch.setattr(limits, "FREE_BYTES", 1 << 20)
    (tree,) = read_contents(path).trees
    with pytest.raises(JetDataError, match=r"unfold to .* --any-size reads it all the same"):
        look_at(path, tree, tree.groups)
    assert look_at(path, tree, tree.groups, any_size=True)["x"].n == look.EVENTS


def test_a_file_is_known_by_its_first_bytes(tmp_path):
    assert magic_of(WRITERS["TTree"](tmp_path / "a")) == b"root"
    assert magic_of(WRITERS["Parquet"](tmp_path / "b")) == b"PAR1"
    with pytest.raises(JetDataError, match="is a folder; name a file in it"):
        magic_of(tmp_path)
    with pytest.raises(JetDataError, match="gone: No such file"):
        magic_of(tmp_path / "gone")


# Columns that are chosen


JET = Collection("Jet", tuple(infer_column(name, "float32") for name in ("pt", "eta", "phi", "mass", "btagA", "btagB")))


@pytest.mark.parametrize(
    ("features", "names"),
    [
        (["btagB", "pt"], "btagB pt"),
        (["btag*", "pt", "btagA"], "btagA btagB pt"),
        (["*"], "pt eta phi mass btagA btagB"),
        (["p*"], "pt phi"),
        (["E", "pt"], "E pt"),
        (["b?agA"], "btagA"),
        ([], "E pt eta phi"),
    ],
)
def test_columns_are_chosen_by_names_and_patterns(features, names):
    assert choose_columns(JET, features, "here").names == tuple(names.split())


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("btagC", "Jet has no column 'btagC'; did you mean 'btag"),
        ("BTAG*", "Jet has no column"),
        ("px", "Jet has no column 'px'; known: pt, eta"),
        ("deep*", "Jet has no column 'deep*'; known: pt, eta"),
    ],
)
def test_a_feature_without_a_column_is_named(feature, message):
    with pytest.raises(JetDataError) as caught:
        choose_columns(JET, ["pt", feature], "a.root")
    assert str(caught.value).startswith("a.root: ")
    assert message in str(caught.value)


def test_what_is_computed_is_described():
    collection = choose_columns(JET, ["E", "pt"], "")
    assert [column.quantity for column in collection] == ["energy", "energy"]
    without_e = Collection("El", tuple(infer_column(name, "float32") for name in ("px", "py", "pz", "E")))
    assert [c.quantity for c in choose_columns(without_e, ["pt", "eta", "phi", "mass"], "")] == [
        "energy", "eta", "angle", "mass",
    ]  # fmt: skip
