"""Whole files come back: every type, every bound, any part of them; and what is damaged is refused."""

import io
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import open_compressed
from atlas_keras.codec.columns.compiled import COMPILES
from atlas_keras.codec.columns.container import END
from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.columns.head import Head
from atlas_keras.codec.columns.layout import take_apart
from atlas_keras.codec.columns.quantizer import kept
from atlas_keras.codec.columns.reader import CompressedColumns
from atlas_keras.data import whole_files
from atlas_keras.data.arrow_types import plain
from atlas_keras.errors import ConfigError, JetDataError, RunError
from atlas_keras.schema import Bound
from benchmarks import hostile_columns
from tests.codec.columns.tables import all_types, collision_events, with_missing


def compressed(tmp_path, table, *bounds, **how):
    source, target = tmp_path / "in.parquet", tmp_path / "out.akc"
    pq.write_table(table, source, **how)
    return compress_columns(source, target, bounds, force=True), target


def check_same(before, after, bounds):
    """Check that two tables are equal, but for floats, which are within their bounds."""
    assert before.column_names == after.column_names
    for name in before.column_names:
        a, b = (pa.concat_arrays(t[name].chunks) for t in (before, after))
        assert a.type == b.type
        if bounds.get(name, "exact") == "exact":
            # equals() has no NaN equal to itself, and buffers have no meaning where values are missing
            assert a.to_pylist() == b.to_pylist() or repr(a.to_pylist()) == repr(b.to_pylist())
            continue
        node = a.type.value_type.to_pandas_dtype() if pa.types.is_list(a.type) else a.type.to_pandas_dtype()
        layout = ["list", np.dtype(node).name] if pa.types.is_list(a.type) else np.dtype(node).name
        *counts, x = take_apart(a, layout)
        *other, y = take_apart(b, layout)
        assert all(map(np.array_equal, counts, other))
        assert kept(x, y, Bound.parse(bounds[name])).all()


@pytest.mark.parametrize("make", [all_types, with_missing], ids=["types", "missing"])
def test_every_type_comes_back_exactly(tmp_path, make):
    _, path = compressed(tmp_path, make(), "*=exact")
    with open_compressed(path) as file:
        check_same(plain(make()), file.table(), {})
        file.check()


@pytest.mark.parametrize("make", [all_types, with_missing, lambda: collision_events(300)])
def test_empty_files_keep_their_columns(tmp_path, make):
    _, path = compressed(tmp_path, make().slice(0, 0))
    with open_compressed(path) as file:
        assert file.num_entries == 0
        assert file.table().schema.types == plain(make()).schema.types


def test_every_value_is_within_the_bound_of_its_column(tmp_path):
    table = collision_events(2000)
    summary, path = compressed(tmp_path, table)
    with open_compressed(path) as file:
        bounds = file.bounds()
        assert bounds["Jet_pt"] == "relative 0.001"
        assert bounds["Jet_phi"] == "angle 0.001"
        assert bounds["Jet_btagDeepB"] == "absolute 0.001"
        assert bounds["nJet"] == bounds["Muon_charge"] == bounds["HLT_PFJet40"] == "exact"
        check_same(table, file.table(), bounds)
        assert summary.n_events == file.num_entries == 2000
    btag = pa.compute.list_flatten(table["Jet_btagDeepB"].combine_chunks()).to_numpy()
    with open_compressed(path) as file:
        back = pa.compute.list_flatten(file.table("Jet_btagDeepB")["Jet_btagDeepB"].combine_chunks()).to_numpy()
    assert np.all(back[btag == -1] == -1)


def test_what_is_learned_is_smaller_than_parquet_of_rounded_values(tmp_path):
    from benchmarks.column_rivals import rounded_parquet

    table = collision_events(5000)
    summary, path = compressed(tmp_path, table)
    with open_compressed(path) as file:
        bounds = {name: Bound.parse(text) for name, text in file.bounds().items()}
    assert summary.size < 0.75 * rounded_parquet(table, bounds, tmp_path)[1]


def test_numbers_and_their_negatives_are_no_larger_than_their_bytes(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 3e4, (2, 100))
    values = np.stack([x, y, -x - y, np.zeros(100)], axis=1).ravel()
    values[1::4] = -values[::4]
    _, path = compressed(tmp_path, pa.table({"mpx": pa.array(values)}), "*=exact")
    with open_compressed(path) as file:
        assert file.table()["mpx"].combine_chunks().to_numpy().tobytes() == values.tobytes()
        assert file.column_bytes()["mpx"] <= zstd(values) + 8


