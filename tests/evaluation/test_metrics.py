import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_keras import kinematics, load_jets
from atlas_keras.command import mean_errors
from atlas_keras.evaluation import tables
from atlas_keras.evaluation.baselines import fit_baselines
from atlas_keras.evaluation.fine_histogram import FineHistogram
from atlas_keras.evaluation.metrics import summarize
from atlas_keras.evaluation.observables import Observables, all_columns, counted, derived_of, difference, residual
from atlas_keras.evaluation.published_figures import PublishedSpace, published_figures
from atlas_keras.kinematics import dijet_mass, leading_pairs
from atlas_keras.schema import FOUR_MOMENTUM, Collection, Column
from benchmarks.figures import evaluate_jets, residuals

NAMES = ["E", "pt", "eta", "phi"]


@pytest.fixture(scope="module")
def sample():
    jets = load_jets()
    return jets[NAMES].to_numpy(np.float32), jets["event"].to_numpy()


def disturbed(x):
    rng = np.random.default_rng(3)
    return (x * (1 + 1e-3 * rng.standard_normal(x.shape))).astype(np.float32)


def test_published_figures_equal_an_independent_computation(sample):
    x, _ = sample
    x_hat = disturbed(x)

    def scale(a):
        a = a.astype(np.float64)
        return np.column_stack([np.log10(a[:, 0]), np.log10(a[:, 1]), a[:, 2] / 5, a[:, 3] / 3])

    low, high = scale(x).min(0), scale(x).max(0)
    u, v = (scale(x) - low) / (high - low), (scale(x_hat) - low) / (high - low)
    figures = published_figures(x, x_hat, PublishedSpace.of(x, FOUR_MOMENTUM))
    assert figures["mse"] == pytest.approx(((u - v) ** 2).mean(), rel=1e-9)
    assert figures["E"] == pytest.approx(abs(10 ** (v[:, 0] - u[:, 0]) - 1).mean(), rel=1e-9)
    keep = u[:, 3] != 0
    assert figures["phi"] == pytest.approx(abs(v[keep, 3] / u[keep, 3] - 1).mean(), rel=1e-9)


def test_physical_figures_equal_an_independent_computation(sample):
    x, event = sample
    x_hat = disturbed(x)
    figures = evaluate_jets(
        x, x_hat, FOUR_MOMENTUM, event, PublishedSpace.of(x, FOUR_MOMENTUM), fit_baselines(x, FOUR_MOMENTUM)
    )
    d = np.asarray(x_hat, float) - np.asarray(x, float)
    assert figures["test"]["pt"]["rms"] == pytest.approx(np.sqrt(np.mean((d[:, 1] / x[:, 1]) ** 2)), rel=1e-6)
    assert figures["test"]["eta"]["bias"] == pytest.approx(d[:, 2].mean(), rel=1e-6)
    assert figures["test"]["E"]["p95"] == pytest.approx(np.quantile(abs(d[:, 0] / x[:, 0]), 0.95), rel=1e-5)
    wrapped = abs(np.angle(np.exp(1j * d[:, 3])))
    assert figures["test"]["phi"]["max"] == pytest.approx(wrapped.max(), rel=1e-6)


def test_a_perfect_model_has_no_error(sample):
    x, event = sample
    figures = evaluate_jets(x, x, FOUR_MOMENTUM, event, PublishedSpace.of(x, FOUR_MOMENTUM), [])
    assert figures["published"]["mse"] == 0
    assert figures["mass"]["max"] == figures["dijet_mass"]["max"] == figures["test"]["E"]["max"] == 0
    assert figures["mass"]["n"] + figures["mass"]["n_not_positive"] == len(x)


def test_phi_wraps():
    x = np.array([[2.0, 1, 0, 3.1]])
    x_hat = np.array([[2.0, 1, 0, -3.1]])
    assert residuals(x, x_hat, FOUR_MOMENTUM)["phi"][0] == pytest.approx(2 * np.pi - 6.2)


