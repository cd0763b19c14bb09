"""Files: round trips of every format, coding and bound, checked by an independent script; what info tells."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from atlas_keras.__main__ import main
from atlas_keras.codec import cutting
from atlas_keras.codec.block_writer import BlockWriter
from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.entropy_model.fitting import EventTable, fit_entropy_model
from atlas_keras.codec.entropy_model.model import EntropyModel
from atlas_keras.codec.files import compress_file, decompress_file, describe_file
from atlas_keras.codec.header import Header
from atlas_keras.codec.other_columns import OURS
from atlas_keras.data.arrow_types import plain
from atlas_keras.data.events import InvalidPolicy, jagged
from atlas_keras.data.readers import load_jets, read_events
from atlas_keras.data.samples import SAMPLE
from atlas_keras.errors import JetDataError, RunError
from atlas_keras.schema import PHI_MAX
from tests.codec import independent
from tests.codec.laws import check_bounds, random_jets, spoiled
from tests.data.test_arrow_types import KINDS
from tests.moments import HANG

NAMES = ["E", "pt", "eta", "phi"]
MONOJET = "monojet_Zp2000.0_DM_50.0_chan3.csv"
SCRIPT = Path(independent.__file__)


@functools.lru_cache(2)
def read_source(path, changed):
    """Read what several tests compress once, until it changes."""
    return independent.read(path)


def limits_of(bound):
    bounds = Bounds.parse(bound) if bound else None
    return [getattr(bounds, name) if bounds else 0.0 for name in NAMES]


def verify(a, b, bound):
    """Compare two files by the script; give how many jets it compared."""
    n, _ = independent.compare(read_source(a, a.stat().st_mtime_ns), independent.read(b), limits_of(bound))
    return n


def test_the_script_that_compares_files_needs_nothing_of_this_package(entropy_model, tmp_path):
    """In a process of its own, as anybody would run it; it finds a jet that is too far away."""
    _, back = round_trip(SAMPLE, tmp_path, entropy_model, "1e-3", ending=".csv.gz")
    command = [sys.executable, "-X", "importtime", str(SCRIPT), str(SAMPLE), str(back)]
    done = subprocess.run([*command, *map(str, limits_of("1e-3"))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "20002"
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "pyarrow" in imported
    assert not [name for name in imported if name.partition(".")[0] == "atlas_keras"]
    with pytest.raises(AssertionError, match=r"0\.0005, 0\.0005"):
        verify(SAMPLE, back, "5e-4")


def round_trip(source, folder, entropy_model, bound, coding="entropy", ending=".csv", **options):
    packed, back = folder / "packed.jets", folder / f"back{ending}"
    bounds = Bounds.parse(bound) if bound else None
    summary = compress_file(entropy_model, source, packed, bounds, coding=coding, **options)
    decompress_file(packed, back, entropy_model, force=bool(options.get("force")))
    return summary, back


@pytest.mark.parametrize("coding", ["entropy", "parquet"])
@pytest.mark.parametrize("bound", ["1e-2", "1e-3", "1e-4", "1e-3,mass=1e-2", "E=1e-2,pt=1e-3,eta=5e-4,phi=1e-5"])
def test_the_sample_comes_back_as_text(entropy_model, tmp_path, bound, coding):
    summary, back = round_trip(SAMPLE, tmp_path, entropy_model, bound, coding, ending=".csv.gz", level=3)
    assert verify(SAMPLE, back, bound) == 20_002 == summary.header.n_jets
    assert summary.header.n_exact == 0


def test_lossless_is_bit_for_bit_and_smaller_than_bytes(tmp_path):
    summary, back = round_trip(SAMPLE, tmp_path, None, None)
    assert verify(SAMPLE, back, None) == 20_002
    before, after = load_jets(SAMPLE), load_jets(back)
    np.testing.assert_array_equal(before[NAMES].to_numpy().view(np.int64), after[NAMES].to_numpy().view(np.int64))
    assert summary.bits_per_jet < 100


LIMITS = {  # of the issue: bits per jet of the whole file without other columns and embedded model
    ("parquet", "1e-2"): 30, ("parquet", "1e-3"): 41.5, ("parquet", "1e-4"): 55,
    ("entropy", "1e-2"): 23.5, ("entropy", "1e-3"): 35.2, ("entropy", "1e-4"): 48, ("entropy", "1e-3,mass=1e-2"): 41,
}  # fmt: skip


@pytest.fixture(scope="session")
def real_densities(real_file):
    """Learn from the training split of the real data."""
    from atlas_keras.codec.entropy_model.fitting import collect_events
    from atlas_keras.config import DataConfig
    from atlas_keras.data.splitting import split_of_events

    path = real_file(MONOJET)
    return fit_entropy_model(collect_events(read_events([path]), split_of_events(6399, DataConfig(), 0) == 0))


@pytest.mark.parametrize(("coding", "bound"), LIMITS)
def test_the_real_data_are_as_small_as_promised(real_file, real_densities, tmp_path, coding, bound):
    path = real_file(MONOJET)
    summary, back = round_trip(path, tmp_path, real_densities, bound, coding)
    assert summary.bits_per_jet <= LIMITS[coding, bound]
    assert verify(path, back, bound) == 22_661


@pytest.fixture(scope="module", params=["nanoAOD_2015_CMS_Open_Data_ttbar.root", "DAOD_PHYSLITE_ttbar_small.root"])
def root_file(request, real_file, tmp_path_factory):
    """Return a ROOT file, and its events as the reader gives them in a file that the script can read."""
    path, plain = real_file(request.param), tmp_path_factory.mktemp("plain") / "plain.parquet"
    whole = pa.concat_tables([batch.table for batch in read_events([path], unit="file")])
    pq.write_table(whole.drop_columns("mass"), plain)
    return path, plain


@pytest.mark.parametrize("bound", ["1e-2", "1e-3", "1e-4", "1e-3,mass=1e-2", None])
def test_root_files_come_back(root_file, entropy_model, tmp_path, bound):
    path, plain = root_file
    summary, back = round_trip(path, tmp_path, entropy_model, bound, ending=".parquet")
    assert verify(plain, back, bound) == summary.header.n_jets > 500
    assert pq.read_schema(back).metadata[b"unit"] == (b"GeV" if "nano" in path.name else b"MeV")


def dirty_table(n_events=400, seed=0):
    """Make events with jets of all kinds, others without jets, and columns of many types."""
    rng = np.random.default_rng(seed)
    counts = rng.choice([0, 1, 4, 9], n_events)
    jets = spoiled(random_jets(int(counts.sum()), seed), seed)
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    lists = {name: pa.ListArray.from_arrays(offsets, pa.array(jets[:, k])) for k, name in enumerate(NAMES)}
    words = [None if i % 7 == 0 else f"event {i} \N{GREEK SMALL LETTER ETA}" for i in range(n_events)]
    other = {
        "number": pa.array(rng.integers(0, 2**63, n_events, dtype=np.uint64)),
        "words": pa.array(words, pa.large_string()),
        "flag": pa.array(rng.random(n_events) < 0.5),
        "when": pa.array(rng.integers(0, 10**15, n_events), pa.timestamp("us", tz="UTC")),
        "MET": pa.array(rng.choice([np.nan, 1e5, -0.0, np.inf, 1e300], n_events)),
        "METphi": pa.array(rng.uniform(-4, 4, n_events).astype(np.float32)),
        "nested": pa.array([[{"a": i, "b": [None, "x"]}] * (i % 3) for i in range(n_events)]),
        "nothing": pa.array([None] * n_events, pa.int16()),
    }
    return pa.table({"number": other.pop("number"), **lists, **other}), jets


@pytest.mark.parametrize("bound", ["2e-2", "1e-1", "1e-7", "1e-3,mass=1e-2", "1e-1,mass=1e-1"])
def test_dirty_jets_come_back_at_every_bound(entropy_model, tmp_path, bound):
    table, jets = dirty_table(seed=3)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    keep = InvalidPolicy("keep")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, bound, ending=".parquet", policy=keep)
    jets_back = next(read_events([back], unit="file", policy=keep)).jets()
    check_bounds(jets, jets_back, Bounds.parse(bound))


def test_single_precision_comes_back_as_such(entropy_model, tmp_path):
    table = next(read_events()).table.select(NAMES).slice(0, 300)
    table = pa.table({name: table[name].cast(pa.list_(pa.float32())) for name in NAMES})
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    for folder, bound in (("lossy", "1e-6"), ("lossless", None)):
        (tmp_path / folder).mkdir()
        _, back = round_trip(tmp_path / "in.parquet", tmp_path / folder, entropy_model, bound, ending=".parquet")
        after = pq.read_table(back)
        assert after.schema.types == table.schema.types
        if bound:
            verify(tmp_path / "in.parquet", back, bound)
        else:
            assert after.to_pylist() == table.to_pylist()


@pytest.mark.parametrize("bound", ["1e-3", None])
def test_a_mass_beside_the_energy_is_a_column_as_any_other(entropy_model, tmp_path, bound):
    table = next(read_events()).table.select(NAMES).slice(0, 50)
    table = table.append_column("mass", table["pt"])
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, bound, ending=".parquet")
    assert pq.read_table(back)["mass"].to_pylist() == table["mass"].to_pylist()


def test_a_stored_mass_follows_from_the_energy(entropy_model, tmp_path):
    table = next(read_events()).table.select(NAMES).slice(0, 50)
    mass = pa.array([[1e4] * len(pt) for pt in table["pt"].to_pylist()])
    table = table.drop_columns("E").append_column("mass", mass)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, "1e-3", ending=".parquet")
    assert pq.read_schema(back).names == ["E", "pt", "eta", "phi"]
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, None, ending=".pq", force=True)
    assert pq.read_table(back)["mass"].to_pylist() == table["mass"].to_pylist()


def test_an_event_of_very_many_jets_comes_back(entropy_model, tmp_path):
    jets = np.tile(load_jets()[NAMES].to_numpy()[:1], (900, 1))
    columns = {name: pa.array([jets[:, k].tolist(), jets[:2, k].tolist()]) for k, name in enumerate(NAMES)}
    pq.write_table(pa.table(columns).replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, "1e-3", ending=".parquet")
    assert verify(tmp_path / "in.parquet", back, "1e-3") == 902


def test_threads_do_not_disturb_each_other(entropy_model, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    def work(bound):
        folder = tmp_path / bound
        folder.mkdir()
        _, back = round_trip(SAMPLE, folder, entropy_model, bound, jobs=1)
        return verify(SAMPLE, back, bound)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, ["1e-2", "1e-4"])) == [20_002] * 2


SCRIPTS = {  # what somebody's program does; more jets than one block has
    "no guard": "compress()",
    "pool": """
