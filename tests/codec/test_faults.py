"""Damage, kills, full disks, hostile files: a clear error or the right data, and never half a file."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atlas_keras.codec import blocks, cutting, digest, files
from atlas_keras.codec.bounds import Bounds
from atlas_keras.codec.columns.files import compress_columns
from atlas_keras.codec.entropy_coding import EntropyCoding
from atlas_keras.codec.entropy_model.context import MissingMomentum
from atlas_keras.codec.files import compress_file, decompress_file, describe_file
from atlas_keras.codec.header import COLUMNS_KEY, KEY
from atlas_keras.codec.quantizer import JetQuantizer
from atlas_keras.compress import main as compress
from atlas_keras.data import whole_files
from atlas_keras.data.readers import read_events
from atlas_keras.data.samples import SAMPLE
from atlas_keras.decompress import main as decompress
from atlas_keras.errors import AtlasKerasError, JetDataError, RunError
from benchmarks import hostile
from tests.codec.columns.tables import collision_events
from tests.moments import HANG, run_killed
from tests.refusals import refused

NAMES = ["E", "pt", "eta", "phi"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file of 25 events with a column beside the jets."""
    path = tmp_path_factory.mktemp("source") / "in.parquet"
    table = next(read_events()).table.select([*NAMES, "MET", "METphi"]).slice(0, 25)
    pq.write_table(table.replace_schema_metadata({"unit": "MeV"}), path)
    return path


@pytest.fixture(scope="module", params=["entropy", "parquet", "lossless"])
def small(request, source, entropy_model, tmp_path_factory):
    """A compressed file, and what it decompresses to."""
    folder = tmp_path_factory.mktemp(request.param)
    bounds = None if request.param == "lossless" else Bounds.parse("1e-3")
    compress_file(entropy_model, source, folder / "small.jets", bounds, coding=request.param, jobs=1)
    decompress_file(folder / "small.jets", folder / "right.parquet", entropy_model)
    return folder / "small.jets", pq.read_table(folder / "right.parquet")


def right_or_error(path, right, entropy_model, target):
    """Decompress a damaged file: an error of ours and no target, or the right data. Tell which."""
    try:
        decompress_file(path, target, entropy_model, jobs=1)
    except AtlasKerasError as error:
        sentence = str(error)
    else:
        assert pq.read_table(target).equals(right)
        target.unlink()
        return "right"
    assert "\n" not in sentence
    assert not target.exists()
    return "error"


def step_of(path):
    """Every byte of the entropy-coded file; of the others, which have the same container, every third."""
    return 1 if "entropy" in str(path) else 3


def test_every_flipped_byte_is_an_error(small, entropy_model, tmp_path):
    path, right = small
    content, damaged = path.read_bytes(), tmp_path / "damaged.jets"
    rng = random.Random(0)
    for place in range(0, len(content), step_of(path)):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        damaged.write_bytes(flipped)
        assert right_or_error(damaged, right, entropy_model, tmp_path / "out.parquet") == "error", place


def test_every_truncation_is_an_error(small, entropy_model, tmp_path):
    path, right = small
    content, damaged = path.read_bytes(), tmp_path / "damaged.jets"
    for length in range(0, len(content), step_of(path)):
        damaged.write_bytes(content[:length])
        assert right_or_error(damaged, right, entropy_model, tmp_path / "out.parquet") == "error", length
    damaged.write_bytes(content + b"PAR1")
    assert right_or_error(damaged, right, entropy_model, tmp_path / "out.parquet") == "error"


def rewrite(path, target, change_header=None, change_table=None):
    """Write a compressed file anew, with other content and a digest that matches."""
    table, metadata = pq.read_table(path), pq.read_metadata(path).metadata
    header = json.loads(metadata[KEY])
    header["digest"] = "0" * 32
    if change_header:
        header = change_header(header)
    table = change_table(table) if change_table else table
    with pq.ParquetWriter(target, table.schema, store_schema=False) as writer:
        for row in range(table.num_rows):
            writer.write_table(table.slice(row, 1))
        writer.add_key_value_metadata({KEY.decode(): json.dumps(header, separators=(",", ":"))})
    digest.seal(target)


