"""The folder of a search has one search and one writer, however two of them begin."""

import pytest

from atlas_keras.errors import RunError
from tuning import search_folder as module
from tuning.search_folder import search_folder


def test_two_searches_in_one_folder(tmp_path):
    out = tmp_path / "search"
    with search_folder(out, {"seed": 0}, force=False, share=False):
        for settings in ({"seed": 0}, {"seed": 1}):
            with pytest.raises(RunError, match="search: another process is searching into this folder"):
                search_folder(out, settings, force=True, share=False).__enter__()
        with search_folder(out, {"seed": 0}, force=False, share=True):  # a worker of it
            pass
    assert [p.name for p in out.iterdir()] == ["search.json"]


def test_a_search_that_another_has_overtaken_does_not_discard_it(tmp_path, monkeypatch):
    """Both find an empty folder; the other one has begun and ended when the lock is ours."""
    out, locked = tmp_path / "search", module.locked

    def overtaken(*arguments):
        monkeypatch.setattr(module, "locked", locked)
        with search_folder(out, {"seed": 1}, force=False, share=False):
            (out / "trials.csv").write_text("theirs")
        return locked(*arguments)

    monkeypatch.setattr(module, "locked", overtaken)
    with pytest.raises(RunError, match="holds a search with other settings"):
        search_folder(out, {"seed": 0}, force=False, share=False).__enter__()
    assert (out / "trials.csv").read_text() == "theirs"
