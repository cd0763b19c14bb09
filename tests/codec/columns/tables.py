"""Tables of every kind of column, for the laws of files."""

import datetime
import decimal

import numpy as np
import pyarrow as pa


def jagged(counts, values):
    offsets = pa.array(np.append(0, np.cumsum(counts)).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(values))


def collision_events(n, seed=0):
    """Make events like those of an experiment: jets that know of each other, triggers, identity, weights, fillers."""
    rng = np.random.default_rng(seed)
    n_jets = rng.poisson(3, n)
    total = n_jets.sum()
    pt = np.float32(20) + rng.exponential(40, total).astype(np.float32)
    mass = (pt * rng.uniform(0.05, 0.2, total)).astype(np.float32)
    eta = rng.normal(0, 2, total).astype(np.float32)
    energy = np.hypot(pt * np.cosh(eta), mass).astype(np.float32)
    btag = np.where(rng.random(total) < 0.2, -1, rng.random(total)).astype(np.float32)
    n_muons = rng.poisson(0.5, n)
    return pa.table(
        {
            "run": pa.array(np.full(n, 316239, np.uint32)),
            "event": pa.array(np.arange(n, dtype=np.uint64) * 7 + 2**60),
            "nJet": pa.array(n_jets.astype(np.uint32)),
            "Jet_pt": jagged(n_jets, pt),
            "Jet_eta": jagged(n_jets, eta),
            "Jet_phi": jagged(n_jets, rng.uniform(-np.pi, np.pi, total).astype(np.float32)),
            "Jet_mass": jagged(n_jets, mass),
            "Jet_e": jagged(n_jets, energy),
            "Jet_btagDeepB": jagged(n_jets, btag),
            "Jet_nConstituents": jagged(n_jets, rng.poisson(pt / 4).astype(np.uint8)),
            "Muon_charge": jagged(n_muons, rng.choice([-1, 1], n_muons.sum()).astype(np.int32)),
            "HLT_PFJet40": pa.array(rng.random(n) < 0.3),
            "HLT_Never": pa.array(np.zeros(n, bool)),
            "genWeight": pa.array(rng.normal(1, 0.1, n)),
        }
    )


def all_types():
    """Make a column of every type, with empty lists, missing values and odd numbers."""
    nan = float("nan")
    return pa.table(
        {
            **{f"i{k}": pa.array([1, 0, 100], f"int{k}") for k in (8, 16, 32, 64)},
            **{f"u{k}": pa.array([2**k - 1, 0, 3], f"uint{k}") for k in (8, 16, 32, 64)},
            "low": pa.array([-(2**63), 2**63 - 1, 0]),
            "half": pa.array(np.array([1.5, np.nan, -0.0], np.float16)),
            "float": pa.array([nan, -0.0, float("inf")], pa.float32()),
            "double": pa.array([1e300, -5e-324, 0.1]),
            "flag": pa.array([True, False, True]),
            "text": pa.array(["a", "", "\u00fc" * 50]),
            "large text": pa.array(["x", "yy", ""], pa.large_string()),
            "bytes": pa.array([b"\xff\x00", b"", b"abc"]),
            "fixed": pa.array([b"ab", b"cd", b"ef"], pa.binary(2)),
            "lists": pa.array([[1, 2], [], [3]], pa.list_(pa.int16())),
            "lists of lists": pa.array([[[0.5], []], [], [[1.5, 2.5, nan]]], pa.list_(pa.list_(pa.float32()))),
            "lists of texts": pa.array([["a", "bc"], [], [""]]),
            "structs": pa.array([{"pt": 1.5, "id": 3}, {"pt": 2.5, "id": 4}, {"pt": 3.5, "id": 5}]),
            "lists of structs": pa.array([[{"pt": 1.5, "n": [1]}], [], [{"pt": 2.5, "n": []}] * 2]),
            "maps": pa.array([[("a", 1)], [], [("b", 2), ("c", 3)]], pa.map_(pa.string(), pa.int32())),
            "times": pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
            "days": pa.array([datetime.date(2026, 1, k) for k in (1, 2, 3)]),
            "decimals": pa.array([decimal.Decimal("1.50"), decimal.Decimal("-2.25"), decimal.Decimal("0.00")]),
            "words": pa.array(["a", "b", "a"]).dictionary_encode(),
            "\u00e4 name: with / marks": pa.array([1, 2, 3]),
        }
    )


def with_missing():
    """Make columns with missing values at every level."""
    return pa.table(
        {
            "numbers": pa.array([1.5, None, 3.5], pa.float32()),
            "integers": pa.array([None, None, 2**60]),
            "flags": pa.array([True, None, False]),
            "texts": pa.array(["a", None, ""]),
            "lists": pa.array([[1, None], None, []], pa.list_(pa.int32())),
            "lists of lists": pa.array([[[1.0, None], None], [], None], pa.list_(pa.list_(pa.float64()))),
            "structs": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": None}]),
            "nothing": pa.array([None, None, None], pa.int16()),
        }
    )


def balanced_events(n, seed=0):
    """Make events whose jets and missing momentum balance each other; phi and E stand before what they follow from."""
    rng = np.random.default_rng(seed)
    n_jets = rng.integers(1, 5, n)
    event = np.repeat(np.arange(n), n_jets)
    last = np.cumsum(n_jets) - 1
    momenta = rng.exponential(50, len(event)) * np.exp(1j * rng.uniform(-np.pi, np.pi, len(event)))
    missing = 20 * np.exp(1j * rng.uniform(-np.pi, np.pi, n))
    others = np.zeros(n, complex)
    np.add.at(others, event, momenta)
    momenta[last] = -missing - (others - momenta[last]) + rng.normal(0, 1, n)
    pt, phi = np.abs(momenta).astype(np.float32), np.angle(momenta).astype(np.float32)
    eta = rng.normal(0, 2, len(event)).astype(np.float32)
    energy = pt * np.cosh(eta.astype(float)) * np.exp(rng.exponential(0.003, len(event)))
    energy[::97], phi[::89], pt[::83] = 0, np.nan, np.inf
    lists = {"E": energy.astype(np.float32), "phi": phi, "eta": eta, "pt": pt}
    return pa.table(
        {
            **{f"Jet_{name}": jagged(n_jets, values) for name, values in lists.items()},
            "MET_pt": pa.array(np.abs(missing).astype(np.float32)),
            "MET_phi": pa.array(np.angle(missing).astype(np.float32)),
        }
    )