def test_a_rewritten_file_is_right(small, entropy_model, tmp_path):
    """What the tests below change is all that they change."""
    path, right = small
    rewrite(path, tmp_path / "same.jets")
    assert right_or_error(tmp_path / "same.jets", right, entropy_model, tmp_path / "out.parquet") == "right"


@pytest.fixture(scope="module")
def victims(entropy_model, tmp_path_factory):
    return hostile.make_victims(entropy_model, tmp_path_factory.mktemp("victims"))


def test_changed_files_behind_a_matching_digest_are_refused_in_a_sentence_or_hold_other_jets(
    victims, entropy_model, tmp_path
):
    """A few of the cases of `python -m benchmarks.hostile`, which runs many thousand."""
    found = Counter(hostile.attack(victims, entropy_model, 1, number, tmp_path) for number in range(300))
    assert len({kind for kind, _ in found}) == len(hostile.ATTACKS)
    assert sum(n for (_, outcome), n in found.items() if outcome == "refused") > 100


def test_words_that_nobody_wrote_are_refused(victims, entropy_model, tmp_path):
    """A range coder takes any words for symbols; each case cuts one to three words off, or adds as many."""
    for number in range(30):
        victim = victims[number % 2]
        assert victim.coding in ("entropy", "mass")
        path = tmp_path / "words.jets"
        hostile.change_words(victim, random.Random(number), path)
        hostile.repair(path)
        with pytest.raises(
            JetDataError, match=r"words\.jets: .*(more or fewer words|cannot be decoded|claims|events with)"
        ):
            decompress_file(path, tmp_path / "out.parquet", entropy_model, jobs=1)


@pytest.mark.parametrize("error", [IndexError("7"), AttributeError("x"), ZeroDivisionError(), KeyError("k")])
def test_whatever_decoding_raises_is_one_sentence(small, entropy_model, tmp_path, monkeypatch, error):
    def decode(*arguments):
        raise error

    monkeypatch.setattr(files, "decode_block", decode)
    path, _ = small
    with pytest.raises(JetDataError, match=rf"{path.name}: the compressed file is damaged"):
        decompress_file(path, tmp_path / "out.parquet", entropy_model, jobs=1)
    assert not (tmp_path / "out.parquet").exists()


def test_a_panic_of_the_range_coder_is_an_error(entropy_model):
    """Constriction's panics are no Exceptions; the type is made where it first panics."""

    class PanicException(BaseException):
        pass

    coding = EntropyCoding(JetQuantizer.of(Bounds.parse("1e-3"), entropy_model), entropy_model)
    content = coding.encode(np.zeros((0, 4), np.int64), np.zeros(3, np.int64), MissingMomentum.none(3))

    def panic(*arguments):
        raise PanicException("called `Option::unwrap()`")

    coding._walk_counts = panic
    with pytest.raises(JetDataError, match="a block cannot be decoded"):
        coding.decode(content, 3, MissingMomentum.none(3), 1000)


def test_what_a_header_says_is_compared_with_what_the_file_holds(small, entropy_model, tmp_path):
    path, _ = small
    for place, name in enumerate(["events", "jets", "jets stored as they are"]):

        def change(header, place=place):
            counts = [n + (index == place) for index, n in enumerate(header["counts"])]
            return {**header, "counts": counts}

        rewrite(path, tmp_path / "other.jets", change_header=change)
        with pytest.raises(JetDataError, match=rf"other\.jets: holds \d+ {name}, and says \d+$"):
            decompress_file(tmp_path / "other.jets", tmp_path / "out.parquet", entropy_model, jobs=1)
        assert not (tmp_path / "out.parquet").exists()