if __name__ == "__main__":
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(1) as pool:
        pool.apply(compress)
""",
    "executor": """
if __name__ == "__main__":
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(1) as pool:
        pool.submit(compress).result()
""",
}


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("no guard", "file"),
        ("pool", "file"),
        pytest.param("executor", "file", marks=pytest.mark.slow),
        pytest.param("no guard", "stdin", marks=pytest.mark.slow),
    ],
)
def test_any_program_can_compress_a_large_file(script, how, entropy_model, tmp_path):
    """In a worker of a pool, from standard input, without a guard: worker processes run none of the program again.

    One of the files is as large as a block, in the others blocks are smaller.
    """
    large = script == "no guard" and how == "file"
    big = pa.concat_tables([next(read_events()).table.select(NAMES)] * (15 if large else 1))
    pq.write_table(big.replace_schema_metadata({"unit": "MeV"}), tmp_path / "big.parquet")
    (tmp_path / "entropy_model.npz").write_bytes(entropy_model.to_bytes())
    text = f"""
from atlas_keras import Bounds, compress_file
from atlas_keras.codec import cutting
cutting.BLOCK_JETS = {cutting.BLOCK_JETS if large else 5000}
print("run")
def compress():
    compress_file('.', 'big.parquet', 'out.jets', Bounds.parse('1e-3'), jobs=2)
{SCRIPTS[script]}
"""
    (tmp_path / "script.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "script.py" if how == "file" else "-"]
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": HANG}
    done = subprocess.run(command, input=text if how == "stdin" else None, **options)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "run\n"
    back = decompress_file(tmp_path / "out.jets", tmp_path / "back.parquet", tmp_path)
    assert back.header.n_jets == (15 if large else 1) * 20_002
    assert pq.read_metadata(tmp_path / "out.jets").num_row_groups > 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"event": [1, None], **{name: [2.0, 1.0] for name in NAMES}}), "column event has an empty value"),
        (pa.Table.from_arrays([pa.array([[1.0]])] * 5, [*NAMES, "pt"]), "column pt is there twice"),
    ],
)
def test_parquet_files_that_could_be_misread_are_refused(entropy_model, tmp_path, table, message):
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    with pytest.raises(JetDataError, match=message):
        compress_file(entropy_model, tmp_path / "in.parquet", tmp_path / "out.jets", Bounds.parse("1e-2"))


def test_several_files_are_refused(entropy_model, tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("1;x;1;1;1;j,2,1,0,0;\n")
    with pytest.raises(JetDataError, match="names 2 files"):
        compress_file(entropy_model, tmp_path / "*.csv", tmp_path / "out.jets", Bounds.parse("1e-2"))


@pytest.mark.parametrize("coding", ["entropy", "parquet", "lossless"])
def test_dirty_jets_and_columns_of_many_types_come_back(entropy_model, tmp_path, coding):
    table, jets = dirty_table()
    source, packed, back = (tmp_path / name for name in ("in.parquet", "packed.jets", "out.parquet"))
    pq.write_table(table.replace_schema_metadata({"unit": "GeV"}), source)
    bounds = None if coding == "lossless" else Bounds.parse("1e-3")
    keep = InvalidPolicy("keep")
    with pytest.raises(JetDataError, match="event"):
        compress_file(entropy_model, source, packed, bounds, coding=coding)
    assert not packed.exists()
    summary = compress_file(entropy_model, source, packed, bounds, coding=coding, policy=keep)
    decompress_file(packed, back, entropy_model)
    after = pq.read_table(back)
    assert after.column_names == table.column_names
    for name in after.column_names:
        if name not in NAMES:
            assert after[name].type == table[name].type, name
            assert repr(after[name].to_pylist()) == repr(table[name].to_pylist()), name  # NaN equals NaN in words
    jets_back = next(read_events([back], unit="file", policy=keep)).jets()
    if bounds:
        check_bounds(jets, jets_back, bounds)
        assert 0 < summary.header.n_exact < len(jets) / 3
    else:
        np.testing.assert_array_equal(jets_back.view(np.int64), jets.view(np.int64))


def test_a_row_a_jet_comes_back_as_a_row_a_jet(entropy_model, tmp_path):
    frame = load_jets()
    frame["btag"] = np.arange(len(frame)) % 3
    frame.to_parquet(tmp_path / "in.parquet")
    round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, "1e-3", ending=".parquet", source_unit="MeV")
    back = pq.read_table(tmp_path / "back.parquet").to_pandas()
    assert list(back.columns) == list(frame.columns)
    np.testing.assert_array_equal(back[["event", "btag"]], frame[["event", "btag"]])
    check_bounds(frame[NAMES], back[NAMES], Bounds.parse("1e-3"))


def test_many_blocks_in_two_processes_are_the_same_as_in_one(entropy_model, tmp_path, monkeypatch):
    """In order, with events that are larger than a block; the files are the same byte for byte."""
    monkeypatch.setattr(cutting, "BLOCK_JETS", 1000)
    files = [tmp_path / "one.jets", tmp_path / "two.jets"]
    for jobs, path in enumerate(files, 1):
        compress_file(entropy_model, SAMPLE, path, Bounds.parse("1e-3"), jobs=jobs)
        decompress_file(path, path.with_suffix(".csv"), entropy_model, jobs=jobs)
        assert verify(SAMPLE, path.with_suffix(".csv"), "1e-3") == 20_002
    assert files[0].read_bytes() == files[1].read_bytes()
    assert pq.read_metadata(files[0]).num_row_groups > 15


def test_integers_in_parquet_are_for_anybody(entropy_model, tmp_path):
    """Pandas alone reads the cells; the header's steps make numbers of them."""
    import json

    import pandas as pd

    compress_file(entropy_model, SAMPLE, tmp_path / "packed.jets", Bounds.parse("1e-3"), coding="parquet")
    frame = pd.read_parquet(tmp_path / "packed.jets")
    header = json.loads(pq.read_metadata(tmp_path / "packed.jets").metadata[b"atlas_keras"])
    pt_step, pt_offset, eta_step, eta_offset, n_phi, *_ = header["grid"]
    jets = load_jets()
    np.testing.assert_allclose(np.exp(frame.jet_pt[0] * pt_step + pt_offset), jets.pt, rtol=1e-3)
    np.testing.assert_allclose(frame.jet_eta[0] * eta_step + eta_offset, jets.eta, atol=1e-3)
    phi = (frame.jet_phi[0] + 0.5) * 2 * np.pi / n_phi - np.pi
    np.testing.assert_allclose(np.angle(np.exp(1j * (phi - jets.phi))), 0, atol=1e-3)
    assert frame.jet_counts[0].sum() == len(jets)


