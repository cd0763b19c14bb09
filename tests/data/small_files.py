"""Small files of many kinds, for tests: three events with two, no and one object."""

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot

JET = {
    "pt": [[50.0, 30.0], [], [40.0]],
    "eta": [[0.5, -1.0], [], [2.0]],
    "phi": [[3.0, -3.0], [], [0.0]],
    "mass": [[5.0, 3.0], [], [4.0]],
    "btagDeepB": [[0.25, -1.0], [], [0.75]],
    "nConstituents": [[12, 7], [], [20]],
    "isTight": [[True, False], [], [True]],
}
TYPES = {"nConstituents": "int32", "isTight": "bool"}
MUON = {"pt": [[9.0], [8.0, 7.0], []], "charge": [[1], [-1, 1], []]}
EVENT = {
    "run": np.array([1, 1, 1], np.uint32),
    "luminosityBlock": np.array([3, 3, 4], np.uint32),
    "event": np.array([5, 6, 7], np.uint64),
    "MET_pt": np.array([11.0, 12.0, 13.0], np.float32),
    "HLT_IsoMu24": np.array([True, False, True]),
}


def lists(values, name):
    """Return lists in the type that the column has."""
    default = "int32" if name == "charge" else "float32"
    return ak.values_astype(ak.Array(values), TYPES.get(name, default))


def columns(collection, prefix=""):
    """Return the lists of a collection by name."""
    return {prefix + name: lists(values, name) for name, values in collection.items()}


def add_ttree(file, name, arrays):
    """Write arrays into a TTree; what is zipped has a counter of its own, as NanoAOD has."""
    file.mktree(name, {n: a.type.content if hasattr(a, "type") else a.dtype for n, a in arrays.items()})
    file[name].extend(arrays)


def write_ttree(path, arrays, name="Events"):
    """Write a file with one TTree."""
    with uproot.recreate(path) as file:
        add_ttree(file, name, arrays)
    return path


def damaged_ttree(path):
    """Write a file with 3,000 events of `Jet_pt` and `x`; half of the basket of `Jet_pt` is zeros."""
    write_ttree(path, {"Jet_pt": ak.Array([[1.0, 2.0, 3.0]] * 3000), "x": np.arange(3000.0)})
    content = bytearray(path.read_bytes())
    with uproot.open(path) as file:
        (start,), (size,) = (file["Events"]["Jet_pt"].member(name)[:1] for name in ("fBasketSeek", "fBasketBytes"))
    content[start + size // 2 : start + size] = bytes(size - size // 2)
    path.write_bytes(content)
    return path


def write_rntuple(path, arrays, name="Events"):
    """Write a file with one RNTuple."""
    with uproot.recreate(path) as file:
        file.mkrntuple(name, ak.Array(arrays))
    return path


def write_parquet(path, table, **metadata):
    """Write a Parquet file: arrays by the names of columns, or a table."""
    table = table if isinstance(table, pa.Table) else pa.table(table)
    pq.write_table(table.replace_schema_metadata(metadata or None), path)
    return path


def arrow(collection, prefix=""):
    """Return the lists of a collection as Arrow has them, by name."""
    return {name: ak.to_arrow(array, extensionarray=False) for name, array in columns(collection, prefix).items()}


def nano_ttree(path):
    """Write what NanoAOD looks like."""
    return write_ttree(path, {"Jet": ak.zip(columns(JET)), "Muon": ak.zip(columns(MUON)), **EVENT})


def nano_rntuple(path):
    """Write NanoAOD as an RNTuple, without the counters of its collections."""
    return write_rntuple(path, {**columns(JET, "Jet_"), **columns(MUON, "Muon_"), **EVENT})


def nano_parquet(path):
    """Write NanoAOD as people convert it, with counters."""
    counters = {"nJet": [2, 0, 1], "nMuon": [1, 2, 0]}
    return write_parquet(path, {**counters, **arrow(JET, "Jet_"), **arrow(MUON, "Muon_"), **EVENT})


def struct_parquet(path):
    """Write collections as lists of structs, as awkward does."""
    jets, muons = (ak.to_arrow(ak.zip(columns(part)), extensionarray=False) for part in (JET, MUON))
    return write_parquet(path, {"Jet": jets, "Muon": muons, **EVENT})


def mini_tree(path):
    """Write lists beside each other, with a name in front."""
    return write_ttree(path, {**columns(JET, "jet_"), **columns(MUON, "mu_"), **EVENT})


NANO = {"TTree": nano_ttree, "RNTuple": nano_rntuple, "Parquet": nano_parquet}
WRITERS = {**NANO, "structs": struct_parquet, "mini-tree": mini_tree}