def test_bounds_that_the_steps_do_not_keep_are_refused(victims, entropy_model, tmp_path):
    """By everything that reads a header, `info` as well; narrower steps than needed are nobody's business."""
    for victim in victims[:3]:
        for place, factor in [(0, 0.5), (1, 0.9), (2, 0.5), (3, 0.99)]:

            def change(header, place=place, factor=factor):
                bounds = [x * (factor if index == place else 1) for index, x in enumerate(header["bounds"])]
                return {**header, "bounds": bounds}

            rewrite(victim.path, tmp_path / "other.jets", change_header=change)
            for read in (describe_file, lambda path: decompress_file(path, tmp_path / "out", entropy_model, jobs=1)):
                with pytest.raises(
                    JetDataError, match=r"other\.jets: the header says bounds that its steps do not keep"
                ):
                    read(tmp_path / "other.jets")


HOSTILE_HEADERS = [
    lambda h: {**h, "version": 3},
    lambda h: {**h, "version": 1},
    lambda h: {**h, "version": True},
    lambda h: {**h, "coding": "secret"},
    lambda h: {**h, "unit": "furlong"},
    lambda h: {**h, "counts": [h["counts"][0], -1, 0]},
    lambda h: {**h, "counts": [h["counts"][0], 1.5, 0]},
    lambda h: {**h, "counts": [h["counts"][0], 1 << 60, 0]},
    lambda h: {**h, "counts": h["counts"][:2]},
    lambda h: {**h, "counts": 3},
    lambda h: {**h, "origin": [*h["origin"][:2], "x"]},
    lambda h: {**h, "cut": -1},
    lambda h: {**h, "surprise": 1},
    lambda h: {**h, "bounds": "1e-3"},
    lambda h: {**h, "bounds": [1, 2, 3, 4]},
    lambda h: {**h, "schema": "27 variables"},
    lambda h: [h],
    lambda h: {k: v for k, v in h.items() if k != "coding"},
]


@pytest.mark.parametrize("change", HOSTILE_HEADERS)
def test_hostile_headers_are_refused(small, entropy_model, tmp_path, change):
    path, right = small
    rewrite(path, tmp_path / "hostile.jets", change_header=change)
    assert right_or_error(tmp_path / "hostile.jets", right, entropy_model, tmp_path / "out.parquet") == "error"


def absurd_block(table):
    """A block that claims four billion events and jets."""
    return table.set_column(0, "jet_coded", pa.array([b"\xff" * 64], pa.binary()))


HOSTILE_TABLES = {
    "entropy": [
        absurd_block,
        lambda t: t.set_column(0, "jet_coded", pa.array([None], pa.binary())),
        lambda t: t.set_column(0, "jet_coded", pa.array(["text"])),
        lambda t: t.drop_columns("jet_coded"),
        lambda t: pa.concat_tables([t, t]),
        lambda t: t.set_column(1, "MET", pa.array([[1.0, 2.0]])),
        lambda t: t.set_column(1, "MET", pa.array([None], pa.list_(pa.float64()))),
        lambda t: t.set_column(1, "MET", pa.array([1.0])),
    ],
    "parquet": [
        lambda t: t.set_column(1, "jet_pt", pa.array([[1] * 5], pa.list_(pa.int32()))),
        lambda t: t.set_column(0, "jet_counts", pa.array([[-5] * 25], pa.list_(pa.int32()))),
        lambda t: t.set_column(0, "jet_counts", pa.array([[None] * 25], pa.list_(pa.int32()))),
        lambda t: t.set_column(0, "jet_counts", pa.array([[2**31 - 1] * 25], pa.list_(pa.int32()))),
        lambda t: t.set_column(1, "jet_pt", pa.array([None], pa.list_(pa.int32()))),
        lambda t: t.set_column(1, "jet_pt", t["jet_pt"].cast(pa.list_(pa.float32()))),
        lambda t: t.set_column(5, "jet_exact", pa.array([b"\xff" * 40], pa.binary())),
    ],
    "lossless": [
        lambda t: t.set_column(5, "jet_scales", pa.array([None], pa.binary())),
        lambda t: t.set_column(5, "jet_scales", pa.array([b"\x01\x02"], pa.binary())),
        lambda t: t.set_column(5, "jet_scales", pa.array([b"\x64" * 4], pa.binary())),
    ],
}


