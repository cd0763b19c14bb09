"""Jets far outside of any data set, for which exports are compared with the model as well."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from atlas_keras.kinematics import momentum
from atlas_keras.models.architecture import ModelFacts
from atlas_keras.schema import FOUR_MOMENTUM, unit_factor

PT = (5.0, 1e7)  # MeV: 5 MeV to 10 TeV
ETA = 5.0
RHO = 2.0  # E/p = 7.4


def extreme_rows(facts: ModelFacts, train: NDArray[np.float32], n_jets: int) -> NDArray[np.float32]:
    """Draw jets far outside of the data that a model was trained on: of four-momenta `extreme_jets`.

    Of other columns, each is drawn on its own: energies uniform in their logarithm, from a tenth of the smallest of the
    training to ten times the largest; angles over the whole circle; others as far again beyond both ends as these are
    apart.

    Args:
        facts: columns and unit of the model.
        train: the training split, shape `(n_jets, n_columns)`.
        n_jets: at least 1000.
    """
    if facts.collection.names == FOUR_MOMENTUM.names:
        return extreme_jets(n_jets, facts.unit)
    rng = np.random.default_rng(0)
    columns = []
    for column, values in zip(facts.collection, np.asarray(train, np.float64).T, strict=True):
        low, high = values.min(), values.max()
        if column.is_logarithmic:
            columns.append(10 ** rng.uniform(np.log10(low) - 1, np.log10(high) + 1, n_jets))
        elif column.periodic:
            columns.append(rng.uniform(-np.pi, np.pi, n_jets))
        else:
            columns.append(rng.uniform(2 * low - high, 2 * high - low, n_jets))
    return np.column_stack(columns).astype(np.float32)


def extreme_jets(n_jets: int = 100_000, unit: str = "MeV", seed: int = 0) -> NDArray[np.float32]:
    """Draw jets with pt from 5 MeV to 10 TeV, |eta| to 5 and rho = sqrt(2 ln(E/p)) to 2.

    Half of them have rho uniform, half uniform in its logarithm from 1e-4. Some are massless, some slightly spacelike,
    as files of few digits have them; some have phi = pi or -pi; the corners of the range are among them.

    Args:
        n_jets: at least 1000.
        unit: of E and pt, `MeV` or `GeV`.
        seed: of the random numbers.

    Returns:
        Shape `(n_jets, 4)`: E, pt [unit], eta, phi [rad].
    """
    rng = np.random.default_rng(seed)
    pt = 10 ** rng.uniform(np.log10(PT[0]), np.log10(PT[1]), n_jets)
    eta, phi = rng.uniform(-ETA, ETA, n_jets), rng.uniform(-np.pi, np.pi, n_jets)
    rho = rng.uniform(0, RHO, n_jets)
    rho[::2] = 10 ** rng.uniform(-4, np.log10(RHO), len(rho[::2]))
    rho[: n_jets // 50] = 0
    phi[n_jets // 3 : n_jets // 3 + n_jets // 50 : 2] = np.pi
    phi[n_jets // 3 + 1 : n_jets // 3 + n_jets // 50 : 2] = -np.pi
    corners = np.array(list(product(PT, (-ETA, 0, ETA), (-np.pi, 0, np.pi), (0, RHO))))
    pt[-len(corners) :], eta[-len(corners) :], phi[-len(corners) :], rho[-len(corners) :] = corners.T
    pt *= unit_factor("MeV", unit)
    jets = np.column_stack([momentum(pt, eta) * np.exp(rho**2 / 2), pt, eta, phi]).astype(np.float32)
    jets[: n_jets // 100, 0] *= np.float32(1 - 1e-5)  # spacelike
    return jets