def test_a_small_file_has_little_side_information(entropy_model, tmp_path):
    table = next(read_events()).table.select(NAMES).slice(0, 420)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    summary, _ = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, "1e-3", ending=".parquet")
    assert summary.header.n_jets > 1900
    assert 8 * summary.bytes_by_stream["container"] / summary.header.n_jets < 2
    assert sum(summary.bytes_by_stream.values()) == summary.size


def test_a_file_without_other_columns_says_nothing_of_them_and_is_clear(entropy_model, tmp_path):
    """Bytes are not spent on nothing; and what comes back can be compressed again, with jets dropped."""
    table = next(read_events()).table.select(NAMES).slice(0, 20)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, "1e-3", ending=".parquet")
    assert set(pq.read_metadata(tmp_path / "packed.jets").metadata) == {b"atlas_keras"}
    table = pq.read_table(back)
    pt = table["pt"].to_pylist()
    pt[0][0] = -1.0
    pq.write_table(table.set_column(table.column_names.index("pt"), "pt", pa.array(pt)), tmp_path / "bad.parquet")
    policy = InvalidPolicy("drop")
    again = compress_file(
        entropy_model, tmp_path / "bad.parquet", tmp_path / "again.jets", Bounds.parse("1e-3"), policy=policy
    )
    assert (policy.n_jets, again.header.n_jets) == (1, sum(map(len, pt)) - 1)