def test_hostile_tables_are_refused(small, entropy_model, tmp_path):
    path, right = small
    for number, change in enumerate(HOSTILE_TABLES[path.parent.name.rstrip("0123456789")]):
        rewrite(path, tmp_path / "hostile.jets", change_table=change)
        outcome = right_or_error(tmp_path / "hostile.jets", right, entropy_model, tmp_path / "out.parquet")
        assert outcome == "error", number


def test_a_hostile_file_takes_no_memory(small, source, run_folder, tmp_path):
    """A block of four billion claimed jets is refused under a limit of memory that it would break."""
    path, _ = small
    if "entropy" not in path.parent.name:
        pytest.skip("the claim is in an entropy-coded block")

    def claim(table):
        content = table["jet_coded"][0].as_py()
        claiming = content[:8] + b"\xff\xff\xff\xff" + content[12:]  # length, events, jets
        return table.set_column(0, "jet_coded", pa.array([claiming], pa.binary()))

    rewrite(path, tmp_path / "hostile.jets", change_table=claim)
    command = [sys.executable, "-m", "atlas_keras.decompress", str(tmp_path / "hostile.jets")]
    done = subprocess.run(
        [*command, str(tmp_path / "out.parquet"), "--run", str(run_folder)], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.slow
def test_a_bomb_of_repeated_values_is_refused(entropy_model, source, tmp_path):
    """A few kB that claim a column of many zeros: the command stays below its limit and ends with a sentence."""
    compress_file(entropy_model, source, tmp_path / "small.jets", Bounds.parse("1e-3"), coding="parquet")

    def bomb(table):
        zeros = pa.array(np.zeros(1 << 26, np.int32))
        chunk = pa.ListArray.from_arrays(pa.array([0, len(zeros)], pa.int32()), zeros)
        return table.set_column(1, "jet_pt", chunk)

    rewrite(tmp_path / "small.jets", tmp_path / "bomb.jets", change_table=bomb)
    assert (tmp_path / "bomb.jets").stat().st_size < 1e6
    program = (
        "import sys; from atlas_keras import decompress; decompress.MAX_GIGABYTES = 0.6; "
        "sys.exit(decompress.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "bomb.jets"), str(tmp_path / "out.parquet")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out.parquet").exists()


@pytest.fixture
def packed(run_folder, tmp_path, monkeypatch):
    """A compressed file of more blocks than two processes hold at a time."""
    monkeypatch.setattr(cutting, "BLOCK_JETS", 2000)
    compress_file(run_folder, SAMPLE, tmp_path / "packed.jets", Bounds.parse("1e-3"), jobs=1)
    return tmp_path / "packed.jets"


MOMENTS = {  # before any file, with the file begun, with blocks written and others at work, at the end, with its name
    "compress": [
        "before 1 atlas_keras.codec.files:whole_file",
        "before 1 atlas_keras.codec.files:BlockWriter.write",
        "after 3 atlas_keras.codec.files:BlockWriter.write",
        "before 1 atlas_keras.codec.files:BlockWriter.close",
        "before 1 os:link",
        "after 1 os:link",
    ],
    "decompress": [
        "before 1 atlas_keras.codec.files:whole_file",
        "before 1 atlas_keras.codec.files:EventWriter.write",
        "after 3 atlas_keras.codec.files:EventWriter.write",
        "before 1 atlas_keras.codec.files:EventWriter.__exit__",
        "before 1 os:link",
        "after 1 os:link",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", MOMENTS)
def test_a_killed_command_leaves_the_target_absent_or_whole(command, packed, run_folder, tmp_path):
    """SIGKILL at each of these moments; no worker process survives, the source is as it was.

    What the killed ones leave beside the target is gone after the next command.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    source, target = (SAMPLE, folder / "again.jets") if command == "compress" else (packed, folder / "back.parquet")
    arguments = [run_folder, source, target, "--bound", "1e-3"]
    if command == "decompress":
        arguments = [source, target, "--run", run_folder]
    before = source.read_bytes()
    for moment in MOMENTS[command]:
        assert not target.exists()
        setup = "from atlas_keras.codec import cutting; cutting.BLOCK_JETS = 2000"
        process = run_killed(f"atlas_keras.{command}", [*arguments, "--jobs", "2"], moment, setup)
        wait_for_the_end_of_all(process.pid)
    check_whole(command, target, run_folder, tmp_path)
    assert source.read_bytes() == before
    assert len(list(folder.iterdir())) > 1
    main = compress if command == "compress" else decompress
    assert main([*map(str, arguments), "--force", "--jobs", "1"]) == 0
    assert list(folder.iterdir()) == [target]
    check_whole(command, target, run_folder, tmp_path)


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    """A table of columns, and the compressed file of it, in several blocks."""
    folder = tmp_path_factory.mktemp("columns")
    pq.write_table(collision_events(1200), folder / "in.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_files, "BLOCK_EVENTS", 300)
        compress_columns(folder / "in.parquet", folder / "in.akc")
    return folder


MOMENTS_OF_COLUMNS = {
    "compress": [
        "after 3 atlas_keras.codec.columns.container:StreamWriter.block",
        "before 1 atlas_keras.codec.columns.container:StreamWriter.close",
    ],
    "decompress": ["after 2 atlas_keras.data.parquet_writer:ParquetWriter.write"],
}


@pytest.mark.parametrize("command", MOMENTS_OF_COLUMNS)
def test_a_killed_command_leaves_no_half_of_a_file_of_columns(command, columns, tmp_path):
    """Other moments are those of every file that is written, which `test_output` has."""
    names = ("in.parquet", "out.akc") if command == "compress" else ("in.akc", "out.parquet")
    source, target = columns / names[0], tmp_path / names[1]
    setup = "from atlas_keras.data import whole_files; whole_files.BLOCK_EVENTS = 300"
    for moment in MOMENTS_OF_COLUMNS[command]:
        run_killed(f"atlas_keras.{command}", [source, target], moment, setup)
        assert not target.exists()
    assert len(list(tmp_path.iterdir())) > 0
    assert (compress if command == "compress" else decompress)([str(source), str(target)]) == 0
    assert list(tmp_path.iterdir()) == [target]


@pytest.fixture
def no_room():
    """Let every file that this process writes have 8,000 bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["out.akc", "out.parquet", "out.csv", "out.root"])
def test_a_disk_without_room_leaves_no_columns(name, columns, tmp_path, no_room, capsys):
    target = tmp_path / name
    target.write_bytes(b"precious")
    main, source = (compress, "in.parquet") if name == "out.akc" else (decompress, "in.akc")
    chosen = ["--columns", "Jet_*"] if name == "out.csv" else []
    assert "File too large" in refused(main, [columns / source, target, "--force", *chosen], capsys)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_of_two_commands_that_write_one_file_the_second_is_told(
    command, run_folder, source, entropy_model, tmp_path, monkeypatch, capsys
):
    """The second one begins when the first has written a block; --force makes no difference."""
    packed, target = tmp_path / "packed.jets", tmp_path / "folder" / "target.parquet"
    compress_file(entropy_model, source, packed, Bounds.parse("1e-3"))
    arguments = [packed, target, "--run", run_folder]
    main, writer = decompress, files.EventWriter
    if command == "compress":
        arguments, main, writer = [run_folder, source, target, "--bound", "1e-3"], compress, files.BlockWriter
    arguments, write, codes = [*map(str, arguments)], writer.write, []

    def write_and_begin_another(*args):
        write(*args)
        codes.extend(main([*arguments, *options]) for options in ([], ["--force"]))

    monkeypatch.setattr(writer, "write", write_and_begin_another)
    assert main(arguments) == 0
    assert codes == [1, 1]
    assert capsys.readouterr().err == f"atlas-keras {command}: {target}: another process is writing it\n" * 2
    assert list(target.parent.iterdir()) == [target]
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err


def check_whole(command, target, run_folder, folder):
    if command == "decompress":
        assert pq.read_table(target).num_rows == 4097
    else:
        back = decompress_file(target, folder / "check.parquet", run_folder, force=True)
        assert back.header.n_jets == 20_002


def wait_for_the_end_of_all(session):
    """Wait until no process of a session is left: workers notice the end of the one that they work for."""
    started = time.monotonic()
    while left := list(processes_of(session)):
        assert time.monotonic() - started < HANG, left
        time.sleep(0.01)


def processes_of(session):
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, its_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:  # it has ended meanwhile
                continue
            if int(its_session) == session and state != "Z":
                yield entry.name


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 kB, where this machine lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine does not let the tests mount a file system")
    yield folder
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], capture_output=True)
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_nothing_and_says_so(tiny_disk, run_folder, tmp_path, capsys):
    existing = tiny_disk / "there.jets"
    existing.write_bytes(b"precious")
    for target in (tiny_disk / "new.jets", existing):
        code = compress([str(run_folder), str(SAMPLE), str(target), "--bound", "1e-3", "--force"])
        assert code == 1
        assert "No space left" in capsys.readouterr().err
    assert [p.name for p in tiny_disk.iterdir()] == ["there.jets"]
    assert existing.read_bytes() == b"precious"
    packed = tmp_path / "packed.jets"
    assert compress([str(run_folder), str(SAMPLE), str(packed), "--bound", "1e-3"]) == 0
    for ending in ("parquet", "csv", "csv.gz"):
        assert decompress([str(packed), str(tiny_disk / f"back.{ending}"), "--run", str(run_folder)]) == 1
        assert "No space left" in capsys.readouterr().err
    assert [p.name for p in tiny_disk.iterdir()] == ["there.jets"]


