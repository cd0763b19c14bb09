"""What the names of columns say, as files of many kinds have them."""

import pytest

from atlas_keras.data.naming import infer_column, kinematic_name, quantity_of

# Names of floats behind that of their collection, by their quantity.
FLOATS = {
    "energy": ("pt", "PT", "fCoordinates.fPt", "E", "energy", "fCoordinates.fE", "fCoordinates.fT"),
    "mass": (
        # NanoAOD
        "mass", "msoftdrop", "rawPt", "l1pt", "dr03TkSumPt", "dr03TkSumPtHEEP", "dr03EcalRecHitSumEt", "MET_pt",
        "MET_sumEt", "particleNet_mass", "massErr", "GenMET_pt",
        # PHYSLITE
        "m", "JetConstitScaleMomentum_pt", "JetConstitScaleMomentum_m", "px", "calE", "rawE", "calM", "sumet",
        # Delphes, treemaker, EDM4hep, mini-trees
        "Mass", "softDropMass", "momentum.x", "SumPt", "MET_px", "genpt", "chargedEnergy",
        "P", "ET", "Eem", "Ehad", "SumPtChargedPU",
        "ptErr", "ptError", "energyErr", "energyError", "bsConstrainedPtErr", "HT", "MHT", "MET", "CaloMET", "GenHT",
        "MTW", "mT", "LHE_HT", "SoftActivityJetHT5", "HTJECdown", "PuppiMET_ptJERUp", "PuppiMET_ptUnclusteredDown",
        "pt_vis", "m_vis_neutral", "pt_dressed", "LHE_Vpt", "mpx", "jettrkpx", "momentumAtEndpoint.x", "topoetcone20",
        "ptvarcone30", "Split12", "eDep", "pt_NOSYS", "MT_AK8",
        # of the first, of the second, of those above a threshold
        "pt1", "E2", "px1", "m12", "jetPtRelv2", "trackPtRel_3", "l1pt_2", "ptvarcone30_TightTTVA_pt1000",
    ),
    "eta": (
        "eta", "Eta", "fCoordinates.fEta", "JetConstitScaleMomentum_eta", "calEta", "leadTkDeltaEta", "eta1", "eta_vis",
        "EtaOuter",
    ),
    "angle": (
        "phi", "Phi", "fCoordinates.fPhi", "MET_phi", "calPhi", "leadTkDeltaPhi", "phi2", "DeltaPhi1", "METphi",
        "METPhi", "CaloMETPhi", "MHTPhiJECup", "PuppiMET_phiJESUp", "PhiOuter", "DeltaPhi3JERdown", "phi_invis_neutral",
    ),
    "fraction": (
        "chEmEF", "neHEF", "muEF", "chargedHadronEnergyFraction", "EMFrac", "EMFracMax", "emf_frac", "chFPV0EF",
    ),
    "score": (
        "btagDeepB", "btagCSVV2", "deepTagMD_HbbvsQCD", "particleNetAK4_B", "particleNet_QCD", "robustParTAK4B", "qgl",
        "rawDeepTau2017v2p1VSjet",
        "mvaID", "mvaID_Fall17V1p1", "RNNJetScore", "DL1dv01_pb", "DL1r_pu", "GN2v00_pc", "GN2Xv01_phbb",
        "bDiscriminatorCSV", "bJetTagDeepCSVBvsAll", "tagUParTAK4B", "pn_bb", "GN2v01_ptau",
    ),
    "other": (
        "dxy", "dz", "area", "ip3d", "pfRelIso03_all", "tunepRelPt", "JvtRpt", "sip3d", "theta", "iTheta", "beta",
        "zeta", "charge", "Charge", "weight", "chi2", "sieie", "r9", "hoe", "x", "position.x", "D0", "time",
        "tanLambda", "Tau1_wta", "qOverP", "Timing", "EhadOverEem", "METphiSignificance", "significance",
        "x1", "D2", "tau21", "e2", "e3", "ECF1", "n2b1", "dROverEt2", "SumPT2", "sumPt2", "sumTrackPt2",
        "etaError", "phiError", "timeError", "dzErr", "METSignificance", "MET_covXX", "WEIGHT", "pileup", "jerFactorUp",
        # no momentum, though they end as one does
        "offset", "dr_jet", "target", "opt", "attempt", "bucket", "subset", "closestJet", "pnumber",
    ),
}  # fmt: skip
WHOLE = {
    "count": (
        "nConstituents", "nElectrons", "nMuons", "nBHadrons", "NCharged", "NumTrkPt500", "numberOfPixelHits", "nTracks",
        "chargedHadronMultiplicity", "multiplicity", "GhostBHadronsFinalCount", "n", "nJet", "nGenPart", "numDaughters",
    ),
    "id": (
        "hadronFlavour", "jetId", "puId", "pdgId", "charge", "genJetIdx", "PDG", "cellID", "status", "statusFlags",
        "BTag", "Number", "run", "eventNumber", "truthType", "PartonTruthLabelID", "name", "normal",
    ),
}  # fmt: skip
FLAGS = ("looseId", "isPFcand", "HLT_IsoMu24", "passIso", "mass", "nGood")


@pytest.mark.parametrize(("quantity", "name"), [(q, name) for q, names in FLOATS.items() for name in names])
def test_floats(quantity, name):
    assert quantity_of(name, "float32") == quantity_of(name, "float64") == quantity


@pytest.mark.parametrize(("quantity", "name"), [(q, name) for q, names in WHOLE.items() for name in names])
def test_whole_numbers_are_counts_or_names_of_things(quantity, name):
    assert {quantity_of(name, dtype) for dtype in ("int8", "uint8", "int32", "uint64")} == {quantity}


@pytest.mark.parametrize("name", FLAGS)
def test_what_is_true_or_false_is_a_flag_whatever_it_is_called(name):
    assert quantity_of(name, "bool") == "flag"


def test_only_a_pt_and_an_energy_are_never_zero():
    """A bound relative to the value, and its logarithm, are of no use where zeros are common."""
    assert [infer_column(name, "float32").is_logarithmic for name in ("pt", "E", "rawPt", "chargedEnergy", "mass")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert all(infer_column(name, "float32").is_energy for name in FLOATS["energy"] + FLOATS["mass"])


@pytest.mark.parametrize(
    ("known", "names"),
    [
        ("pt", ("pt", "PT", "Pt", "fCoordinates.fPt")),
        ("E", ("e", "E", "energy", "Energy", "fCoordinates.fT")),
        ("mass", ("m", "M", "mass", "Mass", "fCoordinates.fM")),
        ("px", ("px", "Px", "momentum.x", "fP.fX", "fCoordinates.fX")),
        (None, ("x", "ptErr", "rawPt", "momentumAtEndpoint.x", "etaErr", "phi1", "", "E1")),
    ],
)
def test_kinematic_columns_are_called_as_here(known, names):
    assert {kinematic_name(name) for name in names} == {known}


def test_a_column_has_what_physicists_write():
    assert infer_column("pt", "float32").label("GeV") == "$p_T$ [GeV]"
    assert infer_column("phi", "float32").label("GeV") == r"$\phi$ [rad]"
    assert infer_column("btagDeepB", "float32").label("GeV") == "btagDeepB"
    assert infer_column("charge", "int32").usual_bound.kind == "exact"
