"""Read jets from ROOT files through uproot: CMS NanoAOD (GeV) and ATLAS DAOD_PHYSLITE (MeV), TTree or RNTuple.

Both store the mass; E is computed from it in double precision, a negative stored mass standing for a spacelike jet.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from atlas_keras.data.events import EventBatch, jagged
from atlas_keras.errors import JetDataError, MissingExtraError
from atlas_keras.kinematics import energy

try:
    import awkward as ak
    import uproot
except ImportError:
    ak = uproot = None

BATCH_EVENTS = 50_000


@dataclass(frozen=True)
class Layout:
    """Where a kind of ROOT file keeps its jets: names of the jets' branches, unit, branches that identify an event."""

    name: str
    unit: str
    pt: str
    eta: str
    phi: str
    mass: str
    identity: tuple[str, ...]


LAYOUTS = (
    Layout("NanoAOD", "GeV", "Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", ("run", "luminosityBlock", "event")),
    Layout(
        "DAOD_PHYSLITE",
        "MeV",
        "AnalysisJetsAuxDyn.pt",
        "AnalysisJetsAuxDyn.eta",
        "AnalysisJetsAuxDyn.phi",
        "AnalysisJetsAuxDyn.m",
        ("EventInfoAuxDyn.runNumber", "EventInfoAuxDyn.eventNumber", "EventInfoAuxDyn.mcEventNumber"),
    ),
)


def read_root(path: Path, columns: tuple[str, ...] = ()) -> Iterator[EventBatch]:
    """Read events from a NanoAOD or DAOD_PHYSLITE file, 50,000 at a time.

    Args:
        path: the file.
        columns: patterns (`*` and `?`) of further branches to keep, numbers or lists of numbers; the branches that
            identify an event are always kept.

    Raises:
        MissingExtraError: uproot is not installed.
        JetDataError: a damaged file, no known layout, a missing branch.
    """
    if uproot is None:
        raise MissingExtraError("Reading ROOT files", "root")
    try:
        with uproot.open(path) as file:
            tree, layout = _find(file, path)
            yield from _iterate(tree, layout, path, columns)
    except JetDataError:
        raise
    except Exception as error:  # uproot lets struct, zlib, lzma and numpy errors of damaged files through
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise JetDataError(f"{path}: the ROOT file is truncated or damaged ({reason})") from error


def _find(file: Any, path: Path) -> tuple[Any, Layout]:
    """Find the tree that holds jets in one of the known layouts."""
    nearest: tuple[str, Layout, list[str]] | None = None
    for key, kind in file.classnames(recursive=False).items():
        if kind != "TTree" and "RNTuple" not in kind:
            continue
        tree = file[key]
        names = set(tree.keys())
        for layout in LAYOUTS:
            missing = [name for name in (layout.pt, layout.eta, layout.phi, layout.mass) if name not in names]
            if not missing:
                return tree, layout
            if len(missing) < 4 and (nearest is None or len(missing) < len(nearest[2])):
                nearest = key, layout, missing
    if nearest:
        key, layout, missing = nearest
        raise JetDataError(f"{path}: tree {key} looks like {layout.name} but lacks the branch {', '.join(missing)}")
    known = " nor ".join(f"{layout.pt} ({layout.name})" for layout in LAYOUTS)
    raise JetDataError(f"{path}: no tree has the branch {known}")


def _iterate(tree: Any, layout: Layout, path: Path, columns: tuple[str, ...]) -> Iterator[EventBatch]:
    momentum = (layout.pt, layout.eta, layout.phi, layout.mass)
    names = list(tree.keys())
    kept = [n for n in names if n in layout.identity or any(fnmatch.fnmatchcase(n, c) for c in columns)]
    kept = [name for name in kept if name not in momentum]
    for start in range(0, tree.num_entries, BATCH_EVENTS):
        stop = min(start + BATCH_EVENTS, tree.num_entries)
        arrays = tree.arrays([*momentum, *kept], entry_start=start, entry_stop=stop)
        counts = ak.to_numpy(ak.num(arrays[layout.pt])).astype(np.int64)
        pt, eta, phi, mass = (ak.to_numpy(ak.flatten(arrays[name])).astype(np.float64) for name in momentum)
        jets = {"E": energy(pt, eta, mass), "pt": pt, "eta": eta, "phi": phi, "mass": mass}
        table = pa.table({name: jagged(values, counts) for name, values in jets.items()})
        for name in kept:
            table = table.append_column(name, ak.to_arrow(arrays[name], extensionarray=False, list_to32=True))
        yield EventBatch(table, tuple(jets), layout.unit, path, "event", np.arange(start + 1, stop + 1))
