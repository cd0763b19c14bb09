"""What the name of a column says: its quantity, and what physicists call it. The rules by which schemas are inferred.

A name is a hint and not a proof: `atlas-keras info --schema` writes what was understood, for people to change.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import get_args

from atlas_keras.schema import Column, Quantity

# Kinematic variables by the names that files have for them, in small letters, behind the name of their collection.
KINEMATIC = {
    "pt": "pt", "fpt": "pt", "fcoordinates.fpt": "pt",
    "eta": "eta", "feta": "eta", "fcoordinates.feta": "eta",
    "phi": "phi", "fphi": "phi", "fcoordinates.fphi": "phi",
    "m": "mass", "mass": "mass", "fm": "mass", "fcoordinates.fm": "mass",
    "e": "E", "energy": "E", "fe": "E", "fcoordinates.fe": "E", "fcoordinates.ft": "E", "fe()": "E",
    "px": "px", "fx": "px", "momentum.x": "px", "fp.fx": "px", "fcoordinates.fx": "px",
    "py": "py", "fy": "py", "momentum.y": "py", "fp.fy": "py", "fcoordinates.fy": "py",
    "pz": "pz", "fz": "pz", "momentum.z": "pz", "fp.fz": "pz", "fcoordinates.fz": "pz",
}  # fmt: skip
# Size and azimuth of the missing momentum by the names that files have for them; the first ones that are there count.
MISSING = (
    ("MET", "METphi"), ("MET", "MET_phi"), ("PuppiMET_pt", "PuppiMET_phi"), ("MET_pt", "MET_phi"),
    ("PFMET_pt", "PFMET_phi"), ("met", "met_phi"), ("met_met", "met_phi"),
)  # fmt: skip
# Quantities of numbers, by the end or a part of the name; the first rule that fits holds.
RULES: tuple[tuple[str, Quantity], ...] = (
    (r"_mass$", "mass"),  # particleNet_mass is no score
    (r"((^|_|[a-z])(pt|Pt|PT|[Ee]nergy|[Mm]ass)|(^|_)[Ee])(Err|Error|Unc)$", "mass"),
    (r"(MET|MHT)_?[Pp]hi$", "angle"),
    (r"(MET|MHT)$|(?<![A-Z])HT$|(^|_)(MT|MTW|mT|ST|[Mm]eff|met|ht)$", "mass"),
    (r"^(topo)?(pt|et)(var)?cone(_|\d|$)|^neflowisol|^eDep|^Split$|^momentum\w*\.[xyz]$|(^m|trk)p[xyz]$", "mass"),
    (
        r"^(btag|mva|deep|particleNet|pn_|robustParT|qgl|rawDeep|DL1|GN[12]|[bc]JetTag)|[Ss]core|[Dd]isc|^tag|[Mm]va|MVA",
        "score",
    ),
    (r"(?<![A-Za-z])eta$|(?<=[a-z])Eta$|^EtaOuter$", "eta"),
    (r"(?<![A-Za-z])phi$|(?<=[a-z])Phi$|^PhiOuter$", "angle"),
    (r"(^|_)(px|py|pz|m|mass)$|[a-z]Mass$|^mass|^msoftdrop|^(cal|raw)M$|^([Pp]|Eem|Ehad)$", "mass"),
    (r"[Pp]tRel(v\d*)?$", "mass"),  # of a track, across the axis of its jet
    (r"Over|[Rr]el(Pt|pt)$|Rpt$", "other"),  # a ratio
    (r"(^|[_.a-z0-9])(Pt|PT|Et|ET)$|(^|[^A-Za-z]|gen|raw|sum)(pt|et)$|[A-Z]pt$|[Ss]um(Pt|Et|ET)(?!2)", "energy"),
    (r"^(cal|raw)?E$|^(e|energy)$|[A-Za-z]Energy$", "energy"),
    (r"EF$|frac(tion)?\d*\b|Frac(tion)?\d*([A-Z_]|$)|_frac", "fraction"),
)
# What a variable has behind its name where it is another one of the kind: `METJECup`, `pt_vis`, `pt_NOSYS`.
VARIATION = re.compile(
    r"((JE[CRS]|Unclust(ered|En)?)?_?(Up|Down)|(JE[CRS]|_)(up|down))$|(_(NOSYS|AK\d+|vis|invis|neutral|dressed))+$"
)
COUNTS = re.compile(r"^n[A-Z_]|^N[A-Z]|[Mm]ultiplicity|^n$|[Cc]onstituents$|^[nN]um(?!ber$)|Count$")
SYMBOLS = {
    "E": "$E$", "pt": "$p_T$", "eta": r"$\eta$", "phi": r"$\phi$", "mass": "$m$",
    "px": "$p_x$", "py": "$p_y$", "pz": "$p_z$",
}  # fmt: skip


def kinematic_name(name: str) -> str | None:
    """Return what a kinematic column is called here: `pt` for `PT` or `fCoordinates.fPt`; None where it is another."""
    return KINEMATIC.get(name.lower())


def tells_momentum(name: str) -> bool:
    """Tell whether a column's name, without that of its collection, makes its objects ones with a momentum.

    Example:
        >>> tells_momentum("PT"), tells_momentum("charge")
        (True, False)
    """
    return kinematic_name(name) in ("pt", "E", "px")


def missing_momentum_of(names: Container[str]) -> tuple[str, ...]:
    """Return the columns of the events that are size and azimuth of the missing momentum; nothing where there are none.

    Args:
        names: of all columns.

    Example:
        >>> missing_momentum_of(["run", "MET_pt", "MET_phi"])
        ('MET_pt', 'MET_phi')
    """
    return next((pair for pair in MISSING if all(name in names for name in pair)), ())


def quantity_of(name: str, dtype: str) -> Quantity:
    """Tell what a column measures, by its name and the type of its values.

    Args:
        name: without that of its collection.
        dtype: as NumPy calls it.

    Example:
        >>> quantity_of("btagDeepB", "float32"), quantity_of("nConstituents", "uint8"), quantity_of("phi", "float32")
        ('score', 'count', 'angle')
    """
    if dtype == "bool":
        return "flag"
    if not dtype.startswith("float"):
        return "count" if COUNTS.search(name) else "id"
    known = kinematic_name(name)
    bare = known or VARIATION.sub("", name)
    bare = re.sub(r"^((?!.*[Ss]um|e\d).+?)_?\d+$", r"\1", bare)  # pt1 is a pt, sumPt2 a sum of squares, e2 no energy
    quantity: Quantity = next((q for pattern, q in RULES if re.search(pattern, bare)), "other")
    # Only a pt and an E are never zero: energies in parts of a detector are, and have the unit of a mass as well.
    return "mass" if quantity == "energy" and known not in ("pt", "E") else quantity


def infer_column(name: str, dtype: str) -> Column:
    """Describe a column by its name and type.

    Args:
        name: what it is called here.
        dtype: as NumPy calls it.
    """
    quantity = quantity_of(name, dtype)
    assert quantity in get_args(Quantity)
    return Column(name, quantity, SYMBOLS.get(name, ""), dtype=dtype)