def test_the_embedded_model_decodes_and_another_one_is_refused(entropy_model, run_folder, tmp_path):
    packed = tmp_path / "packed.jets"
    compress_file(run_folder, SAMPLE, packed, Bounds.parse("1e-3"), embed_model=True)
    decompress_file(packed, tmp_path / "back.csv")
    assert verify(SAMPLE, tmp_path / "back.csv", "1e-3") == 20_002
    assert describe_file(packed)[2]
    other = fit_entropy_model(EventTable(np.array([1]), np.array([[2e5, 1e5, 1.0, 0.5]]), _none(1)))
    compress_file(entropy_model, SAMPLE, packed, Bounds.parse("1e-3"), force=True)
    with pytest.raises(RunError, match=f"made with the model {entropy_model.fingerprint}"):
        decompress_file(packed, tmp_path / "other.csv", other)
    with pytest.raises(RunError, match="give its run with --run"):
        decompress_file(packed, tmp_path / "other.csv")
    assert not (tmp_path / "other.csv").exists()


def _none(n_events):
    from atlas_keras.codec.entropy_model.context import MissingMomentum

    return MissingMomentum.none(n_events)


@pytest.mark.parametrize(("bound", "coding"), [("1e-3", "entropy"), ("1e-3", "parquet"), (None, "entropy")])
@pytest.mark.parametrize("n_events", [1, 3])
def test_events_without_any_jet_come_back(entropy_model, tmp_path, n_events, bound, coding):
    empty = pa.array([[] for _ in range(n_events)], pa.list_(pa.float64()))
    table = pa.table({**{name: empty for name in NAMES}, "run": pa.array(range(n_events))})
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, bound, coding, ending=".parquet")
    assert pq.read_table(back).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("coding", ["entropy", "parquet"])