def test_a_read_only_folder_is_told(tiny_disk, run_folder, source, capsys):
    if subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], capture_output=True).returncode:
        pytest.skip("this machine does not let the tests remount a file system")
    said = refused(compress, [run_folder, source, tiny_disk / "new.jets", "--bound", "1e-3"], capsys)
    assert "Read-only file system" in said


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["RUN", "IN", "OUT"], 2, "one --bound"),
        (["SAMPLE", "OUT", "--bound", "1e-3"], 2, "RUN IN OUT"),
        (["RUN", "IN", "OUT", "--bound", "fine"], 2, "no number"),
        (["RUN", "IN", "OUT", "--bound", "1e-3", "--lossless"], 2, "not allowed"),
        (["RUN", "IN", "OUT", "--bound", "1e-3", "--level", "0"], 2, "1 to 22"),
        (["IN", "OUT", "--run", "RUN", "--lossless"], 2, "--lossless learns nothing"),
        (["IN", "OUT", "--run", "nowhere", "--bound", "1e-3"], 1, "entropy_model.npz: no such file"),
        (["IN", "OUT", "--run", "RUN", "--bound", "1e-3", "--model", "IN"], 2, "are for whole files"),
        (["IN", "OUT", "--invalid", "drop"], 2, "--invalid drop is for jets"),
        (["RUN", "IN", "OUT", "--bound", "1e-3", "--jobs", "0"], 2, "at least 1"),
        (["nowhere", "IN", "OUT", "--bound", "1e-3"], 1, "entropy_model.npz: no such file"),
        (["RUN", "nowhere", "OUT", "--bound", "1e-3"], 1, "nowhere: no such file"),
        (["RUN", "IN", "IN", "--bound", "1e-3"], 1, "is what is read"),
        (
            ["RUN", "nonsense", "OUT", "--bound", "1e-3"],
            1,
            "neither a table with a line of names nor Dark Machines text",
        ),
    ],
)
def test_errors_are_one_sentence(arguments, code, message, run_folder, source, tmp_path, capsys):
    (tmp_path / "nonsense").write_text("this is no jet\n")
    names = {
        "SAMPLE": SAMPLE,
        "RUN": run_folder,
        "IN": source,
        "OUT": tmp_path / "out.jets",
        "nonsense": tmp_path / "nonsense",
    }
    arguments = [str(names.get(a, a)) for a in arguments]
    if message == "not allowed":  # argparse says it, with the usage
        with pytest.raises(SystemExit, match="2"):
            compress(arguments)
        assert message in capsys.readouterr().err
    else:
        assert message in refused(compress, arguments, capsys, code)
    assert not (tmp_path / "out.jets").exists()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 5, b"hello world, I am no file of jets"])