@pytest.mark.parametrize("bound", ["*=exact", "1e-2", "1e-4"])
def test_other_bounds(tmp_path, bound):
    table = collision_events(500)
    _, path = compressed(tmp_path, table, bound, "Jet_eta=abs 0.5", "HLT_*=drop")
    with open_compressed(path) as file:
        assert file.bounds()["Jet_eta"] == "absolute 0.5"
        assert not file.keys("HLT_*")
        check_same(table.drop_columns(["HLT_PFJet40", "HLT_Never"]), file.table(), file.bounds())


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (["Jett_pt=rel 1e-3"], "Jet_pt"),
        (["fast"], "a number, or PATTERN=BOUND"),
        (["*pt=rel 2"], "below 1"),
        (["-1"], "positive"),
    ],
)
def test_bounds_that_cannot_be_are_refused(tmp_path, bounds, message):
    with pytest.raises(ConfigError, match=message):
        compressed(tmp_path, collision_events(5), *bounds)
    assert not (tmp_path / "out.akc").exists()


def test_a_file_that_is_there_stays(tmp_path):
    _, path = compressed(tmp_path, collision_events(5))
    before = path.read_bytes()
    with pytest.raises(RunError, match="exists already"):
        compress_columns(tmp_path / "in.parquet", path)
    assert path.read_bytes() == before


@pytest.fixture(scope="module")
def many_blocks(tmp_path_factory):
    """Events in several blocks."""
    folder = tmp_path_factory.mktemp("blocks")
    table = pa.concat_tables([collision_events(600), collision_events(700, 1)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_files, "BLOCK_EVENTS", 500)
        _, path = compressed(folder, table)
    return table, path


def test_any_part_can_be_read(many_blocks):
    table, path = many_blocks
    with open_compressed(path) as file:
        assert len(file.head.blocks) == 3
        whole = file.table()
        check_same(table, whole, file.bounds())
        for start, stop in ((0, 10), (490, 510), (1000, 1300), (-5, None), (700, 100)):
            part = file.table(["Jet_p*", "run"], start, stop)
            assert part.column_names == ["Jet_pt", "Jet_phi", "run"]
            assert part.equals(whole.select(part.column_names)[slice(start, stop)])


def test_awkward_pandas_and_steps(many_blocks):
    ak = pytest.importorskip("awkward")
    _table, path = many_blocks
    with open_compressed(path) as file:
        assert file.keys("n*") == ["nJet"]
        assert file.typenames()["Jet_pt"] == "list<item: float>"
        arrays = file.arrays(["Jet_pt", "nJet"])
        assert arrays.fields == ["Jet_pt", "nJet"]
        assert ak.all(ak.num(arrays.Jet_pt) == arrays.nJet)
        steps = list(file.iterate("nJet", 200))
        assert [len(step) for step in steps] == [200] * 6 + [100]
        assert [len(step) for step in file.iterate("nJet")] == [500, 500, 300]
        assert file.to_pandas("nJet").nJet.sum() == ak.sum(arrays.nJet)
        with pytest.raises(JetDataError, match="Jet_pt"):
            file.arrays("Jet_ptt")
        with pytest.raises(ConfigError, match="at least 1 event"):
            next(file.iterate(step_size=0))


def zstd(values):
    """Return the bytes that values take in zstd-19, all first bytes first."""
    planes = values.view(np.uint8).reshape(-1, values.itemsize).T
    return len(pa.Codec("zstd", 19).compress(np.ascontiguousarray(planes), asbytes=True))


def test_blocks_unlike_the_first_one_are_no_larger_than_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_files, "BLOCK_EVENTS", 2000)
    rng = np.random.default_rng(0)
    later = {"word": np.arange(2000) // 7 * 1000, "flag": np.repeat([True, False], 1000)}
    first = {"word": rng.integers(0, 5, 2000), "flag": rng.random(2000) < 0.3}
    table = pa.table({name: np.append(first[name], later[name]) for name in first})
    _, path = compressed(tmp_path, table)
    with open_compressed(path) as file:
        check_same(table, file.table(), {})
        for plan, size in zip(file.head.plans, file.index.lengths[1], strict=True):
            assert (plan.learned is not None) is COMPILES
            assert size <= zstd(later[plan.leaf.name]) + 8


def test_floats_with_more_bits_than_those_of_the_first_block_are_rounded(tmp_path, monkeypatch):
    """The first block decides that bits at the end are zero; others are then stored as bits, those within the bound."""
    monkeypatch.setattr(whole_files, "BLOCK_EVENTS", 2000)
    x = np.random.default_rng(0).exponential(50, 4000).astype(np.float32) + 20
    x[:2000] = np.rint(x[:2000])
    source, small = tmp_path / "cut.parquet", tmp_path / "cut.akc"
    pq.write_table(pa.table({"pt": x}), source)
    compress_columns(source, small, ["1e-3"])
    with open_compressed(small) as file:
        assert file.plans()["pt"].quantizer.kind == "floats"
        found, size = file.table()["pt"].to_numpy(), file.index.lengths[1, 0]
    assert np.array_equal(found[:2000], x[:2000])
    assert 0 < np.abs(found[2000:] / x[2000:].astype(float) - 1).max() <= 1e-3
    assert size <= 1.03 * zstd(found[2000:]) < zstd(x[2000:]) - 1000  # and which of them have few bits by chance


def test_only_what_is_asked_for_is_read(many_blocks):
    """A column of few bytes needs few reads, and damage elsewhere does no harm to it."""

    class Counted(io.BytesIO):
        n_bytes = 0

        def read(self, n=-1):
            content = super().read(n)
            self.n_bytes += len(content)
            return content

    _, path = many_blocks
    content = path.read_bytes()
    file = Counted(content)
    columns = CompressedColumns(file, "x")
    opened = file.n_bytes
    columns.table("HLT_PFJet40", 0, 400)
    assert 0 < file.n_bytes - opened < 200
    leaf = next(k for k, plan in enumerate(columns.head.plans) if plan.leaf.name == "Jet_mass")
    at = int(columns.index.starts[1, leaf])
    damaged = CompressedColumns(io.BytesIO(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]), "x")
    assert damaged.table("HLT_PFJet40").num_rows == 1300
    assert damaged.table("Jet_mass", 0, 500).num_rows == 500
    with pytest.raises(JetDataError, match="x: block 2 is damaged"):
        damaged.table("Jet_mass")