@pytest.mark.parametrize("bound", ["1e-3", "1e-4", "1e-3,mass=1e-2"])
def test_jets_just_beyond_pi_have_cells(entropy_model, tmp_path, bound, coding):
    table = next(read_events()).table.select(NAMES).slice(0, 200)
    counts = table["pt"].combine_chunks().value_lengths().to_numpy()
    phi = np.resize([3.1416015625, -3.1416015625, PHI_MAX, -PHI_MAX, np.pi, 1.0], counts.sum())
    table = table.set_column(3, "phi", jagged(phi, counts))
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    summary, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, bound, coding, ending=".parquet")
    assert summary.header.n_exact == 0
    jets, jets_back = load_jets(tmp_path / "in.parquet")[NAMES].to_numpy(), load_jets(back)[NAMES].to_numpy()
    check_bounds(jets, jets_back, Bounds.parse(bound))
    assert np.abs(jets_back[:, 3]).max() <= np.pi


def test_a_phi_that_no_reader_takes_is_stored_as_it_is(entropy_model, tmp_path):
    columns = {"E": [[9e5] * 3], "pt": [[8e5] * 3], "eta": [[0.1] * 3], "phi": [[3.2, -6.0, 1.0]]}
    pq.write_table(pa.table(columns).replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    keep = InvalidPolicy("keep")
    summary, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, "1e-3", ending=".parquet", policy=keep)
    assert summary.header.n_exact == 2
    assert pq.read_table(back)["phi"].to_pylist()[0][:2] == [3.2, -6.0]


