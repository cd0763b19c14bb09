"""The samples of jets that ship with the package: `sample:substructure` stands for a file wherever one is read."""

from __future__ import annotations

from pathlib import Path

from atlas_keras.errors import JetDataError
from atlas_keras.suggestions import suggest

PREFIX = "sample:"
FOLDER = Path(__file__).parent / "sample"
SAMPLES = {
    "qcd_jets": FOLDER / "qcd_jets.csv.gz",  # 20,002 four-momenta, in Dark Machines text
    "substructure": FOLDER / "substructure.parquet",  # 10,004 jets of 31 variables, as NanoAOD is in Parquet
}
SAMPLE = SAMPLES["qcd_jets"]  # what is read where no file is named


def sample_file(name: str) -> Path:
    """Return the file of a sample.

    Args:
        name: of the sample, with `sample:` before it.

    Raises:
        JetDataError: there is none of this name; the message names the nearest one.
    """
    name = name.removeprefix(PREFIX)
    if name not in SAMPLES:
        raise JetDataError(f"{PREFIX}{name}: there is no such sample; {suggest(name, SAMPLES)}")
    return SAMPLES[name]
