"""Check two files of jets against each other without this package: `python independent.py A B E pt eta phi`.

Dark Machines text is read by plain Python; Parquet by pyarrow. Everything but E, pt, eta and phi has to be equal.
"""

import gzip
import math
import sys

import pyarrow.parquet as pq


def read_text(path):
    """Read events: what is beside the jets, and the jets."""
    events = []
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rt") as lines:
        for line in lines:
            fields = line.strip().rstrip(";").split(";")
            objects = [field.split(",") for field in fields[5:]]
            jets = [[float(x) for x in o[1:]] for o in objects if o[0] == "j"]
            others = [o if o[0] != "j" else "a jet" for o in objects]
            events.append(((fields[:2], [float(x) for x in fields[2:5]], others), jets))
    return events


def read_parquet(path):
    """Read events of a file with a row an event."""
    events = []
    for row in pq.read_table(path).to_pylist():
        jets = list(map(list, zip(*(row.pop(name) for name in ("E", "pt", "eta", "phi")), strict=True)))
        row.pop("mass", None)
        events.append((row, jets))
    return events


def read(path):
    """Read a file by its ending."""
    return read_parquet(path) if str(path).endswith(".parquet") else read_text(path)


def compare(a, b, limits):
    """Return the number of jets and the largest errors of events that were read, or fail."""
    assert len(a) == len(b), "number of events"
    largest, n = [0.0] * 4, 0
    for (beside_a, jets_a), (beside_b, jets_b) in zip(a, b, strict=True):
        assert beside_a == beside_b, (beside_a, beside_b)
        assert len(jets_a) == len(jets_b), "number of jets"
        for x, y in zip(jets_a, jets_b, strict=True):
            n += 1
            wrapped = abs(y[3] - x[3])
            errors = [abs(y[0] / x[0] - 1), abs(y[1] / x[1] - 1), abs(y[2] - x[2]), min(wrapped, 2 * math.pi - wrapped)]
            largest = [max(pair) for pair in zip(largest, errors, strict=True)]
    assert all(e <= limit * (1 + 1e-12) for e, limit in zip(largest, limits, strict=True)), (largest, limits)
    return n, largest


if __name__ == "__main__":
    print(*compare(read(sys.argv[1]), read(sys.argv[2]), [float(x) for x in sys.argv[3:7]]))