@pytest.mark.parametrize("declared", ["file", "command"])
def test_what_belongs_to_the_jets_is_remembered(entropy_model, tmp_path, declared):
    table = next(read_events()).table.select(NAMES).slice(0, 60)
    table = table.append_column("tag", table["eta"]).append_column("other", table["eta"])
    jets = table["pt"].to_pylist()
    jets[7][0] = -1.0
    table = table.set_column(1, "pt", pa.array(jets))
    metadata = {"unit": "MeV"} | ({"jet_columns": '["tag"]'} if declared == "file" else {})
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "in.parquet")
    options = {} if declared == "file" else {"jet_columns": ["tag"]}
    _, back = round_trip(
        tmp_path / "in.parquet",
        tmp_path,
        entropy_model,
        "1e-3",
        ending=".parquet",
        policy=InvalidPolicy("drop"),
        **options,
    )
    after = pq.read_table(back)
    eta = table["eta"].to_pylist()
    assert after["other"].to_pylist() == eta
    assert after["tag"].to_pylist() == [row[1:] if k == 7 else row for k, row in enumerate(eta)]
    assert json.loads(after.schema.metadata[b"jet_columns"]) == [*NAMES, "tag"]
    (batch,) = read_events([back])
    assert batch.jet_columns == (*NAMES, "tag")