def test_urls(many_blocks):
    fsspec = pytest.importorskip("fsspec")
    table, path = many_blocks
    with fsspec.open("memory://events.akc", "wb") as file:
        file.write(path.read_bytes())
    with open_compressed("memory://events.akc") as file:
        check_same(table.select(["run"]), file.table("run"), {})


# Faults


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    _, path = compressed(tmp_path_factory.mktemp("small"), collision_events(30), compression="zstd")
    return path.read_bytes()


def test_every_byte_flipped_is_an_error_or_does_no_harm(small):
    """The digest notices all; who reads without it gets an error, or the values that are meant."""
    right = CompressedColumns(io.BytesIO(small), "x").table()
    harmless = []
    for at in range(len(small)):
        content = small[:at] + bytes([small[at] ^ 0x55]) + small[at + 1 :]
        try:
            file = CompressedColumns(io.BytesIO(content), "x")
            assert file.table().equals(right)
        except JetDataError:
            continue
        harmless.append(at)
        with pytest.raises(JetDataError, match="digest"):
            file.check()
    at_digest = len(small) - END.size + 16
    assert harmless == list(range(at_digest, at_digest + 16))


def test_every_truncation_is_found(small):
    for size in range(len(small)):
        for content in (small[:size], small[size + 1 :]):
            with pytest.raises(JetDataError):
                CompressedColumns(io.BytesIO(content), "x").check()


def test_changed_files_behind_sound_checksums_are_refused_in_a_sentence_or_hold_other_values(tmp_path):
    """A few of the cases of `python -m benchmarks.hostile_columns`, which runs many thousand."""
    victims = hostile_columns.make_victims(tmp_path)
    found = Counter(hostile_columns.attack(victims, 2, number, tmp_path) for number in range(150))
    assert {kind for kind, _ in found} == set(hostile_columns.ATTACKS)
    assert sum(n for (_, outcome), n in found.items() if outcome == "refused") > 70
    for victim in victims:  # what the attacks change is all that they change
        (tmp_path / "same.akc").write_bytes(hostile_columns.put_together(victim))
        with open_compressed(tmp_path / "same.akc") as file:
            file.check()
            assert file.table().num_rows == victim.back.num_rows


def test_the_head_comes_back(small):
    head = CompressedColumns(io.BytesIO(small), "x").head
    assert Head.from_bytes(head.to_bytes()).to_bytes() == head.to_bytes()