def test_other_files_are_told_apart(content, tmp_path, capsys):
    (tmp_path / "other").write_bytes(content)
    assert decompress([str(tmp_path / "other"), str(tmp_path / "out.csv")]) == 1
    assert "is no compressed file, or is truncated" in capsys.readouterr().err


def test_a_parquet_file_of_others_is_told_apart(source, tmp_path, capsys):
    assert decompress([str(source), str(tmp_path / "out.csv")]) == 1
    assert "is no file of `atlas_keras.compress`" in capsys.readouterr().err


def test_a_jet_that_breaks_its_bound_never_leaves_the_house(entropy_model, source, tmp_path, monkeypatch):
    """If decoding were wrong, compress would notice: jets are stored as they are, or nothing is written."""
    from atlas_keras.codec.quantizer import JetQuantizer

    decode = JetQuantizer.dequantize
    wrong = np.array([1.01, 1, 1, 1])
    monkeypatch.setattr(JetQuantizer, "dequantize", lambda self, cells: decode(self, cells) * wrong)
    summary = compress_file(entropy_model, source, tmp_path / "out.jets", Bounds.parse("1e-3"))
    assert summary.header.n_exact == summary.header.n_jets
    monkeypatch.setattr(blocks, "unpack_jets", lambda content, n: (np.zeros(0, int), np.zeros((0, 4))))
    with pytest.raises(RunError, match="do not come back"):
        compress_file(entropy_model, source, tmp_path / "wrong.jets", Bounds.parse("1e-3"))
    assert not (tmp_path / "wrong.jets").exists()