def test_what_nobody_said_stays_unsaid(tmp_path):
    table = next(read_events()).table.select(NAMES).slice(0, 60)
    table = table.append_column("tag", table["eta"])
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, None, None, ending=".parquet")
    assert b"jet_columns" not in pq.read_schema(back).metadata
    arguments = ["compress", "--lossless", "--invalid", "drop", str(tmp_path / "in.parquet"), str(tmp_path / "b.jets")]
    assert main(arguments) == 0
    jets = [[-1.0] * len(row) if k == 7 else row for k, row in enumerate(table["pt"].to_pylist())]
    table = table.set_column(1, "pt", pa.array(jets))
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    assert main([*arguments, "--force"]) == 1
    for patterns, n_left in (("", len(jets[7])), ("ta*,eta", 0)):
        assert main([*arguments, "--force", "--jet-columns", patterns]) == 0
        decompress_file(tmp_path / "b.jets", back, force=True)
        assert len(pq.read_table(back)["tag"].to_pylist()[7]) == n_left


@pytest.mark.parametrize("coding", ["entropy", "parquet", "lossless"])
@pytest.mark.parametrize("layout", ["events", "jets"])
def test_columns_with_our_names_come_back(entropy_model, tmp_path, coding, layout):
    table = next(read_events()).table.select(NAMES).slice(0, 5)
    names = [*OURS, "other_jet_pt", "other_other_jet_pt", "jet_btag"]
    if layout == "events":
        for k, name in enumerate(names):
            table = table.append_column(name, pa.array(range(k, k + 5)) if k % 2 else table["eta"])
    else:
        counts = [len(row) for row in table["pt"].to_pylist()]
        columns = {"event": np.repeat(range(5), counts), **{name: pc.list_flatten(table[name]) for name in NAMES}}
        table = pa.table(columns | {name: range(k, k + sum(counts)) for k, name in enumerate(names)})
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    bound = None if coding == "lossless" else "1e-3"
    _, back = round_trip(
        tmp_path / "in.parquet",
        tmp_path,
        entropy_model,
        bound,
        "entropy" if bound is None else coding,
        ending=".parquet",
    )
    after = pq.read_table(back)
    assert after.column_names == table.column_names
    assert after.select(names).equals(table.select(names))
    _, others, _ = describe_file(tmp_path / "packed.jets")
    assert [name for name in others.names if name != "event"] == names


@pytest.mark.parametrize("bound", ["1e-3", None])
def test_values_of_any_type_come_back(entropy_model, tmp_path, bound):
    table = next(read_events()).table.select(NAMES).slice(0, 4)
    for name, (array, *_) in KINDS.items():
        table = table.append_column(name, array)
    table = table.append_column("halves", table["eta"].cast(pa.list_(pa.float16())))
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    _, back = round_trip(tmp_path / "in.parquet", tmp_path, entropy_model, bound, ending=".parquet")
    after = pq.read_table(back)
    for name, (array, kind, *values) in KINDS.items():
        assert after[name].type.equals(kind)
        assert after[name].to_pylist() == (values[0] if values else array.to_pylist())
    assert after["halves"].equals(table["halves"])


def test_what_cannot_be_stored_is_named(tmp_path):
    header = Header("lossless", "MeV")
    others = pa.schema({"run": pa.int32(), "age": pa.month_day_nano_interval()})
    with pytest.raises(JetDataError, match="column age is of a kind that no compressed file can hold; leave it out"):
        BlockWriter(tmp_path / "out.jets", header, others, 3)


COMPRESS = """
import sys
if sys.argv[4] == "first":
    import awkward
from atlas_keras.codec.files import compress_file, decompress_file
compress_file(None, sys.argv[1], sys.argv[2], None, level=1, jobs=1)
assert sys.argv[4] == "first" or "awkward" not in sys.modules
decompress_file(sys.argv[2], sys.argv[3], jobs=1)
"""


