"""Events as rows: the leading jets in order, and what all of them miss."""

import numpy as np
import pytest

from atlas_keras import leading_objects

JETS = (
    "0;0;1;50000;1;j,60e3,30e3,0.5,0.5;j,90e3,80e3,-0.1,-2;e-,9e3,9e3,0,0;j,400e3,20e3,3.5,1\n"
    "1;0;1;0;0;j,60e3,50e3,0.2,3\n"
    "2;0;1;0;0;e-,60e3,50e3,0.2,3\n"
)


def test_rows(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text(JETS)
    events = leading_objects(path, n_jets=2)
    assert list(events.columns) == ["pt_1", "phi_1", "eta_1", "pt_2", "phi_2", "eta_2", "met", "met_phi"]
    assert set(events.dtypes) == {np.dtype("float32")}
    first = [80, -2, -0.1, 30, 0.5, 0.5]
    x = -(80 * np.cos(-2) + 30 * np.cos(0.5) + 20 * np.cos(1))
    y = -(80 * np.sin(-2) + 30 * np.sin(0.5) + 20 * np.sin(1))
    np.testing.assert_allclose(events.iloc[0], [*first, np.hypot(x, y), np.arctan2(y, x)], rtol=1e-5)
    np.testing.assert_allclose(events.iloc[1], [50, 3, 0.2, 0, 0, 0, 50, 3 - np.pi], rtol=1e-5)
    assert len(events) == 2  # an event without jets has no row
    narrow = leading_objects(path, "MeV", n_jets=3, eta_max=3)
    assert narrow.iloc[0]["pt_3"] == 0
    assert narrow.iloc[0]["pt_1"] == pytest.approx(80e3)
    assert narrow.iloc[0]["met"] == pytest.approx(1e3 * np.hypot(x + 20 * np.cos(1), y + 20 * np.sin(1)), rel=1e-5)
