"""Learn the entropy model of all variables from events: the training split of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from atlas_keras.codec.entropy_model.arithmetic import TURN, signed_turn, to_turn
from atlas_keras.codec.entropy_model.context import CUT, EventContext, MissingMomentum, count_features, cut_events
from atlas_keras.codec.entropy_model.model import MAX_COUNT, ConditionalHistogram, EntropyModel, quantile_edges
from atlas_keras.codec.entropy_model.tree import grow
from atlas_keras.data.events import EventBatch, follow
from atlas_keras.kinematics import momentum
from atlas_keras.schema import FOUR_MOMENTUM, Collection, unit_factor

N_BINS = 32
MAX_JETS = 500_000  # more would hardly sharpen the trees, and takes seconds
MIN_EXCESS = 1e-12  # of E/p - 1; massless and spacelike jets count as this

# Edges outside of the data: jets down to an eV and up to a PeV, |eta| to 12, m/p from 1e-6 to 150.
LOG_PT = np.concatenate([np.linspace(-14, 6, 11), np.arange(6.5, 17, 0.25), np.linspace(17.5, 21, 8)])
ETA = np.concatenate([np.linspace(-12, -6, 4), np.arange(-5.5, 5.6, 0.25), np.linspace(6, 12, 4)])
LOG_RATIO = np.concatenate([np.linspace(-14, -6, 9), np.arange(-5.5, 0.1, 0.25), np.linspace(0.5, 5, 10)])


@dataclass(frozen=True)
class EventTable:
    """Events in memory as the entropy model see them.

    Args:
        n_jets: of each event, shape `(n_events,)`.
        jets: E, pt [MeV], eta, phi [rad], float64, shape `(n_jets, 4)`.
        missing: of each event.
    """

    n_jets: NDArray[np.int64]
    jets: NDArray[np.float64]
    missing: MissingMomentum


def missing_momentum(table: pa.Table, unit: str) -> MissingMomentum:
    """Take the missing transverse momentum of events: the columns `MET` and `METphi`, where there are such numbers.

    Args:
        table: a row an event.
        unit: of `MET`.
    """
    for name in ("MET", "METphi"):
        if name not in table.column_names or not pa.types.is_floating(table.schema.field(name).type):
            return MissingMomentum.none(table.num_rows)
    met, phi = (table[name].to_numpy().astype(np.float64) for name in ("MET", "METphi"))
    return MissingMomentum(met * unit_factor(unit, "MeV"), phi)


def can_fit(collection: Collection) -> bool:
    """Tell whether jets of such columns have what an entropy model is fitted to: a four-momentum."""
    return follow(FOUR_MOMENTUM, collection)


def four_momenta(collection: Collection) -> Collection:
    """Return the four-momenta of the objects of a collection, which an entropy model is fitted to."""
    return replace(FOUR_MOMENTUM, name=collection.name)


def collect_events(batches: Iterable[EventBatch], chosen: NDArray[np.bool_]) -> EventTable:
    """Gather the chosen events of all batches in MeV, up to some half a million jets.

    Args:
        batches: in the order of the files, in their own units.
        chosen: which events, shape `(n_events,)` of all batches together.
    """
    counts, jets, met, phi = [], [], [], []
    first = total = 0
    for batch in batches:
        keep = chosen[first : first + batch.n_events]
        first += batch.n_events
        missing = missing_momentum(batch.table, batch.unit)
        factor = unit_factor(batch.unit, "MeV")
        counts.append(batch.counts[keep])
        jets.append(batch.jets()[np.repeat(keep, batch.counts)] * [factor, factor, 1, 1])
        met.append(missing.met[keep])
        phi.append(missing.phi[keep])
        total += len(jets[-1])
        if total >= MAX_JETS:
            break
    return EventTable(
        np.concatenate(counts), np.concatenate(jets), MissingMomentum(np.concatenate(met), np.concatenate(phi))
    )


def fit_entropy_model(events: EventTable) -> EntropyModel:
    """Fit the entropy model, for files with missing momentum and for files without.

    Args:
        events: of the training split; at least one jet.
    """
    variants = [events.missing]
    if np.any(events.missing.met > 0):
        variants.append(MissingMomentum.none(len(events.n_jets)))
    seen = [Observations.of(events, missing) for missing in variants]

    def fit(name: str, outside: NDArray[np.float64], n_bins: int = N_BINS) -> ConditionalHistogram:
        x = np.concatenate([o.values[name] for o in seen])
        edges = quantile_edges(x, n_bins, outside)
        features = [np.concatenate(columns) for columns in zip(*(o.features[name] for o in seen), strict=True)]
        bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
        # eta and rho hardly know of the missing momentum: to them the variants are the same jets twice.
        weight = 1 / len(variants) if name in ("eta", "rho") else 1.0
        return ConditionalHistogram(edges, grow(features, bins, len(edges) - 1, weight))

    rho = fit("rho", LOG_RATIO, n_bins=48)
    phi = fit("phi", np.zeros(0))
    phi.edges[0], phi.edges[-1] = -np.pi, np.pi
    return EntropyModel(
        n_jets=_fit_counts(events, variants),
        pt=fit("pt", LOG_PT),
        eta=fit("eta", ETA),
        phi=phi,
        rho=rho,
        excess_edges=0.5 * np.log1p(np.exp(2 * rho.edges)),
    )


def _fit_counts(events: EventTable, variants: list[MissingMomentum]) -> ConditionalHistogram:
    edges = np.arange(MAX_COUNT + 2, dtype=np.float64)
    features = [np.concatenate([count_features(missing)[0] for missing in variants])]
    bins = np.tile(np.minimum(events.n_jets, MAX_COUNT), len(variants))
    return ConditionalHistogram(edges, grow(features, bins, len(edges) - 1))


@dataclass(frozen=True)
class Observations:
    """What is seen of every jet: for each variable the value and the features that it may depend on."""

    values: dict[str, NDArray[np.float64]]
    features: dict[str, list[NDArray[np.int16]]]

    @classmethod
    def of(cls, events: EventTable, missing: MissingMomentum) -> Observations:
        """Go through the events jet by jet, as a decoder does, all events at once."""
        stages = list(_stages(events, missing))
        names = stages[0].values
        values = {name: np.concatenate([s.values[name] for s in stages]) for name in names}
        features = {
            name: [np.concatenate(c) for c in zip(*(s.features[name] for s in stages), strict=True)] for name in names
        }
        return cls(values, features)


def _stages(events: EventTable, missing: MissingMomentum) -> Iterator[Observations]:
    n_jets, missing = cut_events(events.n_jets, missing, CUT)
    start = np.cumsum(n_jets) - n_jets
    active = np.flatnonzero(n_jets > 0)
    context = EventContext(missing.take(active), n_jets[active])
    while len(active):
        E, pt, eta, phi = events.jets[start[active] + context.rank].T
        log_pt = np.log(pt)
        excess = np.log(np.maximum(E / momentum(pt, eta), 1 + MIN_EXCESS))
        features = {"pt": context.pt_features(), "eta": context.eta_features(log_pt)}
        features["phi"] = context.phi_features(eta)
        away: NDArray[np.float64] = signed_turn(to_turn(phi) - context.recoil) * np.float64(2 * np.pi / TURN)
        features["rho"] = context.rho_features(phi)
        yield Observations({"pt": log_pt, "eta": eta, "phi": away, "rho": 0.5 * np.log(np.expm1(2 * excess))}, features)
        keep = n_jets[active] > context.rank + 1
        context.advance(log_pt, keep)
        active = active[keep]