def test_the_columns_of_awkward_come_back(real_file, tmp_path):
    pytest.importorskip("awkward")
    names = (
        "run",
        "event",
        "Jet_pt",
        "Jet_eta",
        "Jet_phi",
        "Jet_mass",
        "Jet_btagDeepB",
        "Jet_nMuons",
        "Muon_pt",
        "nJet",
    )
    table = pq.read_table(real_file("field/nano_dy.extensionarray.parquet"), columns=list(names))
    table = table.rename_columns([name.removeprefix("Jet_") for name in names])
    pq.write_table(table.replace_schema_metadata({"unit": "GeV"}), tmp_path / "in.parquet")
    kinds = []
    for order in ("first", "not at all"):
        paths = [tmp_path / "in.parquet", tmp_path / f"{order}.jets", tmp_path / f"{order}.parquet"]
        done = subprocess.run([sys.executable, "-c", COMPRESS, *paths, order], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        after = pq.read_table(paths[2])
        kinds.append(after.schema)
        wanted = plain(table)
        for name in table.column_names:
            found, original = after[name].to_pylist(), wanted[name].to_pylist()
            assert found == original
    assert kinds[0] == kinds[1]
    assert "awkward" not in str(kinds[0])


@pytest.mark.parametrize(
    ("name", "message"), [("back.json", "the ending chooses"), ("back.txt", "needs the column event_id")]
)
def test_targets_that_cannot_be_are_told(entropy_model, tmp_path, name, message):
    table = next(read_events()).table.select(NAMES).slice(0, 5)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), tmp_path / "in.parquet")
    compress_file(entropy_model, tmp_path / "in.parquet", tmp_path / "packed.jets", Bounds.parse("1e-3"))
    with pytest.raises(JetDataError, match=message):
        decompress_file(tmp_path / "packed.jets", tmp_path / name, entropy_model)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.parquet", "packed.jets"]
    decompress_file(tmp_path / "packed.jets", tmp_path / "back.csv", entropy_model)
    back = load_jets(tmp_path / "back.csv", source_unit="MeV")
    assert back.event.nunique() == 5
    np.testing.assert_allclose(back.E, table["E"].combine_chunks().flatten().to_numpy(), rtol=1e-3)


def test_densities_of_a_run_are_found(run_folder, entropy_model):
    assert EntropyModel.load(run_folder).fingerprint == entropy_model.fingerprint


def test_jets_of_a_table_that_calls_them_as_nanoaod_does(entropy_model, tmp_path):
    table = next(read_events(unit="GeV")).table.slice(0, 50)
    named = {f"Jet_{name}": table[name] for name in ("pt", "eta", "phi", "E")}
    pq.write_table(
        pa.table({**named, "run": pa.array(range(50))}).replace_schema_metadata({"unit": "GeV"}), tmp_path / "a.parquet"
    )
    compress_file(entropy_model, tmp_path / "a.parquet", tmp_path / "small", Bounds.parse("1e-3"), jobs=1)
    decompress_file(tmp_path / "small", tmp_path / "back.parquet", entropy_model, jobs=1)
    back = pq.read_table(tmp_path / "back.parquet")
    assert back["run"].to_pylist() == list(range(50))
    pt, again = (column.combine_chunks().flatten().to_numpy() for column in (table["pt"], back["pt"]))
    np.testing.assert_allclose(again, pt, rtol=1e-3)


def test_a_run_codes_many_files(run_folder, small_file, tmp_path):
    """Each as it is alone, and back by the same run."""
    other = tmp_path / "other.csv"
    other.write_text("".join(small_file.read_text().splitlines(keepends=True)[:50]))
    out, alone, how = tmp_path / "out", tmp_path / "alone", ["--bound", "1e-3", "--jobs", "1"]
    assert main(["compress", *how, *map(str, (run_folder, small_file, other, out))]) == 0
    assert main(["compress", *how, str(other), str(alone), "--run", str(run_folder)]) == 0
    assert (out / "other.jets.parquet").read_bytes() == alone.read_bytes()
    assert main(["decompress", str(out), str(tmp_path / "back"), "--run", str(run_folder), "--ending", ".csv"]) == 0
    assert (tmp_path / "back" / "small.jets.csv").read_text().count("\n") == 400
