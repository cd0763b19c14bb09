"""JSON of strangers: whatever is wrong with it, every reader says so in one short sentence with the file's name."""

import json
import shutil
from argparse import Namespace
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras import export
from atlas_keras.codec.header import Header
from atlas_keras.codec.other_columns import OtherColumns
from atlas_keras.config import read_config
from atlas_keras.data.readers import read_events
from atlas_keras.errors import AtlasKerasError, RunError
from atlas_keras.evaluation.reference import Reference
from atlas_keras.evaluation.run import load_run
from atlas_keras.json_files import DEEPEST, parse_json, read_json
from atlas_keras.serving.opening import read_metadata
from atlas_keras.serving.saved_model import ASSET
from atlas_keras.training.checkpoint import Checkpoint
from atlas_keras.training.run_folder import run_folder
from atlas_keras.training.space import read_space
from tuning.search_folder import search_folder

RUN = Path(__file__).parents[1] / "exports" / "kinematic" / "run"
WRONG = {
    "nothing": b"",
    "half": b'{"data": ',
    "no text": b"\xff\xfe{}\x80",
    "text": b'"data"',
    "null": b"null",
    "a list": b"[[]]",
    "a long number": b"1" * 5000,
    "a long text": json.dumps({"model": {"preset": "x" * 10**6}, "preset": "y" * 10**6, "z" * 10**6: 1}).encode(),
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"data":' * 100_000,
    "closed deep lists": b"[" * 5000 + b"]" * 5000,
    "lists that Python just reads": b'{"model": ' + b"[" * 300 + b"]" * 300 + b"}",
}


def in_file(name, read):
    def read_it(folder, content):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        read(folder / name)

    return read_it


def read_begun(path):
    with run_folder(path.parents[1] / "run", {}, force=False):
        pass


def read_settings(path):
    with search_folder(path.parent, {}, force=False, share=False):
        pass


def load_metrics(path):
    shutil.copy(RUN / "config.json", path.parent)
    load_run(path.parent)


def export_metrics(path):
    shutil.copy(RUN / "config.json", path.parent)
    shutil.copy(RUN / "model.keras", path.parent)
    export._read(Namespace(run=path.parent, data=None))


def restore(folder, content):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    state = Checkpoint(folder / "checkpoint.npz", model)
    state.save([])
    arrays = dict(np.load(folder / "checkpoint.npz")) | {"history": np.array(content.decode(errors="replace"))}
    np.savez(folder / "checkpoint.npz", **arrays)
    state.restore()


def read_jet_columns(folder, content):
    columns = {name: [[1.0]] for name in ("E", "pt", "eta", "phi")}
    table = pa.table(columns).replace_schema_metadata({b"unit": b"GeV", b"jet_columns": content})
    pq.write_table(table, folder / "a.parquet")
    next(read_events(folder / "a.parquet"))


READERS = {
    "config": in_file("config.json", read_config),
    "space": in_file("space.json", read_space),
    "reference": in_file("reference.json", Reference.read),
    "metrics of a run": in_file("run/metrics.json", load_metrics),
    "metrics of a run to export": in_file("run/metrics.json", export_metrics),
    "unfinished run": in_file("run.unfinished/begun.json", read_begun),
    "search": in_file("search/search.json", read_settings),
    "export": in_file(f"export/{ASSET}", lambda path: read_metadata(path.parents[1])),
    "checkpoint": restore,
    "jet_columns of Parquet": read_jet_columns,
    "header": lambda folder, content: Header.from_json(content, str(folder)),
    "other columns": lambda folder, content: OtherColumns.from_json(content, folder),
}
SOUND = {  # names of columns, nothing to remember, keys that nobody asks for
    "jet_columns of Parquet": {"a list", "text", "a long text", "lists that Python just reads"},
    "other columns": {"nothing", "a long text", "lists that Python just reads"},
    "export": {"a long text"},
    "metrics of a run to export": {"a long text"},
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("wrong", WRONG)
def test_every_reader_tells_it_in_a_sentence(reader, wrong, tmp_path):
    try:
        READERS[reader](tmp_path, WRONG[wrong])
    except AtlasKerasError as error:
        sentence = str(error)
        assert str(tmp_path) in sentence
        assert "\n" not in sentence
        assert len(sentence) < len(str(tmp_path)) + 400
    else:
        assert wrong in SOUND.get(reader, ())


@pytest.mark.parametrize("levels", [1, 50, DEEPEST, DEEPEST + 1, 300])
@pytest.mark.parametrize("kind", ["[%s]", '{"a": %s}', '[1, {"a": [], "b": %s}]'])
def test_levels_are_limited_long_before_python_limits_them(levels, kind):
    text = "0"
    for _ in range(levels // (2 if "b" in kind else 1)):
        text = kind % text
    deep = levels > DEEPEST
    if deep and ("b" not in kind or levels > DEEPEST + 1):
        with pytest.raises(ValueError, match="too many levels of nesting"):
            parse_json(text)
    else:
        assert json.dumps(parse_json(text)) == text


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "a.json", RunError, "") == {"a": 1}


def test_what_is_no_file_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(RunError, match=rf"^{path}: .*; come again$"):
            read_json(path, RunError, "come again")