@pytest.mark.parametrize(
    "said",
    [
        {"renamed": {"MET": "pt"}},
        {"renamed": {"absent": "x"}},
        {"renamed": ["MET"]},
        {"jets": "MET"},
        {"jets": {"MET": 1}},
        {"jets": ["absent"]},
    ],
)
def test_what_a_file_says_of_other_columns_cannot_stand_for_the_jets(victims, entropy_model, tmp_path, said):
    for victim in victims:
        table, metadata = hostile.parts_of(victim)
        hostile.write(tmp_path / "forged.jets", table, {**metadata, COLUMNS_KEY: json.dumps(said).encode()})
        digest_of = tmp_path / "forged.jets"
        hostile.repair(digest_of)
        with pytest.raises(JetDataError, match=r"forged\.jets: what the file says of its columns is damaged"):
            describe_file(digest_of)


def test_a_column_called_as_those_of_the_jets_is_damage(victims, entropy_model, tmp_path):
    table, metadata = hostile.parts_of(victims[0])
    table = table.rename_columns(["pt" if name == "MET" else name for name in table.column_names])
    hostile.write(tmp_path / "forged.jets", table, metadata)
    hostile.repair(tmp_path / "forged.jets")
    with pytest.raises(JetDataError, match="what the file says of its columns is damaged"):
        decompress_file(tmp_path / "forged.jets", tmp_path / "out.parquet", entropy_model, jobs=1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_a_pipe_is_no_compressed_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(JetDataError, match="pipe: is no file"):
        describe_file(tmp_path / "pipe")