def test_nothing_to_summarize_is_none_and_no_crash(sample):
    x, _ = sample
    assert set(summarize(FineHistogram.of([])).to_dict().values()) == {None}
    figures = evaluate_jets(x[:1], x[:1], FOUR_MOMENTUM, np.zeros(1, int), PublishedSpace.of(x, FOUR_MOMENTUM), [])
    assert figures["dijet_mass"]["n"] == 0


def test_masses_that_are_not_positive_are_counted_not_divided_by():
    before = Observables(np.array([[5.0, 3, 0, 0], [3, 3, 0, 0], [2, 3, 0, 0]]), FOUR_MOMENTUM)
    after = Observables(np.array([[3.0, 3, 0, 0], [5, 3, 0, 0], [5, 3, 0, 0]]), FOUR_MOMENTUM)
    assert before["mass"][:2].tolist() == [4, 0]
    np.testing.assert_array_equal(residual(before, after, "mass"), [-1, np.nan, np.nan])
    figures = evaluate_jets(
        before.jets, after.jets, FOUR_MOMENTUM, np.zeros(3, int), PublishedSpace.of(before.jets, FOUR_MOMENTUM), []
    )
    assert (figures["mass"]["n"], figures["mass"]["n_not_positive"]) == (1, 2)


def test_absolute_figures_are_in_the_unit_of_the_jets(sample):
    x, event = sample
    x_hat = disturbed(x)
    figures = evaluate_jets(x, x_hat, FOUR_MOMENTUM, event, PublishedSpace.of(x, FOUR_MOMENTUM), [])["absolute"]
    d = x_hat[:, 1].astype(float) - x[:, 1].astype(float)
    assert figures["pt"]["bias"] == pytest.approx(d.mean(), rel=1e-9)
    assert figures["pt"]["p99"] == pytest.approx(np.quantile(abs(d), 0.99), rel=2.5e-4)  # a fine bin
    mass = [np.sqrt(abs(v := j[:, 0] ** 2 - (j[:, 1] * np.cosh(j[:, 2])) ** 2)) * np.sign(v)
            for j in (x.astype(float), x_hat.astype(float))]  # fmt: skip
    assert figures["mass"]["rms"] == pytest.approx(np.sqrt(np.mean((mass[1] - mass[0]) ** 2)), rel=1e-6)


def test_differences_of_phi_are_the_short_way_round():
    before, after = (Observables(np.array([[2.0, 1, 0, phi]]), FOUR_MOMENTUM) for phi in (3.1, -3.1))
    assert difference(before, after, "phi")[0] == pytest.approx(2 * np.pi - 6.2)


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(1, 1e6)), max_size=40))
def test_leading_pairs_are_the_two_hardest_jets(rows):
    rows = sorted(rows, key=lambda row: row[0])
    event, pt = np.array([r[0] for r in rows], int), np.array([r[1] for r in rows])
    pairs = leading_pairs(pt, event)
    expected = [e for e in np.unique(event) if np.sum(event == e) >= 2]
    assert event[pairs[:, 0]].tolist() == expected
    for (first, second), e in zip(pairs, expected, strict=True):
        assert event[second] == e
        assert [pt[first], pt[second]] == sorted(pt[event == e])[::-1][:2]


def test_dijet_mass_of_back_to_back_massless_jets():
    jets = np.array([[50.0, 50, 0, 0], [50, 50, 0, np.pi]])
    assert dijet_mass(*np.asarray(jets).T, np.array([[0, 1]]))[0] == pytest.approx(100)


