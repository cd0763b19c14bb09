"""Files and folders are whole or absent, and what was there survives a failure."""

import pytest

from atlas_keras.errors import RunError
from atlas_keras.output import whole_file, whole_folder, write_json


def write_and_fail(path):
    with whole_file(path, force=True) as unfinished:
        unfinished.write_text("half")
        raise OSError("disk full")


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with whole_file(path) as unfinished:
        unfinished.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_file_survives_a_failure_and_is_replaced_by_force_alone(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("precious")
    with pytest.raises(RunError, match="--force"), whole_file(path):
        pass
    with pytest.raises(OSError, match="disk full"):
        write_and_fail(path)
    assert path.read_text() == "precious"
    write_json(path, {"a": 1})
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_is_replaced_by_one_of_its_kind_alone(tmp_path):
    path = tmp_path / "run"
    for text in ("first", "second"):
        with whole_folder(path, "config.json", "run", force=True) as unfinished:
            (unfinished / "config.json").write_text(text)
    assert (path / "config.json").read_text() == "second"
    with pytest.raises(RunError, match="--force"), whole_folder(path, "config.json", "run"):
        pass
    with pytest.raises(RunError, match="is no export"), whole_folder(path, "manifest.json", "export", force=True):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="no"), whole_folder(tmp_path / "run", "config.json", "run"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []
