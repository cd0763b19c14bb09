"""Files by URL, from a server in a thread of the test."""

import gc
import http.server
import re
import sys
import threading
import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from atlas_keras import decompress_columns, info, load_jets, open_compressed, read_events
from atlas_keras.data import remote
from atlas_keras.data.files import find_files
from atlas_keras.data.look import choose_collection
from atlas_keras.data.samples import SAMPLE
from atlas_keras.data.source import fingerprint
from atlas_keras.errors import JetDataError, MissingExtraError
from tests.data.test_formats import FRAME, WRITE
from tests.data.test_root import branches
from tests.data.test_root import write as write_root


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives files of a folder, in parts where they are asked for, and counts bytes."""

    folder, ranges, n_bytes, breaks = None, True, 0, False

    def do_HEAD(self):
        self.do_GET(False)

    def do_GET(self, body=True):
        path = self.folder / self.path.lstrip("/").partition("?")[0]
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        part = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if self.ranges else None
        start, stop = (int(part[1]), int(part[2] or len(content) - 1) + 1) if part else (0, len(content))
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        if self.ranges is not None:
            self.send_header("Accept-Ranges", "bytes" if self.ranges else "none")
        self.send_header("Content-Length", str(len(content[start:stop])))
        self.end_headers()
        if body:
            type(self).n_bytes += len(content[start:stop])
            self.wfile.write(content[start : stop - 10 if self.breaks else stop])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    Handler.folder = tmp_path_factory.mktemp("served")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@pytest.fixture
def served(server):
    """Return what puts a file there, and its URL."""
    Handler.ranges, Handler.n_bytes = True, 0

    def put(name):
        path = Handler.folder / name
        if name == "sample":
            path.write_bytes(SAMPLE.read_bytes())
        elif name in WRITE:
            WRITE[name](path, FRAME)
        else:
            write_root(path, name.partition(".")[0], branches())
        return server + name

    return put


@pytest.mark.parametrize("name", [*WRITE, "sample", "TTree.root", "RNTuple.root"])
def test_a_file_at_a_url_is_read_as_one_that_is_here(name, served, capsys):
    url, path = served(name), Handler.folder / name
    unit = None if name in ("sample", "TTree.root", "RNTuple.root") else "GeV"
    jets = load_jets(url, source_unit=unit)
    assert jets.equals(load_jets(path, source_unit=unit))
    assert len(jets) > 0
    assert fingerprint([url])["data_sha256"] == fingerprint([path])["data_sha256"]
    assert choose_collection(url, None, ["pt"]) == choose_collection(path, None, ["pt"])
    assert info.main([url, "--json"]) == 0
    of_url = capsys.readouterr().out
    assert info.main([str(path), "--json"]) == 0
    assert of_url == capsys.readouterr().out


@pytest.mark.parametrize("ranges", [False, None], ids=["says so", "does not say so"])
@pytest.mark.parametrize("name", ["a.parquet", "a.npz", "sample", "TTree.root"])
def test_a_server_that_gives_no_parts_gives_the_whole_once(name, ranges, served, monkeypatch):
    monkeypatch.setattr(remote, "BLOCK_BYTES", 1000)
    url = served(name)
    Handler.ranges = ranges
    unit = None if name in ("sample", "TTree.root") else "GeV"
    here = load_jets(Handler.folder / name, source_unit=unit)
    with warnings.catch_warnings(record=True, action="always", category=ResourceWarning) as left_open:
        assert load_jets(url, source_unit=unit).equals(here)
        gc.collect()
    assert left_open == []
    assert Handler.n_bytes < 3.1 * (Handler.folder / name).stat().st_size


def test_of_a_large_file_only_what_is_wanted_is_fetched(served, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    n = 500_000
    table = {name: rng.uniform(1, 2, n) for name in ("rest", "more", "pt", "other")}
    pq.write_table(pa.table(table), Handler.folder / "large.parquet", compression="none", use_dictionary=False)
    url = served("a.parquet").replace("a.parquet", "large.parquet")
    collection = choose_collection(url, None, ["pt"])
    (batch, *_) = read_events(url, collection=collection, unit="file", source_unit="GeV", others=False)
    np.testing.assert_array_equal(batch.jets()[:, 0], table["pt"][: batch.n_events])
    assert Handler.n_bytes < 0.8 * (Handler.folder / "large.parquet").stat().st_size


def test_what_a_url_does_not_give_is_told(served, server):
    with pytest.raises(JetDataError, match=rf"{server}gone\.csv: cannot be opened"):
        load_jets(f"{server}gone.csv")
    with pytest.raises(JetDataError, match=r"http://127.0.0.1:9/a\.csv: cannot be opened \(Cannot connect"):
        load_jets("http://127.0.0.1:9/a.csv")
    with pytest.raises(JetDataError, match="nobody knows how to read nowhere:// URLs"):
        load_jets("nowhere://a/b.csv")
    url = served("a.csv")
    (Handler.folder / "a.csv").write_text("pt,eta,phi,mass\n1,2,x,4\n")
    with pytest.raises(JetDataError, match=rf"{url}: line 2, column phi: 'x' is no number"):
        load_jets(url, source_unit="GeV")
    url = served("a.parquet")
    (Handler.folder / "a.parquet").write_bytes((Handler.folder / "a.parquet").read_bytes()[:-9])
    with pytest.raises(JetDataError, match=rf"{url}: is no Parquet file, or is truncated|damaged"):
        load_jets(url, source_unit="GeV")


@pytest.mark.parametrize("name", ["a.parquet", "a.npz", "a.h5", "a.csv.gz", "sample", "TTree.root"])
def test_a_connection_that_breaks_is_one_sentence(name, served, monkeypatch):
    url = served(name)
    monkeypatch.setattr(remote, "_gives_parts", lambda path: True)
    monkeypatch.setattr(Handler, "breaks", True)
    for read in (lambda: load_jets(url, source_unit="GeV"), lambda: info.describe(url)):
        with pytest.raises(JetDataError, match=f"^{url}: .+"):
            read()


def test_packages_that_urls_need_are_named(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "upath", None)
        with pytest.raises(MissingExtraError, match=r"Reading files by URL needs .*\[remote\]"):
            load_jets("https://example.org/a.csv")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    from fsspec.registry import _registry

    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(MissingExtraError, match=r"Reading files by URL needs .*\[remote\]"):
        load_jets("s3://bucket/a.csv")


def test_folders_and_patterns_of_a_store(tmp_path):
    """Of one in memory, as an object store has them."""
    store = MemoryFileSystem()
    for name in ("b.csv", "a.csv", "c.txt"):
        with store.open(f"/things/{name}", "wb") as file:
            file.write(FRAME.to_csv(index=False).encode() if name.endswith("csv") else b"hello")
    try:
        for what in ("memory://things", "memory://things/*.csv"):
            assert [file.name for file in find_files(what)] == ["a.csv", "b.csv"]
            assert len(load_jets(what, source_unit="GeV")) == 12
        with pytest.raises(JetDataError, match=r"memory://things/\*\.root"):
            find_files("memory://things/*.root")
    finally:
        store.rm("/things", recursive=True)


def test_the_url_of_a_path_has_its_server(tmp_path):
    """That of XRootD stands beside the path."""

    class Path:
        storage_options: ClassVar = {"hostid": "eos.cern.ch:1094"}

        def __str__(self):
            return "root:///eos/a.root"

    assert remote.url_of(Path()) == "root://eos.cern.ch:1094//eos/a.root"
    assert remote.url_of(tmp_path) == str(tmp_path)


def test_compressed_files_are_read_where_they_are(server, tmp_path):
    Handler.ranges, Handler.n_bytes = True, 0
    golden = Path(__file__).parents[1] / "codec" / "golden" / "v3_events.akc"
    (Handler.folder / golden.name).write_bytes(golden.read_bytes())
    with open_compressed(golden) as here, open_compressed(server + golden.name) as there:
        assert there.table("Jet_pt", 5, 9).equals(here.table("Jet_pt", 5, 9))
    decompress_columns(server + golden.name, tmp_path / "back.parquet", columns=["run"])
    assert pq.read_schema(tmp_path / "back.parquet").names == ["run"]
