"""Whole events as rows: the leading jets of each and its missing momentum, as encoders of triggers take them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from atlas_keras.data.paths import PathLike
from atlas_keras.data.readers import load_jets


def leading_objects(
    paths: PathLike | Sequence[PathLike] | None = None,
    unit: str = "GeV",
    *,
    n_jets: int = 10,
    eta_max: float = np.inf,
    source_unit: str | None = None,
) -> pd.DataFrame:
    """Load events with a row each: their jets of the largest pt, and the momentum that their jets miss.

    Args:
        paths: as in `load_jets`.
        unit: of energies, `MeV` or `GeV`.
        n_jets: how many jets a row has; those that an event lacks have zeros.
        eta_max: jets of a larger abs(eta) are left out, of the missing momentum, too.
        source_unit: of files that do not state theirs.

    Returns:
        Float32 columns `pt_1`, `phi_1`, `eta_1`, ... of each jet, `met` and `met_phi`: minus the sum of the transverse
        momenta of all jets. Events without a jet have no row.

    Raises:
        JetDataError: as of `load_jets`.

    Example:
        >>> events = leading_objects(n_jets=2)
        >>> events.shape, list(events.columns)
        ((4097, 8), ['pt_1', 'phi_1', 'eta_1', 'pt_2', 'phi_2', 'eta_2', 'met', 'met_phi'])
    """
    jets = load_jets(paths, unit, source_unit=source_unit)
    jets = jets[jets["eta"].abs() <= eta_max]
    jets = jets.sort_values(["event", "pt"], ascending=[True, False], kind="stable")
    event = np.unique(jets["event"], return_inverse=True)[1]
    n_events = int(event.max()) + 1
    rank = jets.groupby("event").cumcount().to_numpy()
    kept = rank < n_jets
    columns = {}
    for index in range(n_jets):
        for name in ("pt", "phi", "eta"):
            columns[f"{name}_{index + 1}"] = column = np.zeros(n_events, np.float32)
            chosen = kept & (rank == index)
            column[event[chosen]] = jets[name].to_numpy()[chosen]
    pt, phi = jets["pt"].to_numpy(), jets["phi"].to_numpy()
    x, y = (-np.bincount(event, pt * turned, n_events) for turned in (np.cos(phi), np.sin(phi)))
    columns |= {"met": np.hypot(x, y).astype(np.float32), "met_phi": np.arctan2(y, x).astype(np.float32)}
    return pd.DataFrame(columns)