def test_baselines_on_the_real_data_are_those_of_the_design(real_file):
    jets = load_jets(real_file("monojet_Zp2000.0_DM_50.0_chan3.csv"))[NAMES].to_numpy()
    space = PublishedSpace.of(jets, FOUR_MOMENTUM)
    mse = {b.name: published_figures(jets, b(jets), space)["mse"] for b in fit_baselines(jets, FOUR_MOMENTUM)}
    assert mse["massless"] == pytest.approx(9.4e-7, rel=0.01)
    assert mse["constant_ratio"] == pytest.approx(5.7e-7, rel=0.01)
    assert mse["constant_mass"] <= 4.4e-7


def columns_of(**columns):
    names = tuple(columns)
    values = np.column_stack([np.asarray(columns[name], np.float64) for name in names])
    quantities = {"pt": "energy", "E": "energy", "eta": "eta", "phi": "angle", "mass": "mass"}
    return values, tuple(Column(name, quantities.get(name, "other")) for name in names)


def test_ratios_of_substructure_are_there_where_their_columns_are():
    taus = {"tau1": [0.5, 0.0, 0.2], "tau2": [0.25, 0.0, 0.1], "tau3": [0.1, 0.0, 0.05]}
    x, columns = columns_of(**taus, e2=[0.1, 0, 0.2], e3=[1, 1, 4])
    o = Observables(x, Collection("Jet", columns))
    assert list(o.all)[5:] == ["tau21", "tau32", "C2", "D2"]
    np.testing.assert_allclose(o["tau21"], [0.5, 0, 0.5])  # a jet of one constituent has no axes to tell apart
    np.testing.assert_allclose(o["tau32"], [0.4, 0, 0.5])
    np.testing.assert_allclose(o["C2"], [100, 0, 100])
    np.testing.assert_allclose(o["D2"], [1000, 0, 500])
    assert "D2" not in [c.column.name for c in derived_of(Collection("Jet", (*columns, Column("D2"))))]
    x, columns = columns_of(Tau1_wta=[0.5], Tau2_wta=[0.1], ECF1=[2.0], ECF2=[3.0], ECF3=[4.0])
    o = Observables(x, Collection("AnalysisLargeRJets", columns))
    assert {name: float(o[name][0]) for name in list(o.all)[5:]} == pytest.approx(
        {"tau21_wta": 0.2, "C2": 4 * 2 / 9, "D2": 4 * 8 / 27}
    )


@pytest.mark.parametrize(("name", "pair"), [("jets", "dijet_mass"), ("FatJet", "dijet_mass"), ("Muon", "pair_mass")])
def test_pairs_have_a_mass_where_the_energy_follows_from_that_of_each(name, pair):
    four, columns = columns_of(pt=[50, 40], eta=[0.5, -1], phi=[0, 3], E=[80, 90])
    masses = kinematics.mass(four[:, 3], four[:, 0], four[:, 1])
    other, of_mass = columns_of(pt=four[:, 0], eta=four[:, 1], phi=four[:, 2], mass=masses)
    found = [
        Observables.of_events(x, Collection(name, c), np.zeros(2, int)) for x, c in ((four, columns), (other, of_mass))
    ]
    assert found[0][pair] == pytest.approx(found[1][pair])
    assert found[0][pair].shape == (1,)
    assert (found[0].all["mass"].title == "mass") == (name == "Muon")
    assert counted(found[0].all[pair], Collection(name, columns).word) == ("pairs" if name == "Muon" else "dijets")


def test_a_mass_near_zero_does_not_decide_what_is_printed():
    x, columns = columns_of(pt=[10, 10, 10], mass=[1e-6, 5, 5])
    after = x + np.array([1, 0.1])
    collection = Collection("Muon", columns)
    figures = evaluate_jets(x, after, collection, np.arange(3), None, [])
    assert mean_errors(figures["test"], collection) == "pt 0.1, mass 0.02 (median)"
    sizes = {"": FineHistogram.of(np.zeros(3)), "mass": FineHistogram.of([1 / 1e-6, 0.02, 0.02])}
    assert tables.mean_errors(sizes, all_columns(collection)) == {"n": 3, "mass": pytest.approx(0.02)}
