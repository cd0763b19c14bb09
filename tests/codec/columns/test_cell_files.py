"""The coding `parquet`: whole numbers that pandas reads, every value within its bound, everything else as it was."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from atlas_keras import compress_columns, decompress_columns, info, open_compressed
from atlas_keras.__main__ import main
from atlas_keras.codec.columns.cell_files import CellFile
from atlas_keras.codec.columns.cells import KEY
from atlas_keras.codec.digest import seal
from atlas_keras.data import parquet, whole_files
from atlas_keras.data.arrow_types import plain
from atlas_keras.errors import JetDataError, RunError
from tests.codec.columns.tables import all_types, collision_events, with_missing
from tests.codec.columns.test_files import check_same


def compressed(tmp_path, table, *bounds):
    source, target = tmp_path / "in.parquet", tmp_path / "cells.parquet"
    pq.write_table(table, source)
    return compress_columns(source, target, bounds, coding="parquet", level=3, force=True), target


@pytest.mark.parametrize("make", [all_types, with_missing], ids=["types", "missing"])
def test_every_type_comes_back(tmp_path, make):
    _, path = compressed(tmp_path, make(), "*=exact")
    with open_compressed(path) as file:
        check_same(plain(make()), file.table(), {})
    _, path = compressed(tmp_path, make())  # which compares all values with their bounds
    with open_compressed(path) as file:
        back = file.table()
        assert any(name.startswith("lists of lists") for name in file.bounds())
        of_parts = file.describe()["columns"]["structs"]["bound"]
        assert of_parts == ("relative 0.001, exact" if make is all_types else "exact")
    assert back.schema.types == plain(make()).schema.types
    assert [column.null_count for column in back.columns] == [column.null_count for column in make().columns]


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Events with values that no cell stands for, in several row groups; and the file of cells."""
    folder, table = tmp_path_factory.mktemp("cells"), collision_events(1300)
    weights = table["genWeight"].to_numpy().copy()
    weights[[3, 700, 701]] = [np.inf, -0.0, 1e-310]
    etas = pc.list_flatten(table["Jet_eta"]).to_numpy().copy()
    etas[[5, 6, 2000]] = [1e30, np.nan, -1e20]
    offsets = table["Jet_eta"].combine_chunks().offsets
    table = table.set_column(table.column_names.index("genWeight"), "genWeight", pa.array(weights))
    table = table.set_column(
        table.column_names.index("Jet_eta"), "Jet_eta", pa.ListArray.from_arrays(offsets, pa.array(etas))
    )
    table = table.append_column("verbatim", pa.array(range(1300)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_files, "BLOCK_EVENTS", 500)
        patch.setattr(parquet, "BATCH_ROWS", 400)
        summary, path = compressed(folder, table)
        with open_compressed(path) as file:
            check_same(table, file.table(), file.bounds())
    assert summary.n_events == 1300
    return table, path


def test_any_part_can_be_read(events, monkeypatch):
    monkeypatch.setattr(parquet, "BATCH_ROWS", 400)
    table, path = events
    with open_compressed(path) as file:
        assert isinstance(file, CellFile)
        assert file.num_entries == 1300
        assert file.keys() == table.column_names
        assert file.typenames()["Jet_eta"] == "list<item: float>"
        whole = file.table()
        for start, stop in ((0, 10), (390, 410), (1000, 1300), (-5, None)):
            part = file.table(["genWeight", "run", "Jet_eta"], start, stop)
            assert part.column_names == ["genWeight", "run", "Jet_eta"]
            assert repr(part.to_pylist()) == repr(whole.select(part.column_names)[slice(start, stop)].to_pylist())
        assert [len(step) for step in file.iterate("nJet", 650)] == [650, 650]
        with pytest.raises(JetDataError, match="there is no tree"):
            file.tree("Runs")


def test_others_read_it_by_the_formula_of_the_documents(events):
    """As docs/format.md has it, with pandas and the standard library alone."""
    table, path = events
    frame = pd.read_parquet(path)
    said = json.loads(pq.read_metadata(path).metadata[KEY])
    assert said["verbatim"] == "verbatim_"
    assert frame.verbatim.tolist() == list(range(1300))
    for name in ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_btagDeepB"):
        grid, cells = said["columns"][name], np.concatenate(frame[name])
        assert cells.dtype == np.int32
        cells = cells.astype("int64")
        if grid["grid"] == "relative":
            values = np.sign(cells) * 2.0 ** ((abs(cells) - grid["base"]) * grid["step"])
        else:
            values = cells * grid["step"]
        spikes = np.array(grid["spikes"], "uint32").view("float32")
        values[cells > 2**30] = spikes[cells[cells > 2**30] - 2**30 - 1]
        right = pc.list_flatten(table[name]).to_numpy()
        assert (name == "Jet_btagDeepB") == np.any(values[cells > 2**30] == -1)
        coded = cells != 2**30
        assert coded.sum() >= len(cells) - 3
        error = abs(values - right)[coded] / (abs(right[coded]) if grid["grid"] == "relative" else 1)
        assert error.max() <= 1e-3


def test_the_command_writes_reads_and_describes_it(events, tmp_path, capsys):
    _, path = events
    source = str(path.with_name("in.parquet"))
    small = str(tmp_path / "small.parquet")
    assert main(["compress", source, small, "--coding", "parquet", "--bound", "1e-2"]) == 0
    assert "every value of 15 columns was decoded" in capsys.readouterr().out
    assert main(["decompress", small, str(tmp_path / "back.root"), "--columns", "Jet_*"]) == 0
    assert main(["info", small, "--check"]) == 0
    assert info.describe(small)["columns"]["Jet_phi"]["bound"] == "angle 0.01"
    for arguments, message in (
        (["--coding", "parquet", "--model", "x"], "leave out --model"),
        (["--coding", "parquet", "--level", "23"], "--level is 1 to 22"),
        (["--level", "3"], "--level is for --coding parquet"),
    ):
        assert main(["compress", source, str(tmp_path / "x"), *arguments]) == 2
        assert message in capsys.readouterr().err


def test_damage_is_refused(events, tmp_path):
    _, path = events
    content, target = path.read_bytes(), tmp_path / "damaged.parquet"
    for at in range(5, len(content) - 8, len(content) // 60):
        target.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        with pytest.raises(JetDataError, match=r"damaged\.parquet: "), open_compressed(target) as file:
            file.table()
        target.write_bytes(content[:at])
        with pytest.raises(JetDataError), open_compressed(target) as file:
            file.table()


CHANGES = [
    lambda said: said.update(version=2),
    lambda said: said.update(verbatim="nothing"),
    lambda said: said.update(columns=[]),
    lambda said: said["columns"].update(Jet_pt={}),
    lambda said: said["columns"]["Jet_pt"].update(step=0.0),
    lambda said: said["columns"]["Jet_pt"].update(spikes=[-1]),
    lambda said: said["columns"]["Jet_pt"].update(type="int8"),
    lambda said: said["columns"].update(run=said["columns"]["Jet_pt"]),
    lambda said: said["columns"]["Jet_pt"].update(bound="wide"),
    lambda said: said["about"].update(tree=3),
]


def test_metadata_of_strangers_is_refused(events, tmp_path):
    _, path = events
    table, said = pq.read_table(path), json.loads(pq.read_metadata(path).metadata[KEY])
    for change in CHANGES:
        hostile = json.loads(json.dumps({**said, "digest": "0" * 32}))
        change(hostile)
        with pq.ParquetWriter(tmp_path / "hostile", table.schema) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({KEY.decode(): json.dumps(hostile, separators=(",", ":"))})
        seal(tmp_path / "hostile")
        with pytest.raises(JetDataError, match=r"hostile: "):
            open_compressed(tmp_path / "hostile").table()


def test_a_value_that_does_not_come_back_never_leaves_the_house(tmp_path, monkeypatch):
    from atlas_keras.codec.columns.cells import Grid

    values = Grid.values
    monkeypatch.setattr(Grid, "values", lambda self, cells, verbatim: values(self, cells, verbatim) * 1.01)
    with pytest.raises(RunError, match="does not come back"):
        compressed(tmp_path, collision_events(20))
    assert not (tmp_path / "cells.parquet").exists()


def test_decompress_of_no_events(tmp_path):
    _, path = compressed(tmp_path, collision_events(5).slice(0, 0))
    assert decompress_columns(path, tmp_path / "back.parquet").n_events == 0
    assert pq.read_table(tmp_path / "back.parquet").schema.types == collision_events(1).schema.types
