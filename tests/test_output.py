"""Files and folders are whole or absent, have one writer at a time, and what was there survives failures and kills."""

import errno
import os
import signal

import pytest

from atlas_keras.errors import RunError
from atlas_keras.output import whole_file, whole_folder, write_json
from tests.light import FOLDER, STARTS, write_file, write_folder, write_killed


def read(path):
    return (path / "config.json" if path.is_dir() else path).read_text()


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def kill(write, path, text, moment):
    """Write in a process that ends itself by SIGKILL at a moment."""
    process = STARTS.Process(target=write_killed, args=(write, path, text, moment))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


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


WRITERS = pytest.mark.parametrize("write", [write_file, write_folder])
BEGIN = {write_file: whole_file, write_folder: lambda path, force=False: whole_folder(path, *FOLDER, force=force)}


@WRITERS
@pytest.mark.parametrize("force", [False, True])
def test_one_writes_at_a_time_and_the_second_is_told_before_it_has_worked(write, force, tmp_path):
    path = tmp_path / "name"
    with BEGIN[write](path, force=force) as unfinished:
        with pytest.raises(RunError, match=r"name: another process is writing it$"):
            write(path, "second", force=True)
        with pytest.raises(RunError, match=r"name: another process is writing it$"):
            write(path, "second")
        (unfinished / "config.json" if unfinished.is_dir() else unfinished).write_text("first")
    assert read(path) == "first"
    assert names(tmp_path) == ["name"]
    with pytest.raises(RunError, match="exists already"):
        write(path, "third")
    assert read(path) == "first"


def write_overtaken(write, path):
    with BEGIN[write](path) as unfinished:
        (unfinished / "config.json" if unfinished.is_dir() else unfinished).write_text("ours")
        path.write_text("theirs")


@WRITERS
def test_what_others_put_there_meanwhile_stays(write, tmp_path):
    """Programs that know of no lock."""
    path = tmp_path / "name"
    with pytest.raises(RunError, match="exists already"):
        write_overtaken(write, path)
    assert read(path) == "theirs"
    assert names(tmp_path) == ["name"]


def test_a_file_system_without_hard_links_is_good_enough(tmp_path, monkeypatch):
    def link(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "name"
    write_file(path, "first")
    with pytest.raises(RunError, match="exists already"):
        write_overtaken(write_file, tmp_path / "other")
    assert [read(tmp_path / name) for name in names(tmp_path)] == ["first", "theirs"]


MOMENTS = {
    write_file: ["before 1 atlas_keras.output:check_free", "before 1 os:fsync", "before 1 os:replace",
                 "after 1 os:replace"],
    write_folder: ["before 1 atlas_keras.output:move_folder", "before 1 os:replace", "after 1 os:replace",
                   "before 1 shutil:rmtree"],
}  # fmt: skip


@WRITERS
def test_the_next_writer_mends_what_a_killed_one_has_left(write, tmp_path):
    path = tmp_path / "name"
    for moment in MOMENTS[write]:
        write(path, "old", force=True)
        kill(write, path, "new", moment)
        assert names(tmp_path) != ["name"]
        with pytest.raises(RunError, match="exists already"), BEGIN[write](path):
            pass
        # What was there is there, or what has replaced it: never nothing, between two renamings neither.
        assert read(path) in {"old", "new"}, moment
        assert (read(path) == "new") == (moment == MOMENTS[write][-1]), moment
        write(path, "next", force=True)
        assert read(path) == "next"
        assert names(tmp_path) == ["name"]


def test_a_file_that_was_killed_with_two_names_keeps_its_own(tmp_path):
    """Without force, the name is given by a link, and the other name is then deleted."""
    path = tmp_path / "name"
    with whole_file(path) as unfinished:
        unfinished.write_text("whole")
        os.link(unfinished, tmp_path / "kept")
    os.link(tmp_path / "kept", unfinished)  # as a kill before the deletion leaves it
    with pytest.raises(RunError, match="exists already"), whole_file(path):
        pass
    assert read(path) == "whole"
    assert names(tmp_path) == ["kept", "name"]


def test_a_failure_leaves_no_folder_above_that_it_has_made(tmp_path):
    with pytest.raises(OSError, match="disk full"):
        write_and_fail(tmp_path / "runs" / "mine" / "file.txt")
    assert names(tmp_path) == []
    (tmp_path / "runs").mkdir()
    with pytest.raises(OSError, match="disk full"):
        write_and_fail(tmp_path / "runs" / "mine" / "file.txt")
    assert names(tmp_path) == ["runs"]


def test_the_users_own_files_beside_it_stay(tmp_path):
    for name in ("name.old", "name.unfinished", "name.lock", ".name.old"):
        (tmp_path / name).mkdir()
    before = names(tmp_path)
    for text in ("first", "second"):
        write_folder(tmp_path / "name", text, force=True)
    assert names(tmp_path) == [*before[:1], "name", *before[1:]]


def test_the_folder_where_one_stands_can_be_replaced(tmp_path, monkeypatch):
    write_folder(tmp_path / "run", "first")
    monkeypatch.chdir(tmp_path / "run")
    write_folder(type(tmp_path)("."), "second", force=True)
    assert read(tmp_path / "run") == "second"
    assert names(tmp_path) == ["run"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
@pytest.mark.parametrize("force", [False, True])
def test_a_pipe_or_device_is_never_replaced(force, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(RunError), whole_file(path, force=force):
        pass
    assert path.is_fifo()


def test_a_link_stays_and_what_it_names_is_written(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with whole_file(link, force=True) as unfinished:
        unfinished.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
