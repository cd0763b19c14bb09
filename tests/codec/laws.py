"""The law of all codings: every jet comes back within its bounds, computed here once more and by other formulas."""

import numpy as np

from atlas_keras.codec.entropy_model.context import MissingMomentum
from atlas_keras.schema import PHI_MAX


def errors(x, x_hat):
    """Compute relative errors of E and pt, absolute ones of eta and phi (as the length of an arc), of all jets."""
    x, x_hat = np.asarray(x, np.longdouble), np.asarray(x_hat, np.longdouble)
    arc = np.abs(np.arctan2(np.sin(x_hat[:, 3] - x[:, 3]), np.cos(x_hat[:, 3] - x[:, 3])))
    return np.stack([*np.abs(x_hat[:, :2] / x[:, :2] - 1).T, np.abs(x_hat[:, 2] - x[:, 2]), arc], axis=1)


def check_bounds(x, x_hat, bounds):
    """Check bounds of E, pt, eta and phi; jets with values that have no error come back as they are."""
    x, x_hat = np.asarray(x, np.float64), np.asarray(x_hat, np.float64)
    ordinary = np.isfinite(x).all(axis=1) & (x[:, :2] > 0).all(axis=1)
    np.testing.assert_array_equal(x_hat[~ordinary].view(np.int64), x[~ordinary].view(np.int64))
    limits = [bounds.E, bounds.pt, bounds.eta, bounds.phi]
    assert np.all(errors(x[ordinary], x_hat[ordinary]) <= limits)


def masses(x):
    """Compute signed squares of masses in extended precision."""
    x = np.asarray(x, np.longdouble)
    return x[:, 0] ** 2 - (x[:, 1] * np.cosh(x[:, 2])) ** 2


def random_jets(n, seed, digits=None):
    """Make jets of all kinds: 1 keV to 10 PeV, |eta| to 11, massless, heavy, slightly spacelike, phi rounded to pi."""
    rng = np.random.default_rng(seed)
    pt, eta, phi = 10 ** rng.uniform(-3, 9, n), rng.uniform(-4.5, 4.5, n), rng.uniform(-np.pi, np.pi, n)
    eta[: n // 50] *= 2.4
    phi[: n // 20] = rng.choice([-np.pi, np.pi, 0.0, 3.1416015625, -3.1416015625, PHI_MAX, -PHI_MAX], n // 20)
    ratio = 1 + 10 ** rng.uniform(-9, 1, n)
    ratio[n // 2 : n // 2 + n // 10] = 1
    ratio[-n // 10 :] = 1 - 10 ** rng.uniform(-9, -5, len(ratio[-n // 10 :]))
    jets = np.column_stack([pt * np.cosh(eta) * ratio, pt, eta, phi])
    if digits:
        jets = np.array([[float(f"{value:.{digits}g}") for value in jet] for jet in jets])
    jets[:, 3] = np.clip(jets[:, 3], -PHI_MAX, PHI_MAX)
    return jets


def spoiled(jets, seed):
    """Put values that no code reaches among jets."""
    jets, rng = jets.copy(), np.random.default_rng(seed)
    for value in (np.nan, np.inf, -np.inf, 0.0, -0.0, -5.0, 1e300, 5e-324):
        rows = rng.integers(0, len(jets), max(len(jets) // 100, 1))
        jets[rows, rng.integers(0, 4, len(rows))] = value
    return jets


def random_cells(entropy_coding, n, seed):
    """Make cells that have symbols, shape `(n, 4)`."""
    a, rng = entropy_coding.symbol_tables, np.random.default_rng(seed)
    limits = [(x.first[0], x.first[-1]) for x in (a.pt, a.eta)] + [(0, entropy_coding.grid.n_phi)]
    limits.append((a.energy.first[0], a.energy.first[-1]))
    return np.column_stack([rng.integers(low, high, n) for low, high in limits]).astype(np.int64)


def events(n_events, seed):
    """Make cells' companions: numbers of jets, some none and some very many, and missing momentum of all kinds."""
    rng = np.random.default_rng(seed)
    n_jets = rng.choice([0, 1, 2, 3, 7, 60], n_events, p=[0.1, 0.3, 0.3, 0.2, 0.09, 0.01])
    met = rng.choice([0.0, 1.0, 5e5, 1e300, np.nan, np.inf, -3.0], n_events)
    return n_jets, MissingMomentum(met, rng.choice([0.0, 3.0, -3.0, 1e9, np.nan], n_events))
