"""What an evaluation on a cluster makes of tasks that came to nothing."""

from pathlib import Path
from types import SimpleNamespace

from atlas_keras.data.entry_ranges import EntryRange
from atlas_keras.distributed.evaluations import count_on, showing
from atlas_keras.distributed.scheduling import Outcome
from atlas_keras.evaluation.run_tally import NOTHING, total_of


def task(*parts, range_of=""):
    return {"parts": [{"number": number, "entries": entries} for number, entries in parts], "range_of": range_of}


class Lost:
    """Workers that end with every other task."""

    def run(self, job, tasks, files):
        for index in reversed(range(len(tasks))):
            yield index, Outcome(None, "4 workers were lost") if index % 2 else Outcome(NOTHING)


def test_files_whose_workers_are_lost_are_left_out_and_named():
    """Of a file in ranges once, and by the first of these."""
    ranges = [(number, EntryRange("/large.root", number, number + 1)) for number in (2, 3, 4, 5)]
    tasks = [task((0, EntryRange("/a.root"))), task((1, EntryRange("/b.root")))]
    tasks += [task(part, range_of="/large.root") for part in ranges]
    count = showing(count_on(Lost(), SimpleNamespace(path=Path("run")), None), progress=False)
    lost = "4 workers were lost"
    assert total_of(tasks, count(tasks)).errors == {1: f"/b.root: {lost}", 3: f"/large.root: {lost}"}
