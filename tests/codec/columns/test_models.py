"""Entropy models of many files: smaller files, the same values, and no other model will do."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import compress_columns, decompress_columns, fit_columns, open_compressed
from atlas_keras.__main__ import main
from atlas_keras.codec.columns import compiled
from atlas_keras.codec.columns.decompression import Decompressed
from atlas_keras.errors import JetDataError
from tests.codec.columns.tables import collision_events

pytestmark = pytest.mark.skipif(not compiled.COMPILES, reason="learning wants the compiler")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed in range(4):
        pq.write_table(collision_events(1000, seed), folder / f"{seed}.parquet")
    fit_columns([folder / "0.parquet", folder / "1.parquet"], folder / "model.akc")
    fit_columns([folder / "3.parquet"], folder / "other.akc")
    return folder


def test_a_model_of_other_files_makes_files_smaller(folder):
    source, target = folder / "2.parquet", folder / "2.akc"
    alone = compress_columns(source, target, force=True)
    with open_compressed(target) as file:
        expected = file.table()
    small = compress_columns(source, target, model=folder / "model.akc", force=True)
    assert small.size < alone.size
    with open_compressed(target, folder / "model.akc") as file:
        assert file.num_entries == 1000
        found = file.table()
        assert found.select(["event", "nJet", "HLT_PFJet40"]).equals(expected.select(["event", "nJet", "HLT_PFJet40"]))
        file.check()
    embedded = compress_columns(source, target, model=folder / "model.akc", embed_model=True, force=True)
    assert small.size < embedded.size
    with open_compressed(target) as file:
        assert file.table().equals(found)


def test_another_model_is_refused(folder):
    target = folder / "refused.akc"
    compress_columns(folder / "2.parquet", target, model=folder / "model.akc", force=True)
    with pytest.raises(JetDataError, match="has to be given"):
        open_compressed(target)
    with pytest.raises(JetDataError, match=r"other\.akc is"):
        open_compressed(target, folder / "other.akc")
    with pytest.raises(JetDataError, match="no file of columns"):
        open_compressed(target, folder / "2.parquet")


def test_files_with_other_columns_take_what_they_can(folder):
    table = collision_events(300, 9)
    renamed = table.drop_columns(["Jet_eta", "run"]).rename_columns(
        ["fresh" if name == "genWeight" else name for name in table.column_names if name not in ("Jet_eta", "run")]
    )
    pq.write_table(renamed, folder / "renamed.parquet")
    compress_columns(folder / "renamed.parquet", folder / "renamed.akc", model=folder / "model.akc", force=True)
    assert decompress_columns(
        folder / "renamed.akc", folder / "back.parquet", model=folder / "model.akc", force=True
    ) == Decompressed(300, (), ())
    assert pq.read_table(folder / "back.parquet").column_names == renamed.column_names


def test_columns_unlike_those_learned_from_stay_small(tmp_path):
    """Truncated floats and small numbers were learned from; what comes are whole floats and numbers in order."""
    rng = np.random.default_rng(0)
    x = np.float32(20) + rng.exponential(40, 3000).astype(np.float32)
    short = (x.view(np.uint32) >> 17 << 17).view(np.float32)
    pq.write_table(pa.table({"x": short, "word": rng.integers(0, 5, 3000)}), tmp_path / "learned.parquet")
    pq.write_table(pa.table({"x": x, "word": np.arange(3000) * 2**20}), tmp_path / "other.parquet")
    model, target = tmp_path / "model.akc", tmp_path / "other.akc"
    fit_columns([tmp_path / "learned.parquet"], model)
    sizes = []
    for given in (None, model):
        compress_columns(tmp_path / "other.parquet", target, model=given, force=True)
        with open_compressed(target, given) as file:
            file.check()
            sizes.append(file.column_bytes())
    assert sizes[1]["x"] == sizes[0]["x"]
    assert sizes[1]["word"] < 100


def test_commands(folder, tmp_path, capsys):
    model, small, back = (str(tmp_path / name) for name in ("model.akc", "small.akc", "back.parquet"))
    source = str(folder / "2.parquet")
    assert main(["fit-entropy", str(folder / "0.parquet"), model]) == 0
    assert "columns learned from 1,000 events" in capsys.readouterr().out
    assert main(["compress", source, small, "--model", model, "--bound", "1e-2", "*pt=rel 1e-3"]) == 0
    assert "every value of 14 columns was decoded" in capsys.readouterr().out
    assert main(["decompress", small, back]) == 1
    assert "has to be given" in capsys.readouterr().err
    assert main(["decompress", small, back, "--model", model, "--columns", "Jet_*,run"]) == 0
    assert pq.read_table(back).num_columns == 8
    assert main(["fit-entropy", model]) == 2
    assert "IN [IN ...] OUT" in capsys.readouterr().err
